//! The statuses of a session, and the one function that moves it from one to another.

use rusqlite::{Connection, Row, Transaction, params};

use super::SessionError;
use crate::ids::SessionId;
use crate::text_enum::text_enum;

text_enum! {
    /// What a row of `session_log` tells.
    pub enum EventType as "an event type", error NotAnEventType {
        /// The session began.
        Start = "START",
        /// The session ended.
        End = "END",
        /// A record of the session was begun.
        RecordGeneration = "RECORD_GENERATION",
    }
}

text_enum! {
    /// How far a session is.
    pub enum RecordStatus as "a record status", error NotARecordStatus {
        /// Built, and delivered as the export strategy asks.
        Completed = "COMPLETED",
        /// Started and not ended; only other session loggers write it.
        WaitingForEnd = "WAITING_FOR_END",
        /// Ended, to be built.
        ToBeBuilt = "TO_BE_BUILT",
        /// Built; the deliveries do not meet the export strategy.
        BuiltNotExported = "BUILT_NOT_EXPORTED",
        /// Could not be built.
        Error = "ERROR",
        /// There are no files, and the file delay is over.
        NoFilesFound = "NO_FILES_FOUND",
        /// The user did not agree.
        NoConsent = "NO_CONSENT",
        /// Nobody reserved the instrument for it.
        NoReservation = "NO_RESERVATION",
    }
}

impl RecordStatus {
    /// Whether a session may go from this status to another. `has_record` says that a record of it may exist
    /// anywhere ([`record_may_exist`]).
    ///
    /// | from | to | when |
    /// |---|---|---|
    /// | TO_BE_BUILT | NO_CONSENT, NO_RESERVATION, NO_FILES_FOUND, ERROR | settled without a record |
    /// | TO_BE_BUILT | BUILT_NOT_EXPORTED | the record was built |
    /// | BUILT_NOT_EXPORTED | COMPLETED | the export strategy is met |
    /// | NO_CONSENT, NO_RESERVATION, NO_FILES_FOUND, ERROR | TO_BE_BUILT | asked for, and no record exists |
    /// | WAITING_FOR_END | TO_BE_BUILT | the session has ended, and no record exists |
    ///
    /// A session whose record may exist never becomes TO_BE_BUILT, because NexusLIMS would build and upload
    /// it a second time.
    pub fn may_become(self, to: Self, has_record: bool) -> bool {
        match (self, to) {
            (
                Self::ToBeBuilt,
                Self::NoConsent
                | Self::NoReservation
                | Self::NoFilesFound
                | Self::Error
                | Self::BuiltNotExported,
            )
            | (Self::BuiltNotExported, Self::Completed) => true,
            (
                Self::NoConsent
                | Self::NoReservation
                | Self::NoFilesFound
                | Self::Error
                | Self::WaitingForEnd,
                Self::ToBeBuilt,
            ) => !has_record,
            _ => false,
        }
    }

    /// Whether this status alone says that a record was built.
    pub fn implies_record(self) -> bool {
        matches!(self, Self::Completed | Self::BuiltNotExported)
    }

    /// Whether nothing was decided yet: the times and the user of the session may still be corrected.
    pub fn is_open(self) -> bool {
        matches!(self, Self::WaitingForEnd | Self::ToBeBuilt)
    }
}

/// How a compare-and-set of a status ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only `Moved` changed anything"]
pub enum Moved {
    /// All rows of the session have the new status.
    Moved {
        /// How many rows that were.
        rows: usize,
    },
    /// The session has another status than expected; nothing was changed.
    Stale {
        /// The status found.
        actual: RecordStatus,
    },
    /// A START or END row of the session has a status that is none; nothing was changed.
    Unreadable {
        /// The row in `session_log`.
        row: i64,
    },
    /// `session_log` has no row of this session; nothing was changed.
    NoSuchSession,
}

impl Moved {
    /// Whether the session was moved.
    pub fn is_moved(self) -> bool {
        matches!(self, Self::Moved { .. })
    }
}

