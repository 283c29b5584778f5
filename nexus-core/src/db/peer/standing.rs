//! Where a database stands: what `alembic_version` claims, and whether the tables agree.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::Revision;
use crate::db::chain::{OWN, PEER, has_table};
use crate::db::error::{DbError, name_of, sqlite};

/// The table that says which revision the shared tables are at.
pub(super) const VERSION_TABLE: &str = "alembic_version";

/// Where the shared tables stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No shared tables and no revision: a new file, or one taken back to its base.
    Empty,
    /// Tables, but no revision.
    Unversioned(Shape),
    /// At this revision, and the tables agree.
    At(Revision),
}

/// What the tables of a file without revision look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Those of a revision: a file from before there were revisions looks like v1_4_3, a demonstration
    /// file of NexusLIMS like the newest. To be stamped once somebody has looked.
    Like(Revision),
    /// Tables of something else.
    Foreign {
        /// Their names, at most five.
        tables: Vec<String>,
    },
    /// Shared tables, but of no revision known here.
    Unknown {
        /// What does not fit the nearest revision.
        reason: String,
    },
}

impl Shape {
    /// The refusal to work on it.
    pub(in crate::db) fn refusal(self, connection: &Connection) -> DbError {
        let hint = match &self {
            Self::Like(revision) => {
                format!(
                    "if it is what it looks like, run `nexus db stamp {revision}`, then `nexus db upgrade`"
                )
            }
            Self::Foreign { .. } => "check that this is the right file".to_owned(),
            Self::Unknown { .. } => {
                "restore a backup, or bring the tables to the shape of a revision".to_owned()
            }
        };
        DbError::Unversioned { database: name_of(connection), shape: self.to_string(), hint }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Like(revision) => write!(f, "its tables look like those of {revision}"),
            Self::Foreign { tables } => write!(f, "it holds other tables: {}", tables.join(", ")),
            Self::Unknown { reason } => write!(f, "its tables are of no known revision: {reason}"),
        }
    }
}

const SESSION_LOG: &[&str] = &[
    "id_session_log",
    "session_identifier",
    "instrument",
    "timestamp",
    "event_type",
    "record_status",
    "user",
];
const INSTRUMENTS: &[&str] = &[
    "instrument_pid",
    "api_url",
    "calendar_url",
    "location",
    "property_tag",
    "filestore_path",
    "harvester",
    "timezone",
];
const INSTRUMENTS_TO_V2_5_0A: &[&str] =
    &["calendar_name", "schema_name", "computer_name", "computer_ip", "computer_mount"];
const INSTRUMENTS_FROM_V2_5_0B: &[&str] = &["display_name"];
const UPLOAD_LOG: &[&str] = &[
    "id",
    "session_identifier",
    "destination_name",
    "success",
    "timestamp",
    "record_id",
    "record_url",
    "error_message",
    "metadata_json",
];
const EXTERNAL_USERS: &[&str] = &[
    "id",
    "nexuslims_username",
    "external_system",
    "external_id",
    "email",
    "created_at",
    "last_verified_at",
    "notes",
];

/// The shared tables, and the revision that brings each.
pub(super) const SHARED_TABLES: [(&str, Revision); 4] = [
    ("instruments", Revision::V1_4_3),
    ("session_log", Revision::V1_4_3),
    ("upload_log", Revision::V2_4_0a),
    ("external_user_identifiers", Revision::V2_5_0a),
];

/// The columns a shared table has at a revision, in no order.
pub(super) fn columns_at(table: &str, revision: Revision) -> Vec<&'static str> {
    let lists: &[&[&'static str]] = match table {
        "session_log" => &[SESSION_LOG],
        "upload_log" => &[UPLOAD_LOG],
        "external_user_identifiers" => &[EXTERNAL_USERS],
        _ if revision >= Revision::V2_5_0b => &[INSTRUMENTS, INSTRUMENTS_FROM_V2_5_0B],
        _ => &[INSTRUMENTS, INSTRUMENTS_TO_V2_5_0A],
    };
    lists.concat()
}

