//! `nexus plugins list`.

use std::collections::BTreeSet;

use clap::Args;
use nexus_core::config::{Carrier, Config, check_settings};
use nexus_core::plugins::{Catalogue, OpenError, Surroundings};
use nexus_plugin_api::{Manifest, Plugin as _, PluginKind};
use serde::Serialize;

use super::subject::{Table, config_if_any, surroundings, tables};
use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::{first_party, output};

const EXAMPLES: &str = "\
Examples:
  nexus plugins list             the plugins there are, and the tables that use them
  nexus plugins list --json      the same for a script

Plugins of the configuration are loaded and asked for their manifest; their settings are compared with it. Whether \
they could work now is what `nexus plugins check` asks. Without a configuration, those that come with nexus are listed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {}

/// One plugin.
#[derive(Debug, Serialize)]
struct Line {
    /// `None` if it cannot be loaded.
    name: Option<String>,
    kind: Option<PluginKind>,
    version: Option<String>,
    protocol: Option<String>,
    summary: Option<String>,
    carrier: &'static str,
    /// The library, or the words of the command.
    file: Option<String>,
    tables: Vec<Use>,
    /// Why it cannot be used at all.
    problem: Option<String>,
}

/// A table that uses a plugin.
#[derive(Debug, Serialize)]
struct Use {
    table: String,
    /// Why this table cannot be used.
    problem: Option<String>,
}

pub(super) fn run(global: &Global, _args: &ListArgs) -> Result<ExitCode, Stop> {
    let config = config_if_any(global)?;
    let lines = lines(&first_party::catalogue(), config.as_ref());
    if global.json {
        output::json(&lines)?;
    } else {
        print(&lines);
    }
    Ok(ExitCode::Done)
}

fn lines(catalogue: &Catalogue, config: Option<&Config>) -> Vec<Line> {
    let surroundings = surroundings(config);
    let mut left = config.map(tables).unwrap_or_default();
    let mut lines = Vec::new();
    for plugin in catalogue.linked() {
        let manifest = plugin.manifest();
        let own = |table: &mut Table<'_>| {
            matches!(table.carrier, Carrier::Linked { plugin } if *plugin == manifest.name)
                && table.kind == manifest.kind
        };
        let uses = left.extract_if(.., own).map(|table| used(&table, &manifest)).collect();
        lines.push(Line::new(Ok(manifest), &Carrier::Linked { plugin: String::new() }, uses));
    }
    while let Some(&first) = left.first() {
        let same: Vec<Table<'_>> = left.extract_if(.., |table| table.carrier == first.carrier).collect();
        lines.push(other(catalogue, &surroundings, first, &same));
    }
    lines
}

/// A plugin that is not linked, or not there; loaded once for all tables that use it.
fn other(catalogue: &Catalogue, surroundings: &Surroundings, first: Table<'_>, same: &[Table<'_>]) -> Line {
    let loaded = catalogue.load(first.carrier, Some(first.kind), first.settings.table(), surroundings);
    match loaded.map(|plugin| plugin.manifest()) {
        Ok(manifest) => {
            let uses = same.iter().map(|table| used(table, &manifest)).collect();
            Line::new(Ok(manifest), first.carrier, uses)
        }
        Err(error) => {
            let unused = |table: &Table<'_>| Use { table: table.settings.table().to_owned(), problem: None };
            let uses = same.iter().map(unused).collect();
            Line::new(Err(output::chain(&error)), first.carrier, uses)
        }
    }
}

fn used(table: &Table<'_>, manifest: &Manifest) -> Use {
    let name = table.settings.table().to_owned();
    let problems = check_settings(table.settings, &manifest.settings);
    let error = if manifest.kind != table.kind {
        let (plugin, is, wanted) = (manifest.name.clone(), manifest.kind, table.kind);
        Some(OpenError::OtherKind { table: name.clone(), plugin, is, wanted })
    } else if problems.is_empty() {
        None
    } else {
        Some(OpenError::Settings { table: name.clone(), problems })
    };
    Use { table: name, problem: error.map(|error| output::chain(&error)) }
}

impl Line {
    fn new(manifest: Result<Manifest, String>, carrier: &Carrier, tables: Vec<Use>) -> Self {
        let (manifest, problem) = match manifest {
            Ok(manifest) => (Some(manifest), None),
            Err(problem) => (None, Some(problem)),
        };
        let linked = match carrier {
            Carrier::Linked { plugin } => Some(plugin.clone()).filter(|plugin| !plugin.is_empty()),
            _ => None,
        };
        let kind = manifest.as_ref().map(|manifest| manifest.kind);
        let (name, version, protocol, summary) = match manifest {
            Some(m) => (Some(m.name), Some(m.version), Some(m.protocol), Some(m.summary)),
            None => (linked, None, None, None),
        };
        let (carrier, file) = carried(carrier);
        Self { name, kind, version, protocol, summary, carrier, file, tables, problem }
    }

    /// Every reason why something does not work, without repeats.
    fn problems(&self) -> BTreeSet<&str> {
        self.problem
            .iter()
            .chain(self.tables.iter().filter_map(|used| used.problem.as_ref()))
            .map(String::as_str)
            .collect()
    }

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let tables: Vec<&str> = self.tables.iter().map(|used| used.table.as_str()).collect();
        vec![
            or_dash(self.name.as_deref()),
            or_dash(self.kind.map(PluginKind::as_str)),
            or_dash(self.version.as_deref()),
            self.carrier.to_owned(),
            or_dash(self.file.as_deref()),
            if tables.is_empty() { "-".to_owned() } else { tables.join(", ") },
            if self.problems().is_empty() { "usable" } else { "not usable" }.to_owned(),
        ]
    }
}

/// The carrier's word, and what it carries.
pub(super) fn carried(carrier: &Carrier) -> (&'static str, Option<String>) {
    match carrier {
        Carrier::Linked { .. } => ("linked", None),
        Carrier::Library { path, .. } => ("library", Some(path.display().to_string())),
        Carrier::Command { words, .. } => ("process", Some(words.join(" "))),
    }
}

fn print(lines: &[Line]) {
    let headings = ["plugin", "kind", "version", "carrier", "file", "used by", "state"];
    output::table(&headings, lines.iter().map(Line::cells));
    for problem in lines.iter().flat_map(Line::problems) {
        output::line("");
        output::line(problem);
    }
}
