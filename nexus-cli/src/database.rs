//! Which database a command means, and the locks of one that changes it.
//!
//! For commands that need no other setting: `db`, and whoever only reads or edits tables.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use nexus_core::config::{Config, ConfigError};
use nexus_core::db::peer::MigrationOptions;
use nexus_core::db::{Access, Database, DbError, OpenOptions};
use nexus_core::lock::{DatabaseLock, LockError, RunLock};

use crate::args::{DEFAULT_CONFIG, Global};
use crate::exit_code::{ExitCode, Stop};

/// Names the database; NexusLIMS reads the same variable.
pub const DATABASE_VARIABLE: &str = "NX_DB_PATH";
/// Names the data folder of NexusLIMS, whose lock its runs hold.
const DATA_VARIABLE: &str = "NX_DATA_PATH";

/// The database that a command works on.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Folder whose lock keeps runs away, if known.
    data: Option<PathBuf>,
    /// How long to wait for another program that holds the file.
    wait: Duration,
}

/// What the command line says about the database.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its path.
    pub path: Option<&'a Path>,
    /// How long to wait for another program that holds it.
    pub wait: Duration,
}

impl Place {
    /// The database from the command line, else from the environment, else from the configuration.
    pub fn find(global: &Global, asked: Asked<'_>) -> Result<Self, Stop> {
        Self::find_if_any(global, asked)?.ok_or_else(|| {
            let config = global.config.display();
            Stop::new(ExitCode::Usage, anyhow!("no database named: there is no --database, {DATABASE_VARIABLE} is not set, and there is no `{config}`"))
                .with_hint(format!("name it: --database PATH, or {DATABASE_VARIABLE}=PATH, or run this where nexus.toml is"))
        })
    }

    /// The same, where a command can do without.
    pub fn find_if_any(global: &Global, asked: Asked<'_>) -> Result<Option<Self>, Stop> {
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
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database, for reading.
    pub fn open(&self) -> Result<Database, DbError> {
        Database::open_with(&self.path, Access::Read, OpenOptions { busy_timeout: self.wait })
    }

    /// The database, for a command that reads or writes rows: it must be at the newest revision.
    pub fn open_at_head(&self, access: Access) -> Result<Database, DbError> {
        let database = Database::open_with(&self.path, access, OpenOptions { busy_timeout: self.wait })?;
        database.require_head()?;
        Ok(database)
    }

    /// How to migrate and copy it.
    pub fn options(&self) -> MigrationOptions<'static> {
        MigrationOptions { busy_timeout: self.wait, ..MigrationOptions::default() }
    }

    /// Keeps runs and other writing commands away until dropped.
    pub fn lock(&self) -> Result<Locks, Stop> {
        let run = self.data.as_deref().filter(|folder| folder.is_dir()).map(RunLock::try_acquire).transpose();
        let run = run.map_err(lock_stop)?;
        let database = DatabaseLock::try_acquire(&self.path).map_err(lock_stop)?;
        Ok(Locks { _database: database, _run: run })
    }
}

/// Both locks of a writing command: that of the database, and that of the data folder if one is known.
#[derive(Debug)]
pub struct Locks {
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
fn configured(global: &Global) -> Result<Option<(PathBuf, PathBuf)>, Stop> {
    match Config::read(&global.config) {
        Ok(config) => Ok(Some((config.database.path, config.storage.data))),
        // Nobody asked for a file of this name: without it there is no configuration, and that is all.
        Err(ConfigError::Missing { .. }) if global.config == Path::new(DEFAULT_CONFIG) => Ok(None),
        Err(error) => {
            let hint = error.hint().unwrap_or("with --database PATH, no configuration is needed");
            Err(Stop::new(ExitCode::Configuration, error).with_hint(hint))
        }
    }
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
