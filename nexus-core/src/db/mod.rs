//! The one way to open the database.
//!
//! One SQLite file holds the tables shared with NexusLIMS and those of our own. Two chains of migrations look
//! after them: [`peer`] for the shared revisions, which move only when somebody asks, and one of our own, which is
//! additive and applied whenever the file is opened for writing.
//!
//! ```
//! use nexus_core::db::{Access, Database};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("nexus.db");
//! Database::create(&path)?;
//!
//! let database = Database::open(&path, Access::Read)?;
//! let found = database.query("SELECT count(*) FROM instruments WHERE harvester = ?1", &["nemo".to_owned().into()])?;
//! assert_eq!(found.rows, [[0.into()]]);
//! # Ok(())
//! # }
//! ```

mod backup;
mod chain;
pub mod describe;
mod error;
mod file;
mod own;
pub mod peer;
mod query;
pub mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, types::Value};

pub use error::DbError;
pub use query::{QueryError, QueryRows};

use error::{name_of, sort, sqlite};
use peer::{Revision, Standing};

/// How long a statement waits for another program, unless told otherwise.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading. SQLite still opens the file for writing where it may, since a journal left by a crash has to be
    /// played back first; statements that write are refused.
    Read,
    /// Reading and writing; pending additions to our own tables are applied.
    Write,
}

/// How to open; the default is what every command uses.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// How long a statement waits for another program that holds the file.
    pub busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { busy_timeout: BUSY_TIMEOUT }
    }
}

/// One connection to the database.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: Option<PathBuf>,
    options: OpenOptions,
}

impl Database {
    /// Opens an existing file, at any revision this program knows.
    ///
    /// A file that is not SQLite, newer than this program, half-migrated or (for writing) not writable is refused and
    /// left as it is.
    pub fn open(path: &Path, access: Access) -> Result<Self, DbError> {
        Self::open_with(path, access, OpenOptions::default())
    }

    /// As [`Database::open`], with another patience.
    pub fn open_with(path: &Path, access: Access, options: OpenOptions) -> Result<Self, DbError> {
        let path = file::check(path)?;
        if access == Access::Write {
            file::check_writable(&path)?;
        }
        let connection = connect(&path, access, options)?;
        let standing = peer::standing(&connection)?;
        let pending = own::check(&connection)?;
        let mut database = Self { connection, path: Some(path), options };
        if access == Access::Write {
            match standing {
                Standing::Empty => return Err(DbError::Empty { database: name_of(&database.connection) }),
                Standing::Unversioned(shape) => return Err(shape.refusal(&database.connection)),
                Standing::At(_) => {}
            }
            rollback_journal(&database.connection)?;
            if pending == own::Pending::Some {
                let transaction = database.transaction()?;
                own::apply(&transaction)?;
                commit(transaction)?;
            }
        }
        Ok(database)
    }

