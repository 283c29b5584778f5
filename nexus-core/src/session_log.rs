//! The table of START, END and RECORD_GENERATION rows.
//!
//! Reading: [`SessionLog::all`], [`of_session`](SessionLog::of_session),
//! [`of_instrument`](SessionLog::of_instrument) and [`waiting_for_end`](SessionLog::waiting_for_end) give the
//! rows by instant, and apart from them those that cannot be read.
//!
//! Writing: [`NewSession::insert`] puts a START and an END row into the table together, which is how sessions
//! enter it; [`SessionLog::insert`] puts one row there, [`close`] ends a session that another program began.
//! All of them can be called again with the same or with revised values.

mod insert;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params, Row};
use serde::{Deserialize, Serialize};

pub use insert::{NewSession, Stored, close};

use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::{Instrument, Instruments};
use crate::session::{EventType, RecordStatus, SessionError};
use crate::timestamp::Timestamp;
use crate::unreadable::{Rows, read_rows};

/// A row of `session_log`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionLog {
    /// `id_session_log`; `None` before it is stored.
    pub id: Option<i64>,
    /// The session.
    pub session_identifier: SessionId,
    /// Where.
    pub instrument: InstrumentPid,
    /// When. Without an offset: in the instrument's zone.
    pub timestamp: Timestamp,
    /// What happened.
    pub event_type: EventType,
    /// How far the session is.
    pub record_status: RecordStatus,
    /// Who, if known; `nexuslims` for RECORD_GENERATION rows.
    pub user: Option<String>,
}

/// A session log that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionLogError {
    /// Rows without an identifier would all be one session.
    #[error("a session of instrument `{0}` was not stored: its identifier is empty")]
    NoIdentifier(InstrumentPid),
    /// A session needs an instrument that is known.
    #[error(
        "session `{session}` was not stored: instrument `{instrument}` is not in the table of instruments; add it first"
    )]
    UnknownInstrument {
        /// The session.
        session: SessionId,
        /// The instrument.
        instrument: InstrumentPid,
    },
    /// There is no session that could be closed.
    #[error("session `{0}` cannot be closed: session_log has no START row of it")]
    NeverStarted(SessionId),
    /// The status could not be changed.
    #[error(transparent)]
    Status(#[from] SessionError),
    /// The database answered with an error.
    #[error("failed to {what}")]
    Database {
        /// What was asked of it.
        what: String,
        /// Its answer.
        source: rusqlite::Error,
    },
}

impl SessionLogError {
    fn database(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

impl SessionLog {
    const TABLE: &str = "session_log";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            session_identifier: row.get(1)?,
            instrument: row.get(2)?,
            timestamp: row.get(3)?,
            event_type: row.get(4)?,
            record_status: row.get(5)?,
            user: row.get(6)?,
        })
    }

    /// The instrument of this row, if it is known.
    pub fn instrument<'a>(&self, instruments: &'a Instruments) -> Option<&'a Arc<Instrument>> {
        instruments.get(&self.instrument)
    }

    /// When, as an instant. Without an offset, and with an instrument or a zone that nobody knows, the wall
    /// clock is taken as UTC.
    pub fn instant(&self, instruments: &Instruments) -> DateTime<Utc> {
        let zone = self.instrument(instruments).and_then(|instrument| instrument.timezone().ok());
        self.timestamp.instant(zone.unwrap_or(chrono_tz::UTC))
    }

    /// Every row of the table, by instant, then by row.
    pub fn all(
        connection: &Connection,
        instruments: &Instruments,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        Self::select(connection, instruments, "", [])
    }

    /// The rows of one session, by instant, then by row.
    pub fn of_session(
        connection: &Connection,
        instruments: &Instruments,
        session: &SessionId,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        Self::select(connection, instruments, "WHERE session_identifier = ?1", [session])
    }

    /// The rows of one instrument, by instant, then by row.
    pub fn of_instrument(
        connection: &Connection,
        instruments: &Instruments,
        pid: &InstrumentPid,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        Self::select(connection, instruments, "WHERE instrument = ?1", [pid])
    }

    /// The START rows of sessions that another program began and that have not ended, by instant.
    pub fn waiting_for_end(
        connection: &Connection,
        instruments: &Instruments,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        Self::select(
            connection,
            instruments,
            "WHERE record_status = 'WAITING_FOR_END' AND event_type = 'START'",
            [],
        )
    }

    fn select(
        connection: &Connection,
        instruments: &Instruments,
        condition: &'static str,
        params: impl Params,
    ) -> Result<Rows<SessionLog>, SessionLogError> {
        let sql = format!(
            "SELECT id_session_log, session_identifier, instrument, timestamp, event_type, record_status, user
             FROM session_log {condition} ORDER BY id_session_log"
        );
        let mut found = connection
            .prepare_cached(&sql)
            .and_then(|mut statement| read_rows(&mut statement, params, Self::TABLE, true, Self::from_row))
            .map_err(SessionLogError::database("read session_log"))?;
        for row in &found.unreadable {
            tracing::warn!("{row}");
        }
        // Texts with different offsets do not sort as instants do, so the database cannot do it.
        found.rows.sort_by_cached_key(|log| log.instant(instruments));
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