/// Moves a session from one status to another, if it still has the first and the move is permitted
/// ([`RecordStatus::may_become`]). Every row of the session gets the new status, RECORD_GENERATION rows of
/// earlier builds too, and so does what we remember of the session (`nexus_session.last_status`), if we do.
///
/// The status of a session is that of its START and END rows. If one of them already has the new status (a
/// person changed half of them), the move completes it; any other status is [`Moved::Stale`].
pub fn move_status(
    tx: &Transaction<'_>,
    session: &SessionId,
    from: RecordStatus,
    to: RecordStatus,
) -> Result<Moved, SessionError> {
    if !from.may_become(to, false) {
        return Err(SessionError::NotPermitted { session: session.clone(), from, to });
    }
    let rows = rows_of(tx, session)?;
    // A session of which only RECORD_GENERATION rows are left still has a status.
    let logs_only = rows.iter().any(StatusRow::is_log);
    let mut expected = 0_usize;
    let mut actual = None;
    for row in rows.iter().filter(|row| !logs_only || row.is_log()) {
        let Some(status) = row.status else { return Ok(Moved::Unreadable { row: row.number }) };
        if status == from {
            expected += 1;
        } else if status != to {
            return Ok(Moved::Stale { actual: status });
        } else {
            actual = Some(status);
        }
    }
    if expected == 0 {
        return Ok(actual.map_or(Moved::NoSuchSession, |actual| Moved::Stale { actual }));
    }
    if to == RecordStatus::ToBeBuilt {
        for missing in [EventType::Start, EventType::End] {
            if !rows.iter().any(|row| row.event == Some(missing)) {
                return Err(SessionError::Incomplete { session: session.clone(), missing });
            }
        }
        if record_may_exist(tx, session)? {
            return Err(SessionError::RecordMayExist { session: session.clone(), from });
        }
    }
    let write = |sql: &str| tx.prepare_cached(sql)?.execute(params![session, to]);
    let moved = write("UPDATE session_log SET record_status = ?2 WHERE session_identifier = ?1")
        .and_then(|rows| {
            write("UPDATE nexus_session SET last_status = ?2 WHERE session_identifier = ?1").map(|_| rows)
        })
        .map_err(SessionError::database(format!("move session `{session}` from {from} to {to}")))?;
    Ok(Moved::Moved { rows: moved })
}

/// A row of a session; what stands in it may be no word of ours.
struct StatusRow {
    number: i64,
    event: Option<EventType>,
    status: Option<RecordStatus>,
}

impl StatusRow {
    /// Whether it tells of the session itself, and not of its record, or of nothing that anybody knows.
    fn is_log(&self) -> bool {
        matches!(self.event, Some(EventType::Start | EventType::End))
    }
}

fn rows_of(connection: &Connection, session: &SessionId) -> Result<Vec<StatusRow>, SessionError> {
    let read = |row: &Row<'_>| {
        Ok(StatusRow { number: row.get(0)?, event: row.get(1).ok(), status: row.get(2).ok() })
    };
    connection
        .prepare_cached(
            "SELECT id_session_log, event_type, record_status FROM session_log WHERE session_identifier = ?1",
        )
        .and_then(|mut statement| statement.query_map([session], read)?.collect())
        .map_err(SessionError::database(format!("read the status of session `{session}`")))
}

/// Whether a record of the session may exist anywhere: one of its rows says it was built, an upload
/// succeeded, a delivery is wanted or was tried, or we remember what we built.
pub fn record_may_exist(connection: &Connection, session: &SessionId) -> Result<bool, SessionError> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM session_log WHERE session_identifier = ?1
                            AND record_status IN ('COMPLETED', 'BUILT_NOT_EXPORTED'))
                 OR EXISTS (SELECT 1 FROM upload_log WHERE session_identifier = ?1 AND success <> 0)
                 OR EXISTS (SELECT 1 FROM nexus_delivery WHERE session_identifier = ?1
                            AND state <> 'not_wanted')
                 OR EXISTS (SELECT 1 FROM nexus_session WHERE session_identifier = ?1
                            AND content_sha256 IS NOT NULL)",
        )
        .and_then(|mut statement| statement.query_row([session], |row| row.get(0)))
        .map_err(SessionError::database(format!("look for a record of session `{session}`")))
}
