//! The table of what went where, and how it ended.
//!
//! One row per tried destination and export; rows are only ever added. NexusLIMS writes its times without an
//! offset, in the zone of the machine it ran on; we write the offset.

use chrono::{DateTime, FixedOffset};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use crate::ids::{DestinationName, SessionId};
use crate::timestamp::Timestamp;
use crate::unreadable::{Rows, read_rows};

/// A row of `upload_log`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UploadLog {
    /// Its number.
    pub id: i64,
    /// The session.
    pub session_identifier: SessionId,
    /// The destination.
    #[serde(rename = "destination_name")]
    pub destination: DestinationName,
    /// Whether the record is there.
    pub success: bool,
    /// When it ended; without an offset in the zone of the machine that wrote it. `None` if it cannot be
    /// read: that the record was delivered counts all the same.
    pub timestamp: Option<Timestamp>,
    /// Its id in the destination.
    pub record_id: Option<String>,
    /// Its link.
    pub record_url: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// What else the destination said; text that is no JSON comes as text.
    #[serde(rename = "metadata_json")]
    pub metadata: Option<Value>,
}

/// A row to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUpload {
    /// The session.
    pub session_identifier: SessionId,
    /// The destination.
    pub destination: DestinationName,
    /// Whether the record is there.
    pub success: bool,
    /// When it ended.
    pub timestamp: DateTime<FixedOffset>,
    /// Its id in the destination.
    pub record_id: Option<String>,
    /// Its link.
    pub record_url: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// What else the destination said.
    pub metadata: Option<Value>,
}

/// An upload log that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what}")]
pub struct UploadLogError {
    /// What was asked of the database.
    pub what: String,
    /// Its answer.
    pub source: rusqlite::Error,
}

impl NewUpload {
    /// Adds the row, and returns its number.
    pub fn insert(&self, tx: &Transaction<'_>) -> Result<i64, UploadLogError> {
        tx.prepare_cached(
            "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id,
                 record_url, error_message, metadata_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut statement| {
            statement.insert(params![
                self.session_identifier,
                self.destination,
                self.success,
                Timestamp::from_fixed(self.timestamp),
                self.record_id,
                self.record_url,
                self.error_message,
                self.metadata.as_ref().map(Value::to_string),
            ])
        })
        .map_err(|source| UploadLogError {
            what: format!(
                "log the delivery of session `{}` to `{}`",
                self.session_identifier, self.destination
            ),
            source,
        })
    }
}

impl UploadLog {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        // What was delivered where is what counts; the rest may be anything that a program or a person wrote.
        let text = |column: usize| row.get::<_, Option<String>>(column).ok().flatten();
        let metadata = text(8);
        Ok(Self {
            id: row.get(0)?,
            session_identifier: row.get(1)?,
            destination: row.get(2)?,
            success: row.get(3)?,
            timestamp: row.get(4).ok(),
            record_id: text(5),
            record_url: text(6),
            error_message: text(7),
            metadata: metadata.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
        })
    }

    /// All rows, by number.
    pub fn all(connection: &Connection) -> Result<Rows<UploadLog>, UploadLogError> {
        Self::select(connection, "", [])
    }

    /// What was tried for one session, by number.
    pub fn of_session(
        connection: &Connection,
        session: &SessionId,
    ) -> Result<Rows<UploadLog>, UploadLogError> {
        Self::select(connection, "WHERE session_identifier = ?1", [session])
    }

    /// What was tried with one destination, by number.
    pub fn of_destination(
        connection: &Connection,
        destination: &DestinationName,
    ) -> Result<Rows<UploadLog>, UploadLogError> {
        Self::select(connection, "WHERE destination_name = ?1", [destination])
    }

    /// The rows after a number, by number, at most `limit` of them: what was added since it was last looked
    /// at. An unreadable row counts as one of them.
    pub fn after(connection: &Connection, id: i64, limit: u32) -> Result<Rows<UploadLog>, UploadLogError> {
        Self::select(connection, "WHERE id > ?1 ORDER BY id LIMIT ?2", params![id, limit])
    }

    /// The rows up to a number, from the last one on, at most `limit` of them.
    pub fn up_to(connection: &Connection, id: i64, limit: u32) -> Result<Rows<UploadLog>, UploadLogError> {
        Self::select(connection, "WHERE id <= ?1 ORDER BY id DESC LIMIT ?2", params![id, limit])
    }

    /// What the row with this number says, in so far as it tells it from another one; `None` if there is none.
    pub fn mark(connection: &Connection, id: i64) -> Result<Option<String>, UploadLogError> {
        connection
            .prepare_cached(
                "SELECT hex(session_identifier) || ' ' || hex(destination_name) || ' ' || hex(timestamp) || ' ' ||
                        hex(record_id)
                   FROM upload_log WHERE id = ?1",
            )
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .map_err(|source| UploadLogError { what: format!("read row {id} of upload_log"), source })
    }

    /// The largest number in use; 0 if there is no row.
    pub fn last_id(connection: &Connection) -> Result<i64, UploadLogError> {
        connection.query_row("SELECT coalesce(max(id), 0) FROM upload_log", [], |row| row.get(0)).map_err(
            |source| UploadLogError { what: "read the last number of upload_log".to_owned(), source },
        )
    }

    fn select(
        connection: &Connection,
        condition: &'static str,
        params: impl Params,
    ) -> Result<Rows<UploadLog>, UploadLogError> {
        let order = if condition.contains("ORDER BY") { "" } else { "ORDER BY id" };
        let sql = format!(
            "SELECT id, session_identifier, destination_name, success, timestamp, record_id, record_url,
                    error_message, metadata_json
             FROM upload_log {condition} {order}"
        );
        connection
            .prepare_cached(&sql)
            .and_then(|mut statement| read_rows(&mut statement, params, "upload_log", true, Self::from_row))
            .map_err(|source| UploadLogError { what: "read upload_log".to_owned(), source })
    }
}

#[cfg(test)]
mod tests;