    /// Makes a new file with all tables, in one transaction. An existing file is refused.
    pub fn create(path: &Path) -> Result<Self, DbError> {
        let path = file::absolute(path)?;
        std::fs::File::create_new(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => DbError::Exists { path: path.clone() },
            _ => DbError::Io { action: "create database", path: path.clone(), source },
        })?;
        let options = OpenOptions::default();
        match connect(&path, Access::Write, options).and_then(fill) {
            Ok(connection) => Ok(Self { connection, path: Some(path), options }),
            Err(error) => {
                // Only the file made three lines above: nobody else's.
                if let Err(left) = std::fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), error = %left, "an empty database file is left behind");
                }
                Err(error)
            }
        }
    }

    /// A database that lives as long as this value, with all tables.
    ///
    /// ```
    /// let database = nexus_core::db::Database::in_memory()?;
    /// assert_eq!(database.path(), None);
    /// # Ok::<(), nexus_core::db::DbError>(())
    /// ```
    pub fn in_memory() -> Result<Self, DbError> {
        let connection = Connection::open_in_memory().map_err(|source| DbError::Sqlite {
            action: "open",
            database: "in memory".to_owned(),
            source,
        })?;
        let options = OpenOptions::default();
        pragmas(&connection, Access::Write, options).map_err(sqlite(&connection, "set up"))?;
        fill(connection).map(|connection| Self { connection, path: None, options })
    }

    /// A copy that lives as long as this value, for trying what would happen: in a temporary file without a name, which is
    /// gone with the program, however that ends.
    pub fn copy_to_try(&self) -> Result<Self, DbError> {
        let options = self.options;
        let copied = Connection::open("").and_then(|mut copy| {
            rusqlite::backup::Backup::new(&self.connection, &mut copy)?.run_to_completion(
                1024,
                Duration::ZERO,
                None,
            )?;
            Ok(copy)
        });
        let connection = copied.map_err(sqlite(&self.connection, "copy into a temporary file"))?;
        pragmas(&connection, Access::Write, options).map_err(sqlite(&connection, "set up"))?;
        let mut copy = Self { connection, path: None, options };
        if own::check(&copy.connection)? == own::Pending::Some {
            let transaction = copy.transaction()?;
            own::apply(&transaction)?;
            commit(transaction)?;
        }
        Ok(copy)
    }

    /// The file, absolute; none for a database in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The connection, for reading. Writes go through [`Database::transaction`].
    pub fn read(&self) -> &Connection {
        &self.connection
    }

    /// Begins a transaction that holds the write lock from its start, so that nothing read in it can go stale.
    pub fn transaction(&mut self) -> Result<Transaction<'_>, DbError> {
        let (database, waited) = (name_of(&self.connection), self.options.busy_timeout);
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| sort(database, waited, "begin a transaction on", source))
    }

    /// Runs one read-only statement with its values bound, and returns the rows as tuples.
    pub fn query(&self, sql: &str, params: &[Value]) -> Result<QueryRows, DbError> {
        query::run(&self.connection, sql, params).map_err(DbError::from)
    }

    /// Where the shared tables stand.
    pub fn standing(&self) -> Result<Standing, DbError> {
        peer::standing(&self.connection)
    }

    /// Whether our own tables are there. A command that opens the file for writing makes them.
    pub fn has_own_tables(&self) -> Result<bool, DbError> {
        self.query(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'nexus_session')",
            &[],
        )
        .map(|found| found.rows.first().and_then(|row| row.first()) == Some(&Value::Integer(1)))
    }

    /// Refuses anything but the newest shared revision: what every step of a run needs.
    pub fn require_head(&self) -> Result<(), DbError> {
        match self.standing()? {
            Standing::At(Revision::HEAD) => Ok(()),
            Standing::At(found) => Err(DbError::NotAtHead { database: name_of(&self.connection), found }),
            Standing::Empty => Err(DbError::Empty { database: name_of(&self.connection) }),
            Standing::Unversioned(shape) => Err(shape.refusal(&self.connection)),
        }
    }
}

/// Opens the file and sets the connection up; nothing is written.
fn connect(path: &Path, access: Access, options: OpenOptions) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| DbError::Sqlite { action: "open", database: path.display().to_string(), source };
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    pragmas(&connection, access, options).map_err(sqlite(&connection, "open"))?;
    if access == Access::Write && connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        let reason = "the system opened the file for reading only".to_owned();
        return Err(DbError::ReadOnly { path: path.to_owned(), reason });
    }
    Ok(connection)
}

fn pragmas(connection: &Connection, access: Access, options: OpenOptions) -> rusqlite::Result<()> {
    connection.busy_timeout(options.busy_timeout)?;
    // NexusLIMS runs without foreign keys and accepts rows for unknown instruments; the bundled SQLite would not.
    connection.pragma_update(None, "foreign_keys", false)?;
    // EXTRA also syncs the folder after the journal is gone: a commit that was answered survives a power cut.
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    // What a savepoint may have to take back is kept in memory instead of a file: it lives no longer than its
    // transaction, and durability does not hang on it.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // In KiB. The usual 2 MiB are too little for a queue of some thousand deliveries: half of all reads went past it.
    connection.pragma_update(None, "cache_size", -8192)?;
    // Views and triggers in a file from elsewhere call no function with side effects.
    connection.pragma_update(None, "trusted_schema", false)?;
    // The bundled SQLite has STAT4: a prepared statement is compiled anew whenever another value is bound to it,
    // since statistics could then want another plan. There are none in the file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "query_only", access == Access::Read)
}

/// Back to a rollback journal, if somebody switched the file to write-ahead: that mode stays in the file, and a plain
/// copy of it, which is how people make backups, then lacks the last commits.
fn rollback_journal(connection: &Connection) -> Result<(), DbError> {
    let refused = |reason: String| DbError::WriteAhead { path: name_of(connection).into(), reason };
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(sqlite(connection, "open"))?;
    if mode != "wal" {
        return Ok(());
    }
    let now: String = connection
        .pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))
        .map_err(|error| refused(error.to_string()))?;
    if now == "delete" { Ok(()) } else { Err(refused(format!("it stays in mode {now}"))) }
}

/// All tables of both chains into an empty database, in one transaction.
fn fill(mut connection: Connection) -> Result<Connection, DbError> {
    let failed = sqlite(&connection, "begin a transaction on");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    peer::fill(&transaction)?;
    own::apply(&transaction)?;
    commit(transaction)?;
    Ok(connection)
}

fn commit(transaction: Transaction<'_>) -> Result<(), DbError> {
    let failed = sqlite(&transaction, "commit to");
    transaction.commit().map_err(failed)
}
