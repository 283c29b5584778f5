//! What a delivery takes from a session's row.

use rusqlite::{Connection, OptionalExtension as _};

use super::{SessionStateError, failed};
use crate::ids::SessionId;

/// The record of a session as it was built last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltRecord {
    /// The session's key in remote objects.
    pub key: String,
    /// File stem and remote title.
    pub name: String,
    /// Hash of its content.
    pub content_sha256: String,
    /// Hash of its file.
    pub file_sha256: String,
    /// The reservation that went into it, as JSON: to be read where nobody waits for it.
    pub reservation: Option<String>,
}

impl BuiltRecord {
    /// The record of a session; `None`: none was built, or the session is not known.
    pub fn load(connection: &Connection, session: &SessionId) -> Result<Option<Self>, SessionStateError> {
        connection
            .prepare_cached(
                "SELECT record_key, record_name, content_sha256, file_sha256, reservation FROM nexus_session
                  WHERE session_identifier = ?1 AND record_name IS NOT NULL
                    AND content_sha256 IS NOT NULL AND file_sha256 IS NOT NULL",
            )
            .and_then(|mut statement| {
                let read = |row: &rusqlite::Row<'_>| {
                    let (key, name, content_sha256) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    let (file_sha256, reservation) = (row.get(3)?, row.get(4)?);
                    Ok(Self { key, name, content_sha256, file_sha256, reservation })
                };
                statement.query_row([session], read).optional()
            })
            .map_err(failed(format!("read what is known of the record of session `{session}`")))
    }
}
