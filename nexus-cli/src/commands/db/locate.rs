//! Which database is meant, and the locks of a command that changes it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use nexus_core::db::peer::MigrationOptions;
use nexus_core::db::{Access, Database, DbError, OpenOptions};
use nexus_core::lock::{DatabaseLock, LockError, RunLock};

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Names the database; NexusLIMS reads the same variable.
pub(super) const DATABASE_VARIABLE: &str = "NX_DB_PATH";
/// Names the data folder of NexusLIMS, whose lock its runs hold.
const DATA_VARIABLE: &str = "NX_DATA_PATH";

/// The database that a command works on.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Folder whose lock keeps runs away, if known.
    data: Option<PathBuf>,
    /// How long to wait for another program that holds the file.
    wait: Duration,
}

/// What the command line says about the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Its path.
    pub(super) path: Option<&'a Path>,
    /// How long to wait for another program that holds it.
    pub(super) wait: Duration,
}

impl Place {
    /// The database from the command line, else from the environment, else from the configuration.
    pub(super) fn find(global: &Global, asked: Asked<'_>) -> Result<Self, Stop> {
        Self::find_if_any(global, asked)?.ok_or_else(|| {
            let config = global.config.display();
            Stop::new(ExitCode::Usage, anyhow!("no database named: there is no --database, {DATABASE_VARIABLE} is not set, and there is no `{config}`"))
                .with_hint(format!("name it: --database PATH, or {DATABASE_VARIABLE}=PATH, or run this where nexus.toml is"))
        })
    }

    /// The same, where a command can do without.
    pub(super) fn find_if_any(global: &Global, asked: Asked<'_>) -> Result<Option<Self>, Stop> {
        let named = asked.path.map(Path::to_owned).or_else(|| variable(DATABASE_VARIABLE));
        let configured = match configured(global) {
            Ok(configured) => configured,
            // Somebody who names the database does not need the rest of the settings to be right.
            Err(_) if named.is_some() => None,
            Err(stop) => return Err(stop),
        };
        let data = |path: &Path| match &configured {
            Some((theirs, data)) if is_same(theirs, path) => Some(data.clone()),
            _ => variable(DATA_VARIABLE).filter(|folder| folder.is_dir()),
        };
        let path = named.or_else(|| configured.as_ref().map(|(path, _)| path.clone()));
        Ok(path.map(|path| Self { data: data(&path), path, wait: asked.wait }))
    }

    /// The database file, as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database, for reading.
    pub(super) fn open(&self) -> Result<Database, DbError> {
        Database::open_with(&self.path, Access::Read, OpenOptions { busy_timeout: self.wait })
    }

    /// How to migrate and copy it.
    pub(super) fn options(&self) -> MigrationOptions<'static> {
        MigrationOptions { busy_timeout: self.wait, ..MigrationOptions::default() }
    }

    /// Keeps runs and other writing commands away until dropped.
    pub(super) fn lock(&self) -> Result<Locks, Stop> {
        let run = self.data.as_deref().filter(|folder| folder.is_dir()).map(RunLock::try_acquire).transpose();
        let run = run.map_err(lock_stop)?;
        let database = DatabaseLock::try_acquire(&self.path).map_err(lock_stop)?;
        Ok(Locks { _database: database, _run: run })
    }
}

/// Both locks of a writing command: that of the database, and that of the data folder if one is known.
#[derive(Debug)]
pub(super) struct Locks {
    _database: DatabaseLock,
    _run: Option<RunLock>,
}

fn lock_stop(error: LockError) -> Stop {
    if error.is_held() {
        Stop::new(ExitCode::Locked, error).with_hint("wait until it is done, then try again")
    } else {
        Stop::new(ExitCode::CannotStart, error)
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| value.as_os_str() != OsStr::new("")).map(PathBuf::from)
}

/// The database and the data folder of the configuration, if there is one.
fn configured(_global: &Global) -> Result<Option<(PathBuf, PathBuf)>, Stop> {
    Ok(None)
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
