//! `nexus instruments`: one file per verb.

mod add;
mod edit;
mod export;
mod import;
mod list;
mod offered;
mod read;
mod remove;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_core::db::{Access, Database};
use nexus_core::instrument::InstrumentError;

use super::db;
use crate::args::Global;
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, Stop};

const ABOUT_PATHS: &str = "\
Which database is meant: --database PATH, else the environment variable NX_DB_PATH, else [database] path of \
nexus.toml. With the first two, no configuration is needed.

Exit codes: 0 done, 1 refused (the reason is printed, and nothing was changed), 2 the command line is wrong, \
3 the configuration cannot be used, 5 another program holds the database, 6 the database cannot be used.";

/// How long to wait for another program that holds the database.
const WAIT: Duration = Duration::from_secs(30);

/// Arguments of `nexus instruments`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_PATHS)]
pub struct InstrumentsArgs {
    /// Work on this database file, whatever NX_DB_PATH and the configuration say.
    #[arg(long, global = true, value_name = "PATH")]
    database: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the instruments, with the number of their sessions and the end of the last one.
    List(list::ListArgs),
    /// Add an instrument.
    Add(add::AddArgs),
    /// Change values of an instrument.
    Edit(edit::EditArgs),
    /// Remove an instrument that no session names.
    Remove(remove::RemoveArgs),
    /// Add and change instruments from a CSV or JSON file, or add the tools that a scheduler knows.
    Import(import::ImportArgs),
    /// Print all values of all instruments as CSV or JSON, as import reads them.
    Export(export::ExportArgs),
}

/// Runs `nexus instruments`.
pub fn run(global: &Global, args: InstrumentsArgs) -> Result<ExitCode, Stop> {
    let place = Place::find(global, Asked { path: args.database.as_deref(), wait: WAIT })?;
    match args.verb {
        Verb::List(_) => list::run(global, &place),
        Verb::Add(verb) => add::run(global, &place, verb),
        Verb::Edit(verb) => edit::run(global, &place, verb),
        Verb::Remove(verb) => remove::run(global, &place, &verb),
        Verb::Import(verb) => import::run(global, &place, &verb),
        Verb::Export(verb) => export::run(global, &place, &verb),
    }
}

/// Opens the database for reading, hands it over, and says how a failure ends the command.
fn reading<T>(place: &Place, read: impl FnOnce(&Database) -> Result<T, InstrumentError>) -> Result<T, Stop> {
    let database = place.open_at_head(Access::Read).map_err(db::stop)?;
    read(&database).map_err(stop)
}

/// How a transaction that went well ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Kept.
    Commit,
    /// Taken back: it was only tried.
    Undo,
}

/// Runs one writing step in one transaction, under the locks. If it fails nothing was changed.
fn writing<T>(
    place: &Place,
    end: End,
    write: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    // Asked before the locks are taken, so that a refusal leaves nothing behind.
    place.open_at_head(Access::Read).map_err(db::stop)?;
    let _locks = place.lock()?;
    let mut database = place.open_at_head(Access::Write).map_err(db::stop)?;
    let tx = database.transaction().map_err(db::stop)?;
    let done = write(&tx)?;
    let ended = match end {
        End::Commit => tx.commit(),
        End::Undo => tx.rollback(),
    };
    ended
        .map_err(|source| stop(InstrumentError::Database { what: "commit the change".to_owned(), source }))?;
    Ok(done)
}

/// How a failure of the table of instruments ends the command. Its text says what to do.
fn stop(error: InstrumentError) -> Stop {
    let code = match &error {
        InstrumentError::Invalid { .. } => ExitCode::Usage,
        _ => ExitCode::Failed,
    };
    let hint = match &error {
        InstrumentError::NotFound { near: None, .. } => {
            Some("`nexus instruments list` prints those there are")
        }
        InstrumentError::InUse { .. } => Some(
            "instruments whose sessions are on record stay; `nexus instruments edit` changes their values",
        ),
        _ => None,
    };
    let stop = Stop::new(code, error);
    match hint {
        Some(hint) => stop.with_hint(hint),
        None => stop,
    }
}