/// Where the shared tables stand.
///
/// An unknown revision, several revisions, a rebuild that was left half-way, and tables that do not fit the
/// revision are errors: nothing should be done with such a file before somebody has looked at it.
pub fn standing(connection: &Connection) -> Result<Standing, DbError> {
    // One view of the file, though another program may be migrating it.
    let view = if connection.is_autocommit() {
        Some(connection.unchecked_transaction().map_err(sqlite(connection, "read"))?)
    } else {
        None
    };
    let found = look(connection);
    drop(view);
    found
}

fn look(connection: &Connection) -> Result<Standing, DbError> {
    let read = || sqlite(connection, "read");
    let Some(text) = claimed(connection)? else {
        return unversioned(connection).map_err(read());
    };
    let Ok(revision) = text.parse::<Revision>() else {
        return Err(DbError::UnknownRevision { database: name_of(connection), revision: text });
    };
    let left = leftovers(connection).map_err(read())?;
    let misfit = misfit(connection, revision).map_err(read())?;
    if left.is_empty() && misfit.is_none() {
        return Ok(Standing::At(revision));
    }
    let like = like(connection).map_err(read())?;
    let reason = match (&left[..], &misfit) {
        ([], Some(misfit)) => format!("it claims {revision}, but {misfit}"),
        (tables, None) => format!("a left-over table {}", tables.join(", ")),
        (tables, Some(misfit)) => {
            format!(
                "it claims {revision}, but {misfit}, and there is a left-over table {}",
                tables.join(", ")
            )
        }
    };
    let hint = match (&left[..], like) {
        ([], Some(other)) => {
            format!("its tables look like those of {other}: if that is right, run `nexus db stamp {other}`")
        }
        ([_, ..], Some(other)) if other == revision => {
            format!(
                "the tables of {revision} are complete, so drop the left-over table by hand after a `nexus db backup`"
            )
        }
        _ => "restore the backup made before that migration".to_owned(),
    };
    Err(DbError::HalfApplied { database: name_of(connection), reason, hint })
}

/// The one revision that `alembic_version` holds; none without table or row.
pub(super) fn claimed(connection: &Connection) -> Result<Option<String>, DbError> {
    let broken = |reason: String| DbError::BrokenVersionTable { database: name_of(connection), reason };
    let read = || sqlite(connection, "read the revision of");
    if !has_table(connection, VERSION_TABLE).map_err(read())? {
        return Ok(None);
    }
    if !columns(connection, VERSION_TABLE).map_err(read())?.contains("version_num") {
        return Err(broken("the table alembic_version has no column version_num".to_owned()));
    }
    let mut statement = connection
        .prepare("SELECT version_num FROM alembic_version ORDER BY version_num LIMIT 10")
        .map_err(read())?;
    let rows = statement
        .query_map([], |row| row.get_ref(0).map(|value| value.as_str().map(str::to_owned).ok()))
        .map_err(read())?;
    let mut rows: Vec<Option<String>> = rows.collect::<Result<_, _>>().map_err(read())?;
    match (rows.pop(), &rows[..]) {
        (None, _) => Ok(None),
        (Some(None), []) => {
            Err(broken("the table alembic_version holds something that is not text".to_owned()))
        }
        (Some(Some(text)), []) => Ok(Some(text)),
        (Some(last), _) => {
            let all: Vec<String> =
                rows.into_iter().chain([last]).map(|row| row.unwrap_or_else(|| "?".to_owned())).collect();
            Err(broken(format!("the table alembic_version holds several rows: {}", all.join(", "))))
        }
    }
}

