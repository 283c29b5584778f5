//! `nexus config check`: is everything there that a run needs?

use std::fs;
use std::path::Path;

use nexus_core::config::{Carrier, Config, FileStrategy, SecretSource, process_environment};
use nexus_core::db::{Access, Database};
use nexus_core::plugins::{CallError, ExtractorInstance, OpenError, Surroundings};
use nexus_core::{durable, lock};
use nexus_plugin_api::{CheckReport, CheckResult};

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output::chain;
use crate::{first_party, output};

/// Runs `nexus config check`.
pub(super) fn run(global: &Global) -> Result<ExitCode, Stop> {
    let config = super::load(global)?;
    let mut report = CheckReport::default();
    report.push("configuration", CheckResult::Ok, config.file.display().to_string());
    database(&config, &mut report);
    storage(&config, &mut report);
    secrets(&config, &mut report);
    plugins(&config, &mut report);

    let failed = count(&report, CheckResult::Failed);
    let warnings = count(&report, CheckResult::Warning);
    if global.json {
        output::json(&report)?;
    } else {
        let rows = report
            .items
            .iter()
            .map(|item| vec![item.name.clone(), word(item.result).to_owned(), item.detail.clone()]);
        output::table(&["check", "result", "detail"], rows);
        output::line(summary(failed, warnings));
    }
    Ok(if failed == 0 { ExitCode::Done } else { ExitCode::Configuration })
}

fn count(report: &CheckReport, result: CheckResult) -> usize {
    report.items.iter().filter(|item| item.result == result).count()
}

fn word(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Ok => "ok",
        CheckResult::Warning => "warning",
        CheckResult::Failed => "failed",
    }
}

fn summary(failed: usize, warnings: usize) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match (failed, warnings) {
        (0, 0) => "everything is in order".to_owned(),
        (0, warnings) => number(warnings, "warning"),
        (failed, 0) => format!("{} failed", number(failed, "check")),
        (failed, warnings) => format!("{} failed, {}", number(failed, "check"), number(warnings, "warning")),
    }
}

fn database(config: &Config, report: &mut CheckReport) {
    let path = &config.database.path;
    match Database::open(path, Access::Read) {
        Ok(_) => report.push("database.path", CheckResult::Ok, path.display().to_string()),
        Err(error) => report.push("database.path", CheckResult::Failed, chain(&error)),
    }
    let Some(folder) = path.parent().filter(|folder| folder.is_dir()) else { return };
    if let Err(error) = durable::check_writable(folder) {
        let detail = format!("{}; SQLite keeps its journal beside the database", chain(&error));
        report.push("database.path", CheckResult::Failed, detail);
    } else if let Err(error) = lock::check_supported(folder) {
        report.push("database.path", CheckResult::Failed, chain(&error));
    }
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
    for (name, folder) in [("storage.records", &storage.records), ("storage.logs", &storage.logs)] {
        if folder.exists() {
            written_folder(name, folder, config, report);
        } else if folder.parent() == Some(storage.data.as_path()) {
            let detail = format!("{} is made when it is needed", folder.display());
            report.push(name, CheckResult::Ok, detail);
        } else {
            let detail = format!("there is no folder `{}`", folder.display());
            report.push(name, CheckResult::Failed, detail);
        }
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
fn plugins(config: &Config, report: &mut CheckReport) {
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
            Some(problem) => report.push(settings.table(), CheckResult::Failed, problem),
            None => report.push(settings.table(), CheckResult::Ok, carrier.to_string()),
        }
    }
    let surroundings = Surroundings::of(config, std::env::temp_dir());
    match first_party::catalogue().open(config, &surroundings) {
        Ok(instances) => {
            for harvester in &instances.harvesters {
                own_check(&format!("harvesters.{}", harvester.name), harvester.check(), report);
            }
            for extractor in &instances.extractors {
                let table = format!("extractors.{}", extractor.name);
                suffixes(config, &table, extractor, report);
                own_check(&table, extractor.check(), report);
            }
            for destination in &instances.destinations {
                own_check(&format!("destinations.{}", destination.name), destination.check(), report);
            }
        }
        Err(errors) => {
            // A secret that cannot be read was told above, with its key.
            for error in errors.iter().filter(|error| !matches!(error, OpenError::Secret(_))) {
                report.push("plugins", CheckResult::Failed, chain(error));
            }
        }
    }
}

/// An extractor of files that no record has.
fn suffixes(config: &Config, table: &str, extractor: &ExtractorInstance, report: &mut CheckReport) {
    let kept = &config.build.exclusive_suffixes;
    let kept = |suffix: &String| kept.iter().any(|kept| kept == suffix);
    if config.build.file_strategy == FileStrategy::Inclusive || extractor.suffixes.iter().all(kept) {
        return;
    }
    let left_out: Vec<&str> =
        extractor.suffixes.iter().filter(|suffix| !kept(suffix)).map(String::as_str).collect();
    let detail = format!(
        "files with the suffix {} belong to no record: [build] exclusive_suffixes does not list it",
        left_out.join(", ")
    );
    report.push(table, CheckResult::Warning, detail);
}

fn own_check(table: &str, checked: Result<CheckReport, CallError>, report: &mut CheckReport) {
    match checked {
        Ok(own) => {
            for item in own.items {
                report.push(format!("{table}: {}", item.name), item.result, item.detail);
            }
        }
        Err(error) => report.push(table, CheckResult::Failed, chain(&error)),
    }
}

fn can_be_started(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
