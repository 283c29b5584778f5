//! The session's rows in the session log, whatever is in them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde::Serialize;

use crate::ids::{InstrumentPid, SessionId};
use crate::session::{EventType, RecordStatus};
use crate::timestamp::UtcTime;

/// A row of the session log as it stands there: no value keeps it from being told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogRow {
    /// `id_session_log`.
    pub row: i64,
    /// START, END or RECORD_GENERATION.
    pub event_type: String,
    /// The status.
    pub record_status: String,
    /// When, as stored.
    pub timestamp: String,
    /// The instant that is meant; `None`: what is stored is no time.
    pub at: Option<UtcTime>,
    /// Where.
    pub instrument: InstrumentPid,
    /// Who.
    pub user: Option<String>,
}

/// The columns, in the order in which [`read`] takes them.
pub(in crate::explain) const COLUMNS: &str =
    "id_session_log, event_type, record_status, timestamp, instrument, user";

pub(in crate::explain) fn of_session(
    connection: &Connection,
    id: &SessionId,
) -> rusqlite::Result<Vec<LogRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM session_log WHERE session_identifier = ?1 ORDER BY id_session_log"
        ))?
        .query_map([id], read)?
        .collect()
}

/// Reads a row; its instant is not known before its instrument's zone is.
pub(in crate::explain) fn read(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    Ok(LogRow {
        row: row.get(0)?,
        event_type: text(row, 1)?.unwrap_or_default(),
        record_status: text(row, 2)?.unwrap_or_default(),
        timestamp: text(row, 3)?.unwrap_or_default(),
        at: None,
        instrument: InstrumentPid::new(text(row, 4)?.unwrap_or_default()),
        user: text(row, 5)?.filter(|user| !user.trim().is_empty()),
    })
}

/// A value as text, whatever it is.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// The row of an event that counts: the last one.
pub(in crate::explain) fn last(rows: &[LogRow], event: EventType) -> Option<&LogRow> {
    rows.iter().rev().find(|row| row.event_type == event.as_str())
}

/// The status, as [`crate::session::status_of`] tells it.
pub(in crate::explain) fn status(rows: &[LogRow]) -> Option<&str> {
    last(rows, EventType::Start).or(rows.last()).map(|row| row.record_status.as_str())
}

/// Whether one of them says that a record was built.
pub(in crate::explain) fn is_built(rows: &[LogRow]) -> bool {
    rows.iter().any(|row| row.record_status.parse().is_ok_and(RecordStatus::implies_record))
}
