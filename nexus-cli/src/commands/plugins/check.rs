//! `nexus plugins check`, and the same questions for `nexus config check`.

use clap::Args;
use nexus_core::config::{Config, FileStrategy};
use nexus_core::plugins::{AnyInstance as _, CallError, ExtractorInstance, OpenError};
use nexus_plugin_api::{CheckReport, CheckResult};

use super::subject::{Workplace, only, table_called, tables};
use crate::args::Global;
use crate::commands::config;
use crate::exit_code::{ExitCode, Stop};
use crate::first_party;
use crate::output::{self, chain};

const EXAMPLES: &str = "\
Examples:
  nexus plugins check            ask every instance of the configuration whether it could work now
  nexus plugins check cdcs       ask that of [destinations.cdcs] only
  nexus plugins check --json     the same for a script

Nothing is harvested or delivered. `nexus config check` asks the same, and looks at everything else a run needs.

Exit code: 0 done, also with warnings, 3 a check failed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArgs {
    /// Only these tables; all if none is named.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn run(global: &Global, args: &CheckArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let chosen = if args.names.is_empty() {
        tables(&config)
    } else {
        args.names.iter().map(|name| table_called(&config, name)).collect::<Result<_, _>>()?
    };
    let chosen: Vec<&str> = chosen.iter().map(|table| table.settings.table()).collect();
    let mut report = CheckReport::default();
    ask(&config, &chosen, Secrets::Tell, &mut report);
    output::checks(global, &report)
}

/// Whether a secret that cannot be read is this check's to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Tell,
    /// The caller names each by its key.
    ToldElsewhere,
}

/// Asks the instances of all tables but these whether they could work now. Secrets that cannot be read
/// are left to the caller.
pub fn ask_others(config: &Config, but: &[&str], report: &mut CheckReport) {
    let names: Vec<&str> = tables(config).iter().map(|table| table.settings.table()).collect();
    let others: Vec<&str> = names.into_iter().filter(|name| !but.contains(name)).collect();
    ask(config, &others, Secrets::ToldElsewhere, report);
}

fn ask(config: &Config, names: &[&str], secrets: Secrets, report: &mut CheckReport) {
    let workplace = match Workplace::new(config) {
        Ok(workplace) => workplace,
        Err(error) => return report.push("plugins", CheckResult::Failed, format!("{error:#}")),
    };
    let (plugins, errors) =
        first_party::catalogue().open_each(&only(config, names), workplace.surroundings());
    for extractor in &plugins.extractors {
        suffixes(config, extractor, report);
    }
    for instance in plugins.all() {
        own(&instance.table(), instance.check(), report);
    }
    for error in &errors {
        if secrets == Secrets::Tell || !matches!(error, OpenError::Secret(_)) {
            report.push(error.place(), CheckResult::Failed, chain(error));
        }
    }
}

/// What an instance says, each line under the name of its table.
fn own(table: &str, checked: Result<CheckReport, CallError>, report: &mut CheckReport) {
    match checked {
        Ok(checked) if checked.items.is_empty() => {
            report.push(table, CheckResult::Ok, "it has nothing to object");
        }
        Ok(checked) => {
            for item in checked.items {
                report.push(format!("{table}: {}", item.name), item.result, item.detail);
            }
        }
        Err(error) => report.push(table, CheckResult::Failed, error.told()),
    }
}

/// An extractor of files that no record has.
fn suffixes(config: &Config, extractor: &ExtractorInstance, report: &mut CheckReport) {
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
    report.push(extractor.table(), CheckResult::Warning, detail);
}
