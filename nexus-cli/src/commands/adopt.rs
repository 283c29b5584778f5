//! `nexus adopt`: going on with a database that another program filled.

use clap::Args;
use nexus_core::adopt::{self, Adopted, Inheritance, Known, Sources};
use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::instrument::Instruments;
use nexus_core::lock::{DatabaseLock, RunLock};
use nexus_core::pipeline::{self, PipelineError};
use nexus_core::writer::WriteError;
use serde::Serialize;

use crate::args::Global;
use crate::commands::config;
use crate::commands::run::refused;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Sessions without a record that are named one by one.
const NAMED: usize = 20;

/// Arguments of `nexus adopt`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus adopt --dry-run           show what the database holds and what would be taken on, change nothing
  nexus adopt --dry-run --deliver-missing
                                  also which records would be delivered, and which of them are lost
  nexus adopt                     take it on: the records that NexusLIMS delivered count as delivered
  nexus adopt --deliver-missing   also deliver the records that NexusLIMS built and could not export")]
pub struct AdoptArgs {
    /// Show what would be taken on, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also deliver the records that NexusLIMS built and could not export (BUILT_NOT_EXPORTED). Each
    /// destination is asked first whether it holds the record.
    #[arg(long)]
    deliver_missing: bool,
}

/// Runs `nexus adopt`.
pub fn run(global: &Global, args: &AdoptArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let routes = pipeline::routes(&config);
    let stop = |error: PipelineError| refused(error);
    if args.dry_run {
        let database = Database::open(&config.database.path, Access::Read).or_stop(ExitCode::CannotStart)?;
        database.require_head().or_stop(ExitCode::CannotStart)?;
        let found = adopt::inspect(database.read(), &routes).or_stop(ExitCode::Failed)?;
        let known = Sources::of(&config).known(database.read()).or_stop(ExitCode::Failed)?;
        let mut copy = database.copy_to_try().or_stop(ExitCode::CannotStart)?;
        let would = take_on(&mut copy, &config, args.deliver_missing)?;
        return show(global, &Shown { found, known, would }, args.deliver_missing);
    }
    let _run_lock = RunLock::try_acquire(&config.storage.data).map_err(|error| stop(error.into()))?;
    let _database_lock =
        DatabaseLock::try_acquire(&config.database.path).map_err(|error| stop(error.into()))?;
    let mut database = Database::open(&config.database.path, Access::Write).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    let adopted = take_on(&mut database, &config, args.deliver_missing)?;
    if global.json {
        output::json(&adopted)?;
    } else {
        told("adopted", &adopted, args.deliver_missing).iter().for_each(output::line);
    }
    Ok(code(&adopted))
}

/// The same for a copy that nobody needs, which is how a dry run knows.
fn take_on(database: &mut Database, config: &Config, deliver_missing: bool) -> Result<Adopted, Stop> {
    let instruments = Instruments::load(database.read()).or_stop(ExitCode::CannotStart)?;
    let (routes, folders) = (pipeline::routes(config), pipeline::folders(config));
    let sources = Sources::of(config);
    let tx = database.transaction().or_stop(ExitCode::CannotStart)?;
    let adopted = adopt::adopt(&tx, &routes, &folders, &instruments, &sources, deliver_missing, &SystemClock)
        .or_stop(ExitCode::Failed)?;
    tx.commit().map_err(WriteError::from).or_stop(ExitCode::Failed)?;
    Ok(adopted)
}

/// What a dry run shows.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    found: Inheritance,
    #[serde(flatten)]
    known: Known,
    /// What an adoption would come to.
    would: Adopted,
}

fn show(global: &Global, shown: &Shown, deliver_missing: bool) -> Result<ExitCode, Stop> {
    let Shown { found, known, would } = shown;
    if global.json {
        output::json(shown)?;
        return Ok(code(would));
    }
    match &found.adopted_at {
        Some(at) => output::line(format!("adopted at {at} (UTC)")),
        None if found.sessions.is_empty() => output::line("there is nothing to adopt"),
        None => output::line("not adopted yet"),
    }
    for (status, count) in &found.sessions {
        output::line(format!("  {count:>8} sessions {status}"));
    }
    for (destination, count) in &found.uploads {
        let word = if found.not_configured.contains(destination) {
            "; this destination is not in the configuration: its records are remembered, nothing is sent there"
        } else {
            ""
        };
        output::line(format!("  {count:>8} records already at `{destination}`{word}"));
    }
    for (harvester, count) in &known.harvesters {
        output::line(format!(
            "  {count:>8} sessions that harvester `{harvester}` knows by their usage events"
        ));
    }
    for (base, count) in &known.elsewhere {
        output::line(format!(
            "  {count:>8} sessions of {base}, which is the address of no harvester: a harvest would bring those of a server \
             that moved once more; put the address under its `aliases` first"
        ));
    }
    if !found.sessions.is_empty() {
        told("would adopt", would, deliver_missing).iter().for_each(output::line);
    }
    Ok(code(would))
}

fn code(adopted: &Adopted) -> ExitCode {
    let is_clear = adopted.records_missing.is_empty() && adopted.unreadable.is_empty();
    if is_clear { ExitCode::Done } else { ExitCode::NeedsPerson }
}

/// What was taken on, or would be.
fn told(verb: &str, adopted: &Adopted, deliver_missing: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "{verb}: {} sessions, {} deliveries of NexusLIMS, {} records to deliver",
        adopted.sessions, adopted.deliveries, adopted.to_deliver
    )];
    if adopted.without_start > 0 {
        lines.push(format!(
            "  {} more have no START in the session log, and are left alone",
            adopted.without_start
        ));
    }
    if adopted.undelivered > 0 && !deliver_missing {
        lines.push(format!(
            "  {} were built by NexusLIMS and never delivered: `nexus adopt --deliver-missing` delivers them",
            adopted.undelivered
        ));
    }
    if adopted.claimed > 0 {
        lines.push(format!(
            "  {} sessions are known to a harvester by the number of their usage event: what changes there is followed",
            adopted.claimed
        ));
    }
    lines.extend(adopted.twice.iter().map(|id| {
        format!(
            "  session {id} is of a usage event that another session stands for: NexusLIMS stored it again when its \
             server had another address; `nexus sessions show` tells its status"
        )
    }));
    let missing = &adopted.records_missing;
    lines.extend(
        missing
            .iter()
            .take(NAMED)
            .map(|id| format!("  no record file for session {id}: it cannot be delivered")),
    );
    if missing.len() > NAMED {
        lines.push(format!(
            "  and {} more without a record file; `--json` names them all",
            missing.len() - NAMED
        ));
    }
    if !missing.is_empty() {
        lines.push(format!(
            "  put the files into the records folder and say it again, or let nexus make new ones: `nexus sessions rebuild \
             ID`, or all {} with `nexus sessions rebuild --status BUILT_NOT_EXPORTED`",
            missing.len()
        ));
    }
    lines.extend(adopted.unreadable.iter().map(|row| format!("  {row}")));
    lines
}
