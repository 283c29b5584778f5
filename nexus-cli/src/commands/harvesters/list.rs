//! `nexus harvesters list`.

use std::time::Duration;

use clap::Args;
use nexus_core::config::{Carrier, Config, HarvesterConfig};
use nexus_core::cursor::Cursor;
use nexus_core::db::{Access, Database};
use nexus_core::instrument::Instruments;
use nexus_core::plugins::harvester_table_of;
use nexus_core::timestamp::UtcTime;
use nexus_plugin_api::{Plugin as _, PluginKind};
use serde::Serialize;

use crate::args::Global;
use crate::commands::plugins::subject::surroundings;
use crate::commands::{config, db};
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, output};

const EXAMPLES: &str = "\
Examples:
  nexus harvesters list          where sessions come from, and up to when they were read
  nexus harvesters list --json   the same for a script, instrument by instrument

`Read up to` is the earliest of its instruments. No server is asked, and no token is needed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {}

/// One harvester.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    /// `None` if it cannot be loaded.
    plugin: Option<String>,
    address: Option<&'a str>,
    aliases: &'a [String],
    instruments: Vec<Progress>,
    /// Why the plugin cannot be loaded.
    problem: Option<String>,
}

/// How far one instrument was read.
#[derive(Debug, Serialize)]
struct Progress {
    instrument_pid: String,
    cursor: Option<String>,
    covered_from: Option<UtcTime>,
    covered_to: Option<UtcTime>,
    /// When the cursor last moved; `None` before the first harvest.
    checked_at: Option<UtcTime>,
}

pub(super) fn run(global: &Global) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let place = Place::find(global, Asked { path: None, wait: Duration::from_secs(30) })?;
    let database = place.open_at_head(Access::Read).map_err(db::stop)?;
    let lines = lines(&config, &database)?;
    if global.json {
        output::json(&lines)?;
    } else if lines.is_empty() {
        output::line("no harvester is configured: sessions come from a table such as [harvesters.nemo-main]");
    } else {
        let headings = ["Harvester", "Plugin", "Address", "Instruments", "Read from", "Read up to"];
        output::table(&headings, lines.iter().map(Line::cells));
        for line in &lines {
            if let Some(problem) = &line.problem {
                output::line(format!("\n{}: {problem}", line.name));
            }
        }
    }
    Ok(ExitCode::Done)
}

fn lines<'a>(config: &'a Config, database: &Database) -> Result<Vec<Line<'a>>, Stop> {
    let instruments = Instruments::load(database.read()).or_stop(ExitCode::CannotStart)?;
    let plugins: Vec<Result<String, String>> =
        config.harvesters.iter().map(|table| plugin(config, table)).collect();
    let usable: Vec<(&HarvesterConfig, &str)> = config
        .harvesters
        .iter()
        .zip(&plugins)
        .filter_map(|(table, plugin)| Some((table, plugin.as_deref().ok()?)))
        .collect();
    let has_own = database.has_own_tables().map_err(db::stop)?;
    let mut lines = Vec::new();
    for (table, plugin) in config.harvesters.iter().zip(&plugins) {
        // Before the first run of nexus there is no such table.
        let mut cursors = if has_own {
            Cursor::of_harvester(database.read(), &table.name).or_stop(ExitCode::CannotStart)?
        } else {
            std::collections::BTreeMap::new()
        };
        let own = instruments.iter().filter(|one| harvester_table_of(one, &usable) == Some(&table.name));
        let progress = own.map(|one| match cursors.remove(&one.pid) {
            Some(cursor) => Progress {
                instrument_pid: one.pid.to_string(),
                cursor: cursor.cursor,
                covered_from: cursor.covered_from,
                covered_to: cursor.covered_to,
                checked_at: Some(cursor.checked_at),
            },
            None => Progress {
                instrument_pid: one.pid.to_string(),
                cursor: None,
                covered_from: None,
                covered_to: None,
                checked_at: None,
            },
        });
        lines.push(Line {
            name: table.name.as_str(),
            plugin: plugin.clone().ok(),
            address: table.address.as_deref(),
            aliases: &table.aliases,
            instruments: progress.collect(),
            problem: plugin.clone().err(),
        });
    }
    Ok(lines)
}

/// The plugin's own name; those that are not linked are loaded for it.
pub(in crate::commands) fn plugin(config: &Config, table: &HarvesterConfig) -> Result<String, String> {
    if let Carrier::Linked { plugin } = &table.carrier {
        return Ok(plugin.clone());
    }
    first_party::catalogue()
        .load(
            &table.carrier,
            Some(PluginKind::Harvester),
            table.settings.table(),
            &surroundings(Some(config)),
        )
        .map(|plugin| plugin.manifest().name)
        .map_err(|error| output::chain(&error))
}

impl Line<'_> {
    fn cells(&self) -> Vec<String> {
        let read = || self.instruments.iter().filter(|one| one.checked_at.is_some());
        let never = self.instruments.len() - read().count();
        let day = |time: UtcTime| time.0.format("%Y-%m-%d %H:%M UTC").to_string();
        let (from, to) = if read().next().is_none() {
            ("-".to_owned(), "-".to_owned())
        } else {
            let from = if read().any(|one| one.covered_from.is_none()) {
                "the beginning".to_owned()
            } else {
                read().filter_map(|one| one.covered_from).max().map(day).unwrap_or_default()
            };
            let to = read().filter_map(|one| one.covered_to.or(one.checked_at)).min();
            (from, to.map(day).unwrap_or_default())
        };
        let count = match never {
            0 => self.instruments.len().to_string(),
            never => format!("{} ({never} not read yet)", self.instruments.len()),
        };
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        vec![self.name.to_owned(), or_dash(self.plugin.as_deref()), or_dash(self.address), count, from, to]
    }
}
