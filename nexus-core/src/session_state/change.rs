//! Changes to what is remembered of a session. Each is one statement, and an error for a session that is not
//! known.

use rusqlite::{Connection, Params, Transaction, params};
use serde_json::Value;

use super::{SessionStateError, failed};
use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::session::RecordStatus;
use crate::timestamp::UtcTime;

/// Outcome of a session that was never built and whose event its source does not know any more.
pub const EVENT_GONE: &str = "event_gone";
/// The same for people.
pub const EVENT_GONE_TEXT: &str = "its usage event is no longer at its source (two complete answers)";
/// The same of one whose event did not take place, as its source says.
pub const EVENT_CANCELLED: &str = "event_cancelled";

/// Crashes with the same session in hand after which it becomes ERROR.
pub const CRASHES_UNTIL_ERROR: u32 = 2;

pub(super) fn change(
    tx: &Transaction<'_>,
    session: &SessionId,
    what: &str,
    sql: &'static str,
    params: impl Params,
) -> Result<(), SessionStateError> {
    let rows = tx
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(failed(format!("{what} of session `{session}`")))?;
    if rows == 0 { Err(SessionStateError::NotKnown(session.clone())) } else { Ok(()) }
}

/// The event has ended: from now on the session stands in `session_log`.
pub fn close(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the end",
        "UPDATE nexus_session SET open_since = NULL WHERE session_identifier = ?1",
        [session],
    )
}

/// Nobody will say how a harvester's open events ended: they are no sessions. Answers how many there were.
pub fn close_all(tx: &Transaction<'_>, harvester: &HarvesterName) -> Result<usize, SessionStateError> {
    tx.execute(
        "UPDATE nexus_session SET open_since = NULL WHERE harvester = ?1 AND open_since IS NOT NULL",
        [harvester],
    )
    .map_err(failed(format!("close the open events of harvester `{harvester}`")))
}

/// The source no longer knows the event (since when), or knows it again (`None`). The first moment is kept.
pub fn gone(
    tx: &Transaction<'_>,
    session: &SessionId,
    since: Option<UtcTime>,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the absence",
        "UPDATE nexus_session SET gone_since = iif(?2 IS NULL, NULL, coalesce(gone_since, ?2))
          WHERE session_identifier = ?1",
        params![session, since],
    )
}

/// What the harvester saw last: the digest of the event, and its start if it is still open.
pub fn revise(
    tx: &Transaction<'_>,
    session: &SessionId,
    seen_digest: Option<&str>,
    open_since: Option<UtcTime>,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note a revision",
        "UPDATE nexus_session SET seen_digest = ?2, open_since = ?3, gone_since = NULL
          WHERE session_identifier = ?1",
        params![session, seen_digest, open_since],
    )
}

/// The instrument that the event belongs to by now; before the record has its name.
pub fn set_instrument(
    tx: &Transaction<'_>,
    session: &SessionId,
    instrument: &InstrumentPid,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the instrument",
        "UPDATE nexus_session SET instrument_pid = ?2 WHERE session_identifier = ?1",
        params![session, instrument],
    )
}

/// What the source changed after the record was built, until somebody decides; `None`: decided.
pub fn set_pending_revision(
    tx: &Transaction<'_>,
    session: &SessionId,
    revision: Option<&str>,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note a late revision",
        "UPDATE nexus_session SET pending_revision = ?2 WHERE session_identifier = ?1",
        params![session, revision],
    )
}

/// The status that nexus wrote. [`crate::session::move_status`] does this by itself; this is for sessions
/// stored or adopted with a status.
pub fn set_last_status(
    tx: &Transaction<'_>,
    session: &SessionId,
    status: RecordStatus,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the status",
        "UPDATE nexus_session SET last_status = ?2 WHERE session_identifier = ?1",
        params![session, status],
    )
}

/// Why it cannot be built yet. The moment is kept as long as the reason stays the same.
pub fn wait(
    tx: &Transaction<'_>,
    session: &SessionId,
    reason: &str,
    now: UtcTime,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the reason to wait",
        "UPDATE nexus_session
            SET waiting_since = iif(waiting_reason IS ?2 AND waiting_since IS NOT NULL, waiting_since, ?3),
                waiting_reason = ?2, attempts = 0
          WHERE session_identifier = ?1",
        params![session, reason, now],
    )
}

