//! `nexus plugins test`: the conformance kit on the command line.

mod given;
mod print;
mod project;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use nexus_core::config::{Carrier, Isolation};
use nexus_core::plugins::Surroundings;
use nexus_core::plugins::conformance::{self, Options, Place, Report, refused};
use nexus_core::secret::Redactor;
use nexus_plugin_api::host::Wired;
use serde_json::json;

use self::project::Tried;
use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::{first_party, output};

const EXAMPLES: &str = "\
Examples:
  nexus plugins test .           the plugin of this folder, as its nexus-test.toml says
  nexus plugins test ./share.py --setting path='{tmp}'
                                 a Python file; {tmp} is a fresh folder
  nexus plugins test target/debug/libshare.so --in-process
                                 a library, loaded into this program
  nexus plugins test --linked folder --setting path='{tmp}' --only destination
                                 a plugin that comes with nexus; one group of checks
  nexus plugins test --list      what is checked

Records are delivered for real: a destination that is a service needs a test account. Actions that change something \
are never run.

Exit codes: 0 no check failed, 1 some check failed, 2 the command line is wrong.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestArgs {
    /// A library, a program, a Python file, or the folder of a plugin's project.
    #[arg(value_name = "PATH", required_unless_present_any = ["linked", "list"])]
    path: Option<PathBuf>,
    /// Try a plugin that comes with nexus.
    #[arg(long, value_name = "NAME", conflicts_with = "path")]
    linked: Option<String>,
    /// A setting of the plugin; {tmp} in it is a fresh folder. May be repeated.
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Settings of the plugin from a TOML file.
    #[arg(long = "settings", value_name = "FILE")]
    file: Option<PathBuf>,
    /// An instrument that a harvester is asked about. May be repeated.
    #[arg(long = "instrument", value_name = "PID")]
    instruments: Vec<String>,
    /// The IANA time zone of those instruments.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// A file of an extractor's own. May be repeated.
    #[arg(long = "sample", value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// Only this check, or this group of checks, and what it needs. May be repeated.
    #[arg(long, value_name = "GROUP|NAME")]
    only: Vec<String>,
    /// Load a library into this program instead of a process of its own.
    #[arg(long)]
    in_process: bool,
    /// List all checks and what each promises, and try nothing.
    #[arg(long)]
    list: bool,
}

pub(super) fn run(global: &Global, args: &TestArgs) -> Result<ExitCode, Stop> {
    known(&args.only)?;
    if args.list {
        return print::list(global, args);
    }
    let subject = project::subject(args)?;
    let place = Place::new().context("the folders of the trial cannot be made")?;
    let mut options = Options::new(place);
    options.only.clone_from(&args.only);
    let in_here = match subject.carrier {
        Carrier::Linked { .. } => true,
        Carrier::Library { isolation, .. } => isolation == Isolation::None,
        Carrier::Command { .. } => false,
    };
    if in_here {
        options.watched.extend(std::env::current_dir());
    }
    let redactor = Redactor::default();
    let report = match load(&subject, &options, &redactor) {
        Ok(plugin) => {
            given::fill(&mut options, args, subject.project, &plugin.manifest(), &redactor)?;
            let quiet = global.json || global.quiet;
            conformance::run_telling(plugin, &options, |outcome| {
                if !quiet {
                    print::outcome(outcome);
                }
            })
        }
        Err(why) => {
            let report = refused(&why, &options);
            if !global.json {
                report.checks.iter().take(1).for_each(print::outcome);
            }
            report
        }
    };
    tell(global, &report)?;
    Ok(if report.conforms() { ExitCode::Done } else { ExitCode::Failed })
}

/// The plugin, or why it cannot be had.
fn load(subject: &Tried, options: &Options, redactor: &Redactor) -> Result<Arc<dyn Wired>, String> {
    let surroundings = Surroundings {
        scratch: options.place.scratch(),
        folder: options.place.folder(),
        redactor: redactor.clone(),
        ..Surroundings::default()
    };
    let loaded = first_party::catalogue().load(&subject.carrier, None, &subject.name, &surroundings);
    loaded.map_err(|error| output::chain(&error))
}

/// What is asked for must exist: a misspelled name would try nothing, and succeed.
fn known(only: &[String]) -> Result<(), Stop> {
    for word in only {
        if !conformance::checks().any(|check| check.name == word || check.group() == word) {
            let error = anyhow!("there is no check and no group `{word}`");
            return Err(Stop::new(ExitCode::Usage, error).with_hint("`nexus plugins test --list` shows them"));
        }
    }
    Ok(())
}

fn tell(global: &Global, report: &Report) -> Result<(), Stop> {
    if global.json {
        return Ok(output::json(&json!({
            "plugin": report.plugin,
            "version": report.version,
            "kind": report.kind,
            "passed": report.passed(),
            "failed": report.failed(),
            "skipped": report.skipped(),
            "checks": report.checks,
        }))?);
    }
    print::summary(report);
    Ok(())
}
