//! `nexus status`: how many sessions and deliveries stand where.

use chrono::{DateTime, Utc};
use clap::Args;
use nexus_core::clock::{Clock as _, SystemClock};
use nexus_core::db::{Access, Database};
use nexus_core::lock::{self, Holder};
use nexus_core::overview::{self, Overview};
use serde::Serialize;

use crate::args::Global;
use crate::commands::{config, run as runs};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus status          counts of sessions and deliveries, the last run, and whether one should have come since
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
    let config = config::load(global)?;
    let database = open(global)?;
    let mut seen = overview::overview(database.read()).or_stop(ExitCode::Failed)?;
    // One that was taken out of the configuration is asked no more.
    seen.failing.retain(|name, _| config.harvesters.iter().any(|table| table.name == *name));
    let (under_way, now) = (lock::at_work(&config.storage.data), SystemClock.now());
    let needs_person = seen.needs_person(now, under_way.is_some());
    let shown = Shown { seen, under_way, needs_person };
    if global.json {
        output::json(&shown)?;
    } else {
        print(&shown, now);
    }
    Ok(ExitCode::Done)
}

/// What is shown.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    seen: Overview,
    /// The nexus that is at work now.
    under_way: Option<Holder>,
    /// What somebody should look at.
    needs_person: Vec<String>,
}

fn print(Shown { seen, under_way, needs_person }: &Shown, now: DateTime<Utc>) {
    output::line("sessions");
    for (status, count) in &seen.sessions {
        output::line(format!("  {status:<20} {count:>8}"));
    }
    output::line(format!("  {:<20} {:>8}", "(in use)", seen.open));
    for (reason, count) in &seen.waiting {
        output::line(format!("  of TO_BE_BUILT, {count} wait: {reason}"));
    }
    if seen.to_rebuild > 0 {
        output::line(format!("  {} have a record and are to be built again", seen.to_rebuild));
    }
    for (reason, count) in &seen.rebuilds_waiting {
        output::line(format!("  of these, {count} wait: {reason}"));
    }
    if seen.undelivered > 0 {
        output::line(format!(
            "  of BUILT_NOT_EXPORTED, {} have no delivery to any destination: `nexus adopt --deliver-missing` delivers records that \
             NexusLIMS made, `nexus sessions rebuild` makes those anew that are lost",
            seen.undelivered
        ));
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
                (None, _) if under_way.is_some() => "still under way".to_owned(),
                (None, _) => "interrupted; the next run goes on with the rest".to_owned(),
            }
        )),
        None => output::line("no run has changed anything yet"),
    }
    if let Some(at) = &seen.last_heartbeat {
        let ago = seen.quiet_for(now).map(|quiet| format!(", {} ago", overview::in_words(quiet)));
        output::line(format!("last looked: {}{}", runs::minutes(at), ago.unwrap_or_default()));
    }
    if let Some(holder) = under_way {
        output::line(format!("at work now: {holder}"));
    }
    if !needs_person.is_empty() {
        output::line("\nneeds a person:");
        for text in needs_person {
            output::line(format!("  - {text}"));
        }
    }
}
