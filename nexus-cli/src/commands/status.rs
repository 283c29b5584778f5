//! `nexus status`: how many sessions and deliveries stand where.

use clap::Args;
use nexus_core::db::{Access, Database};
use nexus_core::overview;

use crate::args::Global;
use crate::commands::{config, run as runs};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus status          counts of sessions and deliveries, and the last run
  nexus status --json   the same for a script")]
pub struct StatusArgs {}

/// Opens the configured database for reading, at the newest revision.
pub fn open(global: &Global) -> Result<Database, Stop> {
    let config = config::load(global)?;
    let database = Database::open(&config.database.path, Access::Read).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    if !database.has_own_tables().or_stop(ExitCode::CannotStart)? {
        let path = config.database.path.display();
        return Err(Stop::new(
            ExitCode::CannotStart,
            anyhow::anyhow!("nexus has not worked on `{path}` yet"),
        )
        .with_hint("`nexus adopt --dry-run` shows what it holds; `nexus adopt` takes it on"));
    }
    Ok(database)
}

/// Runs `nexus status`.
pub fn run(global: &Global, _args: &StatusArgs) -> Result<ExitCode, Stop> {
    let database = open(global)?;
    let seen = overview::overview(database.read()).or_stop(ExitCode::Failed)?;
    if global.json {
        output::json(&seen)?;
        return Ok(ExitCode::Done);
    }
    output::line("sessions");
    for (status, count) in &seen.sessions {
        output::line(format!("  {status:<20} {count:>8}"));
    }
    output::line(format!("  {:<20} {:>8}", "(in use)", seen.open));
    for (reason, count) in &seen.waiting {
        output::line(format!("  of TO_BE_BUILT, {count} wait: {reason}"));
    }
    output::line("deliveries");
    for (destination, states) in &seen.deliveries {
        let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        output::line(format!("  {destination:<20} {}", states.join(", ")));
    }
    match &seen.last_run {
        Some(run) => output::line(format!(
            "last run that changed something: {}, {}",
            runs::minutes(&run.started_at),
            match (run.ended_at.as_deref(), run.exit_code) {
                (Some(_), Some(code)) => format!("exit code {code}"),
                (Some(ended), None) => format!("ended {ended}"),
                (None, _) => "interrupted, or still under way".to_owned(),
            }
        )),
        None => output::line("no run has changed anything yet"),
    }
    if let Some(at) = &seen.last_heartbeat {
        output::line(format!("last looked: {}", runs::minutes(at)));
    }
    Ok(ExitCode::Done)
}
