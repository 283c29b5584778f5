//! `nexus harvesters rebase`: the instruments of a scheduler that has another address now.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use nexus_core::api_address::ApiBase;
use nexus_core::config::{Config, HarvesterConfig};
use nexus_core::db::{Access, peer};
use nexus_core::instrument::Instruments;
use nexus_core::instrument::rebase::{self, Rebased};
use serde_json::json;

use crate::args::Global;
use crate::commands::db;
use crate::commands::plugins::subject::config_if_any;
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  See first what would change:
    nexus harvesters rebase https://old.example.org/api/ https://nemo.example.org/api/ --dry-run
  Do it; the database is copied before:
    nexus harvesters rebase https://old.example.org/api/ https://nemo.example.org/api/

The api_url of every instrument that is a tool of the old API itself is rewritten, and its calendar_url where that lies \
on the old site. Sessions keep their identifiers, which hold the old address: they are history. So that their events \
are known again, the harvester's table needs the new address under `address` and the old one under `aliases`; what is \
missing there is said at the end. A second time there is nothing to change.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RebaseArgs {
    /// The former root of the API, such as <https://old.example.org/api/>.
    #[arg(value_name = "OLD")]
    old: String,
    /// The root of the API now.
    #[arg(value_name = "NEW")]
    new: String,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(global: &Global, args: &RebaseArgs) -> Result<ExitCode, Stop> {
    let base = |text: &str| {
        ApiBase::parse(text).map_err(|why| {
            Stop::new(ExitCode::Usage, anyhow!("`{text}` is not the root of an API: {why}"))
                .with_hint("it looks like https://nemo.example.org/api/")
        })
    };
    let (old, new) = (base(&args.old)?, base(&args.new)?);
    if old == new {
        return Err(Stop::new(
            ExitCode::Usage,
            anyhow!("OLD and NEW are the same address: `{}`", new.as_str()),
        ));
    }
    let config = config_if_any(global)?;
    let place = Place::find(global, Asked { path: None, wait: Duration::from_secs(30) })?;
    let planned = |connection: &rusqlite::Connection| {
        let instruments = Instruments::load(connection).or_stop(ExitCode::CannotStart)?;
        rebase::plan(&instruments, &old, &new).map_err(|error| {
            Stop::new(ExitCode::Failed, error)
                .with_hint("two instruments cannot stand for one tool: edit or remove one of them")
        })
    };
    let mut backup = None;
    let mut moves = planned(place.open_at_head(Access::Read).map_err(db::stop)?.read())?;
    if !args.dry_run && !moves.is_empty() {
        let _locks = place.lock()?;
        backup = Some(peer::backup(place.path(), &place.options()).map_err(db::stop)?);
        let mut database = place.open_at_head(Access::Write).map_err(db::stop)?;
        let tx = database.transaction().map_err(db::stop)?;
        // Once more, now that nobody else can write.
        moves = planned(&tx)?;
        rebase::apply(&tx, &moves).or_stop(ExitCode::Failed)?;
        tx.commit().or_stop(ExitCode::Failed)?;
    }
    let advice = advice(config.as_ref(), &old, &new);
    if global.json {
        let line = |made: &Rebased| {
            json!({
                "instrument_pid": made.after.pid,
                "api_url": [made.before.api_url, made.after.api_url],
                "calendar_url": [made.before.calendar_url, made.after.calendar_url],
            })
        };
        let changed: Vec<_> = moves.iter().map(line).collect();
        output::json(&json!({
            "changed": changed, "backup": backup, "dry_run": args.dry_run, "configuration": advice,
        }))?;
        return Ok(ExitCode::Done);
    }
    if let Some(backup) = &backup {
        output::line(format!("backup: {}", backup.display()));
    }
    for Rebased { before, after } in &moves {
        output::line(format!("{}", after.pid));
        output::line(format!("  api_url: `{}` -> `{}`", before.api_url, after.api_url));
        if before.calendar_url != after.calendar_url {
            output::line(format!("  calendar_url: `{}` -> `{}`", before.calendar_url, after.calendar_url));
        }
    }
    match moves.len() {
        0 => output::line(format!("no instrument is a tool of {}: nothing to do", old.as_str())),
        _ if args.dry_run => output::line("nothing was changed: this was a dry run"),
        1 => output::line("1 instrument has its new address"),
        count => output::line(format!("{count} instruments have their new addresses")),
    }
    for line in advice {
        output::line(line);
    }
    Ok(ExitCode::Done)
}

/// What the configuration has to say so that sessions of before and after belong together.
fn advice(config: Option<&Config>, old: &ApiBase, new: &ApiBase) -> Vec<String> {
    let is = |base: &ApiBase, text: &str| ApiBase::parse(text).is_ok_and(|other| other == *base);
    let knows = |table: &&HarvesterConfig| {
        table.address.iter().chain(&table.aliases).any(|text| is(old, text) || is(new, text))
    };
    let tables: Vec<&HarvesterConfig> =
        config.map(|config| config.harvesters.iter().filter(knows).collect()).unwrap_or_default();
    let (address, aliases) =
        (format!("address = \"{}\"", new.as_str()), format!("aliases = [\"{}\"]", old.as_str()));
    let table = match tables.as_slice() {
        [] => {
            return vec![format!(
                "to do: set {address} and {aliases} in the [harvesters] table of this server"
            )];
        }
        [only] => *only,
        several => {
            let names: Vec<&str> = several.iter().map(|table| table.name.as_str()).collect();
            return vec![format!(
                "to do: make one table of [harvesters] {} with {address} and {aliases}: they are one server",
                names.join(", ")
            )];
        }
    };
    let mut todo = Vec::new();
    if !table.address.as_deref().is_some_and(|text| is(new, text)) {
        todo.push(format!("to do: set {address} in [harvesters.{}]", table.name));
    }
    if !table.aliases.iter().any(|text| is(old, text)) {
        todo.push(format!("to do: add \"{}\" to `aliases` in [harvesters.{}]", old.as_str(), table.name));
    }
    todo
}
