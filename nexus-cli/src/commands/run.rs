//! `nexus run`, and its steps as commands of their own: `harvest`, `build`, `export`.

use std::sync::Arc;

use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::pipeline::{self, Facility, PipelineError, Steps};
use nexus_core::report::RunReport;

use crate::args::Global;
use crate::commands::config;
use crate::exit_code::{ExitCode, Stop};
use crate::{first_party, interrupt, output};

/// Arguments of `nexus run`, `harvest`, `build` and `export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus run                      harvest, build and export, as nexus.toml says
  nexus --config /etc/nexus.toml run --quiet
                                 the same from a timer
  nexus run --json               the whole report for a script
  nexus harvest; nexus build; nexus export
                                 the same as `nexus run`, step by step

Exit code: 0 done (also when there was nothing to do), 3 the configuration cannot be used, 4 finished but
something needs a person, 5 another run holds the lock, 6 could not start.")]
pub struct RunArgs {
    /// Show only the counts, not a line for every session.
    #[arg(long)]
    pub brief: bool,
}

/// Runs the given steps.
pub fn run(global: &Global, args: &RunArgs, steps: Steps) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let report = execute(&config, steps)?;
    if global.json {
        output::json(&report)?;
    } else {
        print(&report, args.brief);
    }
    Ok(if report.needs_person.is_empty() { ExitCode::Done } else { ExitCode::NeedsPerson })
}

/// Runs the given steps over a facility, and gives its report.
pub fn execute(config: &Config, steps: Steps) -> Result<RunReport, Stop> {
    let facility =
        Facility::open(config, &first_party::catalogue(), Arc::new(SystemClock), interrupt::stop_flag())
            .map_err(stopped)?;
    pipeline::run(&facility, steps).map_err(stopped)
}

/// The exit code and the advice for a run that could not be made.
pub fn stopped(error: PipelineError) -> Stop {
    let (code, hint) = match &error {
        PipelineError::Lock(lock) if lock.is_held() => {
            (ExitCode::Locked, Some("nothing was changed; it will be done by the next run"))
        }
        PipelineError::Plugins(_) => {
            (ExitCode::Configuration, Some("`nexus config check` checks everything that a run needs"))
        }
        PipelineError::NotAdopted { .. } => {
            (ExitCode::NeedsPerson, Some("look at `nexus adopt --dry-run`, then run `nexus adopt`"))
        }
        _ => (ExitCode::CannotStart, None),
    };
    let stop = Stop::new(code, error);
    match hint {
        Some(hint) => stop.with_hint(hint),
        None => stop,
    }
}

/// `2024-10-21T09:00:00-06:00` as `2024-10-21 09:00 -06:00`: a listing needs no seconds.
fn minutes(time: &str) -> String {
    match (time.get(..10), time.get(11..16), time.rfind(['+', '-']).and_then(|at| time.get(at..))) {
        (Some(day), Some(clock), Some(offset)) => format!("{day} {clock} {offset}"),
        _ => time.to_owned(),
    }
}

/// The report for a person.
pub fn print(report: &RunReport, brief: bool) {
    if !brief && !report.sessions.is_empty() {
        output::table(
            &["session", "instrument", "user", "start", "result", "files", "detail"],
            report.sessions.iter().map(|line| {
                vec![
                    line.session.to_string(),
                    line.instrument.clone(),
                    line.user.clone().unwrap_or_default(),
                    minutes(&line.start),
                    line.result.clone(),
                    if line.files == 0 { String::new() } else { line.files.to_string() },
                    // The name of a record says nothing new beside its session.
                    if line.files > 0 { String::new() } else { line.detail.clone() },
                ]
            }),
        );
        output::line("");
    }
    for (name, counts) in &report.harvest {
        output::line(format!(
            "harvest {name}: {} events = {} new + {} revised + {} in use + {} cancelled + {} unchanged",
            counts.events,
            counts.new,
            counts.revised + counts.revised_late,
            counts.open,
            counts.cancelled,
            counts.unchanged
        ));
        if counts.gone > 0 {
            output::line(format!("  settled because their event was cancelled or is gone: {}", counts.gone));
        }
        for outside in &counts.outside {
            output::line(format!("  not an instrument: `{}` ({} events)", outside.tool, outside.count));
        }
        for row in &counts.rejected {
            output::line(format!("  cannot be read: {}: {}", row.place, row.reason));
        }
    }
    let build = &report.build;
    if build.planned > 0 {
        output::line(format!(
            "build: {} to be built = {} built + {} no consent + {} no reservation + {} no files + {} error + {} waiting{}",
            build.planned,
            build.built,
            build.no_consent,
            build.no_reservation,
            build.no_files,
            build.error,
            build.waiting.values().sum::<u64>(),
            if build.not_reached > 0 {
                format!(" + {} not reached", build.not_reached)
            } else {
                String::new()
            },
        ));
        for (reason, count) in &build.waiting {
            output::line(format!("  waiting: {count} × {reason}"));
        }
    }
    for (name, counts) in &report.export {
        let paused = counts.paused.as_ref().map(|why| format!("; left alone: {why}")).unwrap_or_default();
        output::line(format!(
            "export {name}: {} delivered, {} failed, {} unknown, {} due later, {} stuck{paused}",
            counts.delivered, counts.failed, counts.unknown, counts.due, counts.stuck
        ));
    }
    if !report.changed_something() && build.planned == 0 {
        output::line("nothing to do");
    }
    if report.interrupted {
        output::line("stopped before the end, as asked: run it again to go on");
    }
    if !report.needs_person.is_empty() {
        output::line("\nneeds a person:");
        for what in &report.needs_person {
            output::line(format!("  - {what}"));
        }
    }
}
