//! What can go wrong with the database as a whole.

use std::path::PathBuf;
use std::time::Duration;

use super::peer::{Obstacle, Revision};
use super::query::QueryError;

/// Why the database could not be opened, read, migrated or copied. The file is untouched by every refusal.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The path is empty.
    #[error("no database named: the path is empty; give a path, or set NX_DB_PATH")]
    EmptyPath,

    /// Nothing there.
    #[error("database `{}` does not exist; make one with `nexus db init`, or correct the path", path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
    },

    /// A folder, a device, anything but a file.
    #[error("`{}` is {what}, not a database file; name the file itself", path.display())]
    NotAFile {
        /// The path asked for.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },

    /// A file that SQLite does not know.
    #[error("`{}` is not a SQLite database: {reason}; check the path, or restore a backup", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },

    /// `create` never overwrites.
    #[error("`{}` exists already; upgrade it with `nexus db upgrade`, or choose another path", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// A backup never overwrites.
    #[error("`{}` exists already and was left as it is; choose another name for the backup", path.display())]
    BackupExists {
        /// The file.
        path: PathBuf,
    },

    /// Writing was asked for and is not possible.
    #[error("database `{}` cannot be written: {reason}; SQLite needs to write the file and its folder", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Which of the two, and why.
        reason: String,
    },

    /// Another program holds it.
    #[error("database `{database}` is locked by another program (waited {} s); try again when that one is done", waited.as_secs_f32())]
    Busy {
        /// The file.
        database: String,
        /// How long SQLite waited.
        waited: Duration,
    },

    /// A file in WAL mode that somebody else has open.
    #[error(
        "database `{}` is in write-ahead mode and cannot be turned back to a rollback journal ({reason}); close every program that has it open and try again",
        path.display()
    )]
    WriteAhead {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },

    /// A revision of the shared schema that this program has never heard of.
    #[error(
        "database `{database}` is at revision `{revision}`, which this program does not know (it knows up to {}); the file is newer than this program or not of this kind: install a newer nexus, or restore a backup",
        Revision::HEAD
    )]
    UnknownRevision {
        /// The file.
        database: String,
        /// What `alembic_version` says.
        revision: String,
    },

    /// `alembic_version` holds more than one row, or cannot be read as one.
    #[error(
        "database `{database}` has no single revision: {reason}; restore a backup, or correct the table alembic_version by hand"
    )]
    BrokenVersionTable {
        /// The file.
        database: String,
        /// What the table holds.
        reason: String,
    },

    /// The tables do not fit the revision, or a rebuild was left half-way.
    #[error("database `{database}` holds a half-applied migration: {reason}; {hint}")]
    HalfApplied {
        /// The file.
        database: String,
        /// What does not fit.
        reason: String,
        /// What to do.
        hint: String,
    },

    /// Our own tables are newer than this program.
    #[error(
        "database `{database}` was written by a newer nexus (its own tables are at {found}, this program knows up to {known}); install that version"
    )]
    Newer {
        /// The file.
        database: String,
        /// Highest applied number.
        found: i64,
        /// Highest number this program has.
        known: i32,
    },

    /// Our own history names another text than the one in this program.
    #[error(
        "the history of nexus' own tables in `{database}` differs from this program's at number {version} ({reason}); install the nexus that wrote it, or restore a backup"
    )]
    Divergent {
        /// The file.
        database: String,
        /// The number.
        version: i64,
        /// What differs.
        reason: String,
    },

    /// A known revision, but not the newest, where the newest is needed.
    #[error(
        "database `{database}` is at revision {found}, {} is needed; run `nexus db upgrade`",
        Revision::HEAD
    )]
    NotAtHead {
        /// The file.
        database: String,
        /// Where it is.
        found: Revision,
    },

    /// No tables at all.
    #[error("database `{database}` is empty; run `nexus db upgrade` to make its tables")]
    Empty {
        /// The file.
        database: String,
    },

    /// Tables, but no revision.
    #[error("database `{database}` has no revision ({shape}); {hint}")]
    Unversioned {
        /// The file.
        database: String,
        /// What its tables look like.
        shape: String,
        /// What to do.
        hint: String,
    },

    /// The tables are not those of the revision to be stamped.
    #[error("`{database}` cannot be stamped {revision}: {reason}; stamp the revision whose tables it has")]
    StampMismatch {
        /// The file.
        database: String,
        /// The revision asked for.
        revision: Revision,
        /// What does not fit.
        reason: String,
    },

    /// Rows that the next schema would not take.
    #[error(
        "the step to {to} of `{database}` was not started, {}; correct these rows and try again",
        list(obstacles)
    )]
    Obstacles {
        /// The file.
        database: String,
        /// The revision that would be reached; `none` for the empty database.
        to: String,
        /// What stands in the way.
        obstacles: Vec<Obstacle>,
    },

    /// A step would have lost something; it was rolled back.
    #[error(
        "the step to {to} of `{database}` was rolled back: {reason}; nothing was changed, please report this"
    )]
    IntegrityLost {
        /// The file.
        database: String,
        /// The revision that would have been reached.
        to: String,
        /// What differed.
        reason: String,
    },

    /// A migration failed inside SQLite; it was rolled back.
    #[error("the step to {to} of `{database}` failed and was rolled back: {source}")]
    Migration {
        /// The file.
        database: String,
        /// The revision that would have been reached.
        to: String,
        /// SQLite's or refinery's words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A later step failed; the earlier ones are in force.
    #[error("stopped at {reached}, which is in force (backup: `{backup}`): {source}")]
    Partial {
        /// The revision reached.
        reached: String,
        /// The copy made before the first step; `none` where the file was empty.
        backup: String,
        /// Why the next step failed.
        source: Box<DbError>,
    },

    /// Not enough room for the backup and the rebuild.
    #[error("not enough space beside `{}`: a backup and the rebuild need {needed} bytes, {free} are free; make room or move the database", path.display())]
    NoSpace {
        /// The database.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free for us.
        free: u64,
    },

    /// The file system's answer.
    #[error("failed to {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },

    /// The one query that a person typed.
    #[error(transparent)]
    Query(#[from] QueryError),

    /// Anything else that SQLite says.
    #[error("failed to {action} database `{database}`: {source}")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// The file.
        database: String,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

fn list(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The file's name for messages.
pub(super) fn name_of(connection: &rusqlite::Connection) -> String {
    connection.path().filter(|path| !path.is_empty()).unwrap_or("in memory").to_owned()
}

/// How long this connection waits for others.
pub(super) fn busy_timeout(connection: &rusqlite::Connection) -> Duration {
    let millis = connection.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0));
    Duration::from_millis(millis.ok().and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0))
}

/// Sorts an error of SQLite into ours.
pub(super) fn sqlite(
    connection: &rusqlite::Connection,
    action: &'static str,
) -> impl FnOnce(rusqlite::Error) -> DbError + use<> {
    let database = name_of(connection);
    let waited = busy_timeout(connection);
    move |source| sort(database, waited, action, source)
}

/// As [`sqlite`], where the patience is known.
pub(super) fn sort(
    database: String,
    waited: Duration,
    action: &'static str,
    source: rusqlite::Error,
) -> DbError {
    use rusqlite::ErrorCode;
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DbError::Busy { database, waited },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            DbError::NotADatabase { path: database.into(), reason: source.to_string() }
        }
        Some(ErrorCode::ReadOnly) => DbError::ReadOnly { path: database.into(), reason: source.to_string() },
        _ => DbError::Sqlite { action, database, source },
    }
}