/// It waits for nothing any more.
pub fn clear_waiting(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "end the waiting",
        "UPDATE nexus_session SET waiting_reason = NULL, waiting_since = NULL WHERE session_identifier = ?1",
        [session],
    )
}

/// How it ended without a record (or without the new one that was asked for), as a word and for people.
pub fn settle(
    tx: &Transaction<'_>,
    session: &SessionId,
    code: &str,
    text: &str,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the outcome",
        "UPDATE nexus_session
            SET outcome_code = ?2, outcome_text = ?3, waiting_reason = NULL, waiting_since = NULL,
                rebuild_requested = 0, attempts = 0
          WHERE session_identifier = ?1",
        params![session, code, text],
    )
}

/// What it was settled for is void: it is to be built after all.
pub fn reopen(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "take back the outcome",
        "UPDATE nexus_session SET outcome_code = NULL, outcome_text = NULL WHERE session_identifier = ?1",
        [session],
    )
}

/// What is remembered of a record that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFacts {
    /// Hash of its content.
    pub content_sha256: String,
    /// Hash of its file.
    pub file_sha256: String,
    /// Size of its file in bytes.
    pub file_size: u64,
    /// Files of the session in it.
    pub file_count: u64,
    /// When it was built.
    pub built_at: UtcTime,
    /// By which program and version: `nexus 0.1.0`.
    pub built_by: String,
}

/// A record was built: facts, next version, and an end to waiting, to a wish for a rebuild and to every
/// earlier outcome. Only the wish for a record of a changed event stays, as long as that was not followed.
pub fn built(tx: &Transaction<'_>, session: &SessionId, facts: &BuildFacts) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the record",
        "UPDATE nexus_session
            SET content_sha256 = ?2, file_sha256 = ?3, file_size = ?4, file_count = ?5, built_at = ?6,
                built_by = ?7, record_version = record_version + 1, attempts = 0,
                rebuild_requested = iif(pending_revision IS NULL, 0, rebuild_requested & 2),
                waiting_reason = NULL, waiting_since = NULL, outcome_code = NULL, outcome_text = NULL
          WHERE session_identifier = ?1",
        params![
            session,
            facts.content_sha256,
            facts.file_sha256,
            i64::try_from(facts.file_size).unwrap_or(i64::MAX),
            i64::try_from(facts.file_count).unwrap_or(i64::MAX),
            facts.built_at,
            facts.built_by
        ],
    )
}

/// The reservation that goes into the record.
pub fn set_reservation(
    tx: &Transaction<'_>,
    session: &SessionId,
    reservation: Option<&Value>,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "note the reservation",
        "UPDATE nexus_session SET reservation = ?2 WHERE session_identifier = ?1",
        params![session, reservation.map(Value::to_string)],
    )
}

/// Somebody asks for another build of a session that has a record; its status stays until then.
pub fn request_rebuild(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "ask for a rebuild",
        "UPDATE nexus_session SET rebuild_requested = rebuild_requested | 1, attempts = 0
          WHERE session_identifier = ?1",
        [session],
    )
}

/// A build takes the session in hand. To be committed before the work, so that a crash is noticed.
pub fn begin_attempt(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "take hold",
        "UPDATE nexus_session SET attempts = attempts + 1 WHERE session_identifier = ?1",
        [session],
    )
}

/// The build came to an end that neither [`built`], [`settle`] nor [`wait`] tells of.
pub fn end_attempt(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "let go",
        "UPDATE nexus_session SET attempts = 0 WHERE session_identifier = ?1",
        [session],
    )
}

/// A session that was in hand when the program died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The session.
    pub session: SessionId,
    /// How often in a row.
    pub crashes: u32,
}

impl Unfinished {
    /// Whether it is not to be tried again: it becomes ERROR, reason `crashed the program`.
    #[must_use]
    pub fn is_dangerous(&self) -> bool {
        self.crashes >= CRASHES_UNTIL_ERROR
    }
}

/// Sessions that were in hand when the program died. To be asked at the start of a run.
pub fn unfinished(connection: &Connection) -> Result<Vec<Unfinished>, SessionStateError> {
    connection
        .prepare_cached(
            "SELECT session_identifier, attempts FROM nexus_session WHERE attempts > 0
              ORDER BY session_identifier",
        )
        .and_then(|mut statement| {
            let rows = statement
                .query_map([], |row| Ok(Unfinished { session: row.get(0)?, crashes: row.get(1)? }))?;
            rows.collect()
        })
        .map_err(failed("read which sessions were in hand"))
}
