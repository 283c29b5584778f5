//! What `nexus config check` says of the instruments: each has a folder of its own and a harvester, and no harvester is idle.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_core::config::{Config, HarvesterConfig};
use nexus_core::db::Database;
use nexus_core::folders::Folders;
use nexus_core::instrument::{Instrument, Instruments};
use nexus_core::pipeline;
use nexus_core::plugins::harvester_table_of;
use nexus_plugin_api::{CheckReport, CheckResult};

use crate::commands::harvesters;
use crate::output::chain;

/// The instruments of the database against the harvesters and the storage of the configuration.
pub(super) fn check(config: &Config, database: &Database, report: &mut CheckReport) {
    let instruments = match Instruments::load(database.read()) {
        Ok(instruments) => instruments,
        Err(error) => return report.push("instruments", CheckResult::Failed, chain(&error)),
    };
    for row in instruments.unreadable() {
        report.push("instruments", CheckResult::Failed, row.to_string());
    }
    let plugins: Vec<(&HarvesterConfig, Option<String>)> =
        config.harvesters.iter().map(|table| (table, harvesters::plugin_of(config, table).ok())).collect();
    let tables: Vec<(&HarvesterConfig, &str)> =
        plugins.iter().filter_map(|(table, plugin)| Some((*table, plugin.as_deref()?))).collect();
    // A harvester that cannot be loaded is told elsewhere, and nobody knows which instruments are its own.
    let all_known = tables.len() == config.harvesters.len();
    let mut served: Vec<(&HarvesterConfig, &Instrument)> = Vec::new();
    for instrument in instruments.iter() {
        let table = harvester_table_of(instrument, &tables)
            .and_then(|name| config.harvesters.iter().find(|table| table.name == *name));
        match table {
            Some(table) => served.push((table, instrument)),
            None if all_known && !config.harvesters.is_empty() => report.push(
                format!("instrument {}", instrument.pid),
                CheckResult::Warning,
                format!(
                    "no single harvester serves it, so no sessions of it come in: its harvester is `{}` and its \
                     api_url `{}`; correct these with `nexus instruments edit`, or `address` or `instruments` of a \
                     harvester",
                    instrument.harvester, instrument.api_url
                ),
            ),
            None => {}
        }
    }
    folders(config, &served, report);
    if all_known {
        idle(config, &served, report);
    }
}

/// The folder of each instrument that is harvested is there, and no other's.
fn folders(config: &Config, served: &[(&HarvesterConfig, &Instrument)], report: &mut CheckReport) {
    let root = &config.storage.instrument_data;
    if !root.is_dir() {
        return; // Told already, once instead of for each instrument.
    }
    let place = pipeline::folders(config);
    let folders: Vec<Folder<'_>> = served.iter().map(|(_, one)| Folder::of(one, &place)).collect();
    let mut sound = 0_usize;
    for (at, Folder { instrument, path, real }) in folders.iter().enumerate() {
        let name = format!("instrument {}", instrument.pid);
        if let Err(error) = fs::read_dir(path) {
            let detail = format!(
                "cannot read its folder `{}`: {error}; is the share mounted, and its filestore_path right?",
                path.display()
            );
            report.push(name, CheckResult::Failed, detail);
            continue;
        }
        let earlier = folders.iter().take(at);
        let shared: Vec<&str> = earlier
            .filter(|other| one_holds_the_other(real.as_deref(), other.real.as_deref()))
            .map(|other| other.instrument.pid.as_str())
            .collect();
        if shared.is_empty() {
            sound += 1;
        } else {
            let detail = format!(
                "its folder `{}` is that of {} too, or lies in it or around it: when they are used at the same time, \
                 a file is in the records of both",
                path.display(),
                shared.join(", ")
            );
            report.push(name, CheckResult::Warning, detail);
        }
    }
    if sound > 0 {
        let detail = format!("{sound} with a harvester and a folder of its own");
        report.push("instruments", CheckResult::Ok, detail);
    }
}

/// The folder of an instrument.
struct Folder<'i> {
    instrument: &'i Instrument,
    path: PathBuf,
    /// Where it is, whatever links lead there; `None` if it is not there.
    real: Option<PathBuf>,
}

impl<'i> Folder<'i> {
    fn of(instrument: &'i Instrument, place: &Folders) -> Self {
        let path = place.instrument(&instrument.filestore_path);
        let real = fs::canonicalize(&path).ok();
        Self { instrument, path, real }
    }
}

fn one_holds_the_other(one: Option<&Path>, other: Option<&Path>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.starts_with(other) || other.starts_with(one))
}

/// A harvester that is asked neither for sessions nor for reservations.
fn idle(config: &Config, served: &[(&HarvesterConfig, &Instrument)], report: &mut CheckReport) {
    for table in &config.harvesters {
        let asked = served.iter().any(|(own, _)| own.name == table.name)
            || config.harvesters.iter().any(|other| other.reservations_from.as_ref() == Some(&table.name));
        if !asked {
            let detail = format!(
                "no instrument is its own, so it is never asked for sessions: `nexus instruments import` or `add` \
                 makes some; `nexus instruments import --from-harvester {}` lists the tools of a scheduler",
                table.name
            );
            report.push(table.settings.table(), CheckResult::Warning, detail);
        }
    }
}
