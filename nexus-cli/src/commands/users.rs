//! `nexus users`: one file per verb.

mod link;
mod list;
mod lookup;
mod unlink;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_core::db::{Access, Database};
use nexus_core::external_user::ExternalUserError;

use super::db;
use crate::args::Global;
use crate::database::{Asked, Place};
use crate::exit_code::{ExitCode, Stop};

const ABOUT: &str = "\
The systems are nemo, labarchives_eln, labarchives_scheduler and cdcs. A user has at most one identifier in a \
system, and an identifier belongs to at most one user.

Which database is meant: --database PATH, else the environment variable NX_DB_PATH, else [database] path of \
nexus.toml. With the first two, no configuration is needed.

Exit codes: 0 done, 1 refused or not found (the reason is printed), 2 the command line is wrong, 3 the \
configuration cannot be used, 5 another program holds the database, 6 the database cannot be used.";

/// How long to wait for another program that holds the database.
const WAIT: Duration = Duration::from_secs(30);

/// Arguments of `nexus users`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct UsersArgs {
    /// Work on this database file, whatever NX_DB_PATH and the configuration say.
    #[arg(long, global = true, value_name = "PATH")]
    database: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Store the identifier that a user has in another system.
    Link(link::LinkArgs),
    /// Forget the identifier that a user has in another system.
    Unlink(unlink::UnlinkArgs),
    /// Find a user's identifiers, or the user to whom an identifier belongs.
    Lookup(lookup::LookupArgs),
    /// List the identifiers of all users.
    List(list::ListArgs),
}

/// Runs `nexus users`.
pub fn run(global: &Global, args: UsersArgs) -> Result<ExitCode, Stop> {
    let place = Place::find(global, Asked { path: args.database.as_deref(), wait: WAIT })?;
    match args.verb {
        Verb::Link(verb) => link::run(global, &place, &verb),
        Verb::Unlink(verb) => unlink::run(global, &place, &verb),
        Verb::Lookup(verb) => lookup::run(global, &place, &verb),
        Verb::List(verb) => list::run(global, &place, &verb),
    }
}

fn reading<T>(
    place: &Place,
    read: impl FnOnce(&Database) -> Result<T, ExternalUserError>,
) -> Result<T, Stop> {
    let database = place.open_at_head(Access::Read).map_err(db::stop)?;
    read(&database).map_err(stop)
}

/// Runs one writing step in one transaction, under the locks. If it fails nothing was changed.
fn writing<T>(
    place: &Place,
    write: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, ExternalUserError>,
) -> Result<T, Stop> {
    // Asked before the locks are taken, so that a refusal leaves nothing behind.
    place.open_at_head(Access::Read).map_err(db::stop)?;
    let _locks = place.lock()?;
    let mut database = place.open_at_head(Access::Write).map_err(db::stop)?;
    let tx = database.transaction().map_err(db::stop)?;
    let done = write(&tx).map_err(stop)?;
    tx.commit().map_err(|source| {
        stop(ExternalUserError::Database { what: "commit the change".to_owned(), source })
    })?;
    Ok(done)
}

fn stop(error: ExternalUserError) -> Stop {
    let code = match &error {
        ExternalUserError::Empty { .. } => ExitCode::Usage,
        ExternalUserError::Taken { .. } | ExternalUserError::Database { .. } => ExitCode::Failed,
    };
    Stop::new(code, error)
}
