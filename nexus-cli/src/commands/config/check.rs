//! `nexus config check`: is everything there that a run needs?

use std::fs;
use std::path::Path;

use nexus_core::config::{Carrier, Config, SecretSource, process_environment};
use nexus_core::db::{Access, Database};
use nexus_core::{durable, lock};
use nexus_plugin_api::{CheckReport, CheckResult};

use crate::args::Global;
use crate::commands::plugins;
use crate::exit_code::{ExitCode, Stop};
use crate::output;
use crate::output::chain;

/// Runs `nexus config check`.
pub(super) fn run(global: &Global) -> Result<ExitCode, Stop> {
    let config = super::load(global)?;
    let mut report = CheckReport::default();
    report.push("configuration", CheckResult::Ok, config.file.display().to_string());
    let database = database(&config, &mut report);
    storage(&config, &mut report);
    secrets(&config, &mut report);
    if let Some(database) = &database {
        super::instruments::check(&config, database, &mut report);
    }
    instances(&config, &mut report);

    output::checks(global, &report)
}

fn database(config: &Config, report: &mut CheckReport) -> Option<Database> {
    let path = &config.database.path;
    let database = match Database::open(path, Access::Read) {
        Ok(database) => {
            report.push("database.path", CheckResult::Ok, path.display().to_string());
            Some(database)
        }
        Err(error) => {
            report.push("database.path", CheckResult::Failed, chain(&error));
            None
        }
    };
    let Some(folder) = path.parent().filter(|folder| folder.is_dir()) else { return database };
    if let Err(error) = durable::check_writable(folder) {
        let detail = format!("{}; SQLite keeps its journal beside the database", chain(&error));
        report.push("database.path", CheckResult::Failed, detail);
    } else if let Err(error) = lock::check_supported(folder) {
        report.push("database.path", CheckResult::Failed, chain(&error));
    }
    database
}

fn storage(config: &Config, report: &mut CheckReport) {
    let storage = &config.storage;
    match fs::read_dir(&storage.instrument_data) {
        Ok(_) => {
            let detail = storage.instrument_data.display().to_string();
            report.push("storage.instrument_data", CheckResult::Ok, detail);
        }
        Err(error) => {
            let detail = format!("cannot read the folder `{}`: {error}", storage.instrument_data.display());
            report.push("storage.instrument_data", CheckResult::Failed, detail);
        }
    }
    let data = written_folder("storage.data", &storage.data, config, report);
    if data && let Err(error) = lock::check_supported(&storage.data) {
        report.push("storage.data", CheckResult::Failed, chain(&error));
    }
    let (name, folder) = ("storage.records", storage.records.as_path());
    if folder.exists() {
        written_folder(name, folder, config, report);
    } else if folder.parent() == Some(storage.data.as_path()) {
        let detail = format!("{} is made when it is needed", folder.display());
        report.push(name, CheckResult::Ok, detail);
    } else {
        let detail = format!("there is no folder `{}`", folder.display());
        report.push(name, CheckResult::Failed, detail);
    }
    logs(config, report);
}

/// nexus writes nothing there: what can be wrong is that somebody named a folder for a service's log, and forgot it.
fn logs(config: &Config, report: &mut CheckReport) {
    let (name, folder) = ("storage.logs", config.storage.logs.as_path());
    let whose = "nexus logs to standard error and writes no file there; it is for logs that you keep";
    let shown = folder.display();
    if folder.is_dir() || folder.parent() == Some(config.storage.data.as_path()) {
        report.push(name, CheckResult::Ok, format!("{shown}: {whose}"));
    } else {
        report.push(name, CheckResult::Warning, format!("there is no folder `{shown}`: {whose}"));
    }
}

/// A folder of nexus: there, writable, and not among the instruments' files by way of a link.
fn written_folder(name: &str, folder: &Path, config: &Config, report: &mut CheckReport) -> bool {
    let instruments = fs::canonicalize(&config.storage.instrument_data);
    if let (Ok(folder), Ok(instruments)) = (fs::canonicalize(folder), &instruments)
        && folder.starts_with(instruments)
    {
        let detail = format!("is inside `storage.instrument_data`: it leads to `{}`", folder.display());
        report.push(name, CheckResult::Failed, detail);
        return false;
    }
    match durable::check_writable(folder) {
        Ok(()) => {
            report.push(name, CheckResult::Ok, folder.display().to_string());
            true
        }
        Err(error) => {
            report.push(name, CheckResult::Failed, chain(&error));
            false
        }
    }
}

fn secrets(config: &Config, report: &mut CheckReport) {
    let mut written_here = false;
    for (key, source) in config.secrets() {
        match source.read(&key, &process_environment) {
            Ok(_) => match source {
                SecretSource::File(path) if everybody_may_read(path) => {
                    let detail = format!("everybody may read {}; `chmod o-r` it", path.display());
                    report.push(key, CheckResult::Warning, detail);
                }
                _ => report.push(key, CheckResult::Ok, source.to_string()),
            },
            Err(error) => report.push(&key, CheckResult::Failed, chain(&error)),
        }
        written_here |= matches!(source, SecretSource::Value(_));
    }
    if written_here && everybody_may_read(&config.file) {
        let detail =
            format!("everybody may read {}, which holds secrets; `chmod o-r` it", config.file.display());
        report.push("configuration", CheckResult::Warning, detail);
    }
}

#[cfg(unix)]
fn everybody_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn everybody_may_read(_path: &Path) -> bool {
    false
}

/// Plugins: their files are there, their settings are what their manifests want, and each says itself
/// whether it could work now.
fn instances(config: &Config, report: &mut CheckReport) {
    if config.harvesters.is_empty() {
        report.push("harvesters", CheckResult::Warning, "there is none, so no sessions come in");
    }
    if config.destinations.is_empty() {
        report.push("destinations", CheckResult::Warning, "there is none, so no record is delivered");
    }
    let harvesters = config.harvesters.iter().map(|harvester| (&harvester.settings, &harvester.carrier));
    let destinations =
        config.destinations.iter().map(|destination| (&destination.settings, &destination.carrier));
    let extractors = config.extractors.iter().map(|extractor| (&extractor.settings, &extractor.carrier));
    let mut missing = Vec::new();
    for (settings, carrier) in harvesters.chain(extractors).chain(destinations) {
        let problem = match carrier {
            Carrier::Linked { .. } => None,
            Carrier::Library { path, .. } if path.is_file() => None,
            Carrier::Library { path, .. } => Some(format!("there is no library `{}`", path.display())),
            Carrier::Command { words, .. } => words
                .first()
                .filter(|program| !can_be_started(program))
                .map(|program| format!("there is no program `{program}`, neither by that path nor in PATH")),
        };
        match problem {
            Some(problem) => {
                report.push(settings.table(), CheckResult::Failed, problem);
                missing.push(settings.table());
            }
            None => report.push(settings.table(), CheckResult::Ok, carrier.to_string()),
        }
    }
    plugins::check::ask_others(config, &missing, report);
}

fn can_be_started(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
