//! `nexus db`: one file per verb.

mod backup;
mod check;
mod current;
mod diagram;
mod goal;
mod history;
mod init;
mod migrate;
mod new_migration;
mod query;
mod report;
mod stamp;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_core::db::{DbError, QueryError};

use crate::args::Global;
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, Stop};

const ABOUT_PATHS: &str = "\
Which database is meant: --database PATH, else the environment variable NX_DB_PATH, else [database] path of \
nexus.toml. With the first two, no configuration is needed.

Exit codes: 0 done, 2 the command line is wrong, 4 a person is needed, 5 another program holds the database, \
6 the database cannot be used.";

/// Arguments of `nexus db`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT_PATHS)]
pub struct DbArgs {
    /// Work on this database file, whatever NX_DB_PATH and the configuration say.
    #[arg(long, global = true, value_name = "PATH")]
    database: Option<PathBuf>,
    /// Wait so long for another program that holds the database.
    #[arg(long, global = true, value_name = "TIME", default_value = "30 s", value_parser = humantime::parse_duration)]
    wait: Duration,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a new database with all tables.
    Init(init::InitArgs),
    /// Print the revision that the shared tables are at.
    Current(current::CurrentArgs),
    /// Tell by the exit code whether the shared tables are up to date.
    Check(check::CheckArgs),
    /// List the revisions of the shared tables.
    History(history::HistoryArgs),
    /// Bring the shared tables to a newer revision.
    Upgrade(migrate::UpgradeArgs),
    /// Take the shared tables back to an older revision.
    Downgrade(migrate::DowngradeArgs),
    /// Record the revision of a database that has the tables but no revision.
    Stamp(stamp::StampArgs),
    /// Copy the database while others may be using it.
    Backup(backup::BackupArgs),
    /// Print how the tables belong together, and what every column means.
    Diagram(diagram::DiagramArgs),
    /// Run one statement that only reads, and print its rows.
    Query(query::QueryArgs),
    /// Make the two files of a new migration, in a checkout of nexus.
    NewMigration(new_migration::NewMigrationArgs),
}

/// Runs `nexus db`.
pub fn run(global: &Global, args: DbArgs) -> Result<ExitCode, Stop> {
    let asked = Asked { path: args.database.as_deref(), wait: args.wait };
    let place = || Place::find(global, asked);
    match args.verb {
        Verb::Init(_) => init::run(global, &place()?),
        Verb::Current(_) => current::run(global, &place()?),
        Verb::Check(_) => check::run(global, &place()?),
        Verb::History(_) => history::run(global, Place::find_if_any(global, asked)?.as_ref()),
        Verb::Upgrade(verb) => migrate::upgrade(global, place, &verb),
        Verb::Downgrade(verb) => migrate::downgrade(global, place, &verb),
        Verb::Stamp(verb) => stamp::run(global, &place()?, &verb),
        Verb::Backup(verb) => backup::run(global, &place()?, &verb),
        Verb::Diagram(verb) => diagram::run(global, &verb),
        Verb::Query(verb) => query::run(global, &place()?, &verb),
        Verb::NewMigration(verb) => new_migration::run(global, &verb),
    }
}

/// How a failure of the database ends the command. Its text says what to do.
pub(super) fn stop(error: DbError) -> Stop {
    let code = match &error {
        DbError::EmptyPath
        | DbError::Query(
            QueryError::Empty
            | QueryError::Several
            | QueryError::NotReadOnly { .. }
            | QueryError::Parameters { .. },
        ) => ExitCode::Usage,
        DbError::Query(QueryError::Sqlite(_))
        | DbError::Migration { .. }
        | DbError::IntegrityLost { .. }
        | DbError::Sqlite { .. } => ExitCode::Failed,
        DbError::Busy { .. } => ExitCode::Locked,
        DbError::Partial { .. } => ExitCode::NeedsPerson,
        _ => ExitCode::CannotStart,
    };
    Stop::new(code, error)
}