/// Whether every row of `alembic_version` names a revision of ours.
pub(super) fn all_known(connection: &Connection) -> bool {
    let rows = || {
        let mut statement = connection.prepare("SELECT CAST(version_num AS TEXT) FROM alembic_version")?;
        let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let known = |text: Option<&str>| text.is_some_and(|text| text.parse::<Revision>().is_ok());
    rows().is_ok_and(|rows| rows.iter().all(|row| known(row.as_deref())))
}

fn unversioned(connection: &Connection) -> rusqlite::Result<Standing> {
    for (table, _) in SHARED_TABLES {
        if has_table(connection, table)? {
            let shape = match like(connection)? {
                Some(revision) => Shape::Like(revision),
                None => Shape::Unknown {
                    reason: misfit(connection, nearest(connection)?)?
                        .unwrap_or_else(|| "left-over tables".into()),
                },
            };
            return Ok(Standing::Unversioned(shape));
        }
    }
    if has_table(connection, VERSION_TABLE)? {
        return Ok(Standing::Empty);
    }
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name NOT LIKE 'nexus\\_%' ESCAPE '\\' AND name NOT IN (?1, ?2) ORDER BY name LIMIT 5",
    )?;
    let tables: Vec<String> =
        statement.query_map([PEER.history, OWN.history], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(if tables.is_empty() { Standing::Empty } else { Standing::Unversioned(Shape::Foreign { tables }) })
}

/// The revision whose tables these are.
pub(super) fn like(connection: &Connection) -> rusqlite::Result<Option<Revision>> {
    for revision in Revision::ALL.into_iter().rev() {
        if misfit(connection, revision)?.is_none() {
            return Ok(Some(revision));
        }
    }
    Ok(None)
}

/// The revision that the newest table belongs to: good enough to say what is missing.
fn nearest(connection: &Connection) -> rusqlite::Result<Revision> {
    let mut nearest = Revision::V1_4_3;
    for (table, since) in SHARED_TABLES {
        if has_table(connection, table)? {
            nearest = nearest.max(since);
        }
    }
    if columns(connection, "instruments")?.contains("display_name") {
        nearest = nearest.max(Revision::V2_5_0b);
    }
    Ok(nearest)
}

/// The first thing in which the tables differ from those of the revision.
///
/// Columns are compared by name, and declared types and order not at all: files older than the revisions and files
/// that NexusLIMS took back differ in them and are sound.
pub(super) fn misfit(connection: &Connection, revision: Revision) -> rusqlite::Result<Option<String>> {
    for (table, since) in SHARED_TABLES {
        let there = has_table(connection, table)?;
        if revision < since {
            if there {
                return Ok(Some(format!("the table {table} of {since} is there")));
            }
            continue;
        }
        if !there {
            return Ok(Some(format!("the table {table} is missing")));
        }
        let found = columns(connection, table)?;
        if let Some(column) = columns_at(table, revision).into_iter().find(|column| !found.contains(*column))
        {
            return Ok(Some(format!("the column {table}.{column} is missing")));
        }
        let other: &[&str] =
            if revision >= Revision::V2_5_0b { INSTRUMENTS_TO_V2_5_0A } else { INSTRUMENTS_FROM_V2_5_0B };
        if table == "instruments"
            && let Some(column) = other.iter().find(|column| found.contains(**column))
        {
            return Ok(Some(format!("the column {table}.{column} of another revision is there")));
        }
    }
    Ok(match (has_checks(connection)?, revision >= Revision::V2_4_0b) {
        (true, false) => Some("session_log has the checks of v2_4_0b".to_owned()),
        (false, true) => Some("session_log lacks the checks of v2_4_0b".to_owned()),
        _ => None,
    })
}

/// Tables that only exist in the middle of a rebuild, ours or that of NexusLIMS.
pub(super) fn leftovers(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT name FROM sqlite_master WHERE type = 'table' \
         AND (name IN ('session_log_new', 'instruments_new') OR name LIKE '\\_alembic\\_tmp\\_%' ESCAPE '\\') ORDER BY name",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// The checks are known by their names: the unnamed ones of the hand-made files allow other words.
fn has_checks(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'session_log'")?;
    let sql: String = statement.query_row([], |row| row.get(0))?;
    Ok(sql.contains("check_event_type") && sql.contains("check_record_status"))
}

pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}
