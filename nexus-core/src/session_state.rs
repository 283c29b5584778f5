//! `nexus_session`: what nexus remembers of a session beside its rows in `session_log`.
//!
//! A row is made when a session is first seen, and its identifier, key and record name never change
//! after that: they are in remote objects and file names.
//!
//! ```
//! use nexus_core::db::Database;
//! use nexus_core::session_state::{NewSessionState, SessionState, reserve_record_name};
//!
//! let mut database = Database::in_memory()?;
//! let tx = database.transaction()?;
//! let seen = NewSessionState {
//!     session: "https://nemo.example.org/api/usage_events/?id=501".into(),
//!     harvester: Some("nemo-main".into()),
//!     external_id: Some("501".to_owned()),
//!     instrument: "Example-SEM-0001".into(),
//!     open_since: None,
//!     seen_digest: None,
//! };
//! let state = seen.insert(&tx)?;
//! let date = "2024-03-05".parse()?;
//! let name = reserve_record_name(&tx, &state.session, date)?;
//! assert_eq!(name, "2024-03-05_Example-SEM-0001_501");
//! assert_eq!(reserve_record_name(&tx, &state.session, "2024-03-06".parse()?)?, name, "never again");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod built;
mod change;
mod name;
mod revised;
mod seen;

#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::session::RecordStatus;
use crate::timestamp::UtcTime;

pub use built::BuiltRecord;
pub use change::{
    BuildFacts, CRASHES_UNTIL_ERROR, EVENT_CANCELLED, EVENT_GONE, EVENT_GONE_TEXT, Unfinished, begin_attempt,
    built, clear_waiting, close, close_all, end_attempt, gone, reopen, request_rebuild, revise,
    set_instrument, set_last_status, set_pending_revision, set_reservation, settle, unfinished, wait,
};
pub use name::{LONGEST_NAME, record_name, reserve_record_name};
pub use revised::{RevisedEvent, forget_revision, request_following};
pub use seen::{seen_digest, seen_user};

/// Namespace of the keys that go into remote objects. Changing it would make every object a stranger.
pub const RECORD_KEY_NAMESPACE: Uuid = Uuid::from_u128(0xad00_4875_1ec4_440c_b09a_9f17_b7d0_1f11);

/// The key of a session: a UUID version 5 of its identifier as first stored.
///
/// ```
/// let key = nexus_core::session_state::record_key(&"session".into());
/// assert_eq!(key, "5683b117-5395-525c-bad1-dc5e6e15b50e");
/// ```
#[must_use]
pub fn record_key(session: &SessionId) -> String {
    Uuid::new_v5(&RECORD_KEY_NAMESPACE, session.as_str().as_bytes()).to_string()
}

/// What we remember of a session could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionStateError {
    /// Nothing is remembered of it, and something must be for what was asked.
    #[error("session `{0}` is not in nexus_session; harvest it first")]
    NotKnown(SessionId),
    /// The event at the source belongs to another session here.
    #[error(
        "event `{external_id}` of harvester `{harvester}` is session `{known}` and cannot be session `{session}` too"
    )]
    ExternalIdTaken {
        /// The harvester.
        harvester: HarvesterName,
        /// The event at its source.
        external_id: String,
        /// The session that it is.
        known: SessionId,
        /// The session that it should have become.
        session: SessionId,
    },
    /// The database answered with an error.
    #[error("failed to {what}")]
    Database {
        /// What was asked of it.
        what: String,
        /// Its answer.
        source: rusqlite::Error,
    },
}

fn failed(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> SessionStateError {
    let what = what.into();
    move |source| SessionStateError::Database { what, source }
}

/// A row of `nexus_session`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionState {
    /// The session, as first stored.
    pub session: SessionId,
    /// Its key in remote objects.
    pub record_key: String,
    /// Who harvested it; `None`: it was there before nexus came.
    pub harvester: Option<HarvesterName>,
    /// The event's id at its source.
    pub external_id: Option<String>,
    /// Where it took place.
    pub instrument: InstrumentPid,
    /// File stem and remote title; `None` before the first build.
    pub record_name: Option<String>,
    /// Start of an event that has not ended yet; `None`: it has, and stands in `session_log`.
    pub open_since: Option<UtcTime>,
    /// Since when its source no longer knows it.
    pub gone_since: Option<UtcTime>,
    /// Digest of the event as last harvested.
    pub seen_digest: Option<String>,
    /// What its usage event became after it was settled: a [`RevisedEvent`], or that it is gone.
    pub pending_revision: Option<String>,
    /// The status that nexus wrote last; another one in `session_log` was set by somebody else.
    pub last_status: Option<RecordStatus>,
    /// Why it ended as it did: a word for scripts.
    pub outcome_code: Option<String>,
    /// The same for people.
    pub outcome_text: Option<String>,
    /// Why it is not built yet: a word for scripts.
    pub waiting_reason: Option<String>,
    /// Since when that is the reason.
    pub waiting_since: Option<UtcTime>,
    /// Whether another build was asked for.
    pub rebuild_requested: bool,
    /// Whether that build is to be made from what its usage event is now.
    pub follows_event: bool,
    /// Builds begun since the last that came to an end; more than 0 at the start of a run: crashes.
    pub attempts: u32,
    /// The reservation that went into the record. It may have megabytes: left out where the row is shown.
    #[serde(skip)]
    pub reservation: Option<Value>,
    /// How many records were built.
    pub record_version: u32,
    /// Content hash of the last record.
    pub content_sha256: Option<String>,
    /// Hash of its file.
    pub file_sha256: Option<String>,
    /// Size of its file in bytes.
    pub file_size: Option<u64>,
    /// Files of the session in it.
    pub file_count: Option<u64>,
    /// When it was built.
    pub built_at: Option<UtcTime>,
    /// By which program and version.
    pub built_by: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT session_identifier, record_key, harvester, external_id, instrument_pid, record_name,
                open_since, gone_since, seen_digest, pending_revision, last_status, outcome_code, outcome_text,
                waiting_reason, waiting_since, rebuild_requested, attempts, reservation, record_version,
                content_sha256, file_sha256, file_size, file_count, built_at, built_by,
                rebuild_requested & 2
           FROM nexus_session ",
            $rest
        )
    };
}

impl SessionState {
    /// What is remembered of a session.
    pub fn load(connection: &Connection, session: &SessionId) -> Result<Option<Self>, SessionStateError> {
        one(connection, select!("WHERE session_identifier = ?1"), [session])
            .map_err(failed(format!("read what is known of session `{session}`")))
    }

    /// The session that an event at a source is, whatever identifier it would get today.
    pub fn of_event(
        connection: &Connection,
        harvester: &HarvesterName,
        external_id: &str,
    ) -> Result<Option<Self>, SessionStateError> {
        one(connection, select!("WHERE harvester = ?1 AND external_id = ?2"), params![harvester, external_id])
            .map_err(failed(format!("read the session of event `{external_id}` of harvester `{harvester}`")))
    }

    /// Events of a harvester that were still open when last seen, by start.
    pub fn open(connection: &Connection, harvester: &HarvesterName) -> Result<Vec<Self>, SessionStateError> {
        many(
            connection,
            select!("WHERE harvester = ?1 AND open_since IS NOT NULL ORDER BY open_since"),
            [harvester],
        )
        .map_err(failed(format!("read the open events of harvester `{harvester}`")))
    }

    /// How many events are still in use as far as is known, by harvester.
    pub fn open_by_harvester(
        connection: &Connection,
    ) -> Result<Vec<(HarvesterName, u64)>, SessionStateError> {
        connection
            .prepare_cached(
                "SELECT harvester, count(*) FROM nexus_session
                  WHERE open_since IS NOT NULL AND harvester IS NOT NULL GROUP BY harvester ORDER BY harvester",
            )
            .and_then(|mut statement| {
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
                rows.collect()
            })
            .map_err(failed("count the open events"))
    }

    /// The session whose record has this name.
    pub fn of_record(connection: &Connection, name: &str) -> Result<Option<SessionId>, SessionStateError> {
        connection
            .prepare_cached("SELECT session_identifier FROM nexus_session WHERE record_name = ?1")
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
            .map_err(failed(format!("read the session of record `{name}`")))
    }

    /// Sessions for which another build was asked for.
    pub fn to_rebuild(connection: &Connection) -> Result<Vec<Self>, SessionStateError> {
        many(connection, select!("WHERE rebuild_requested <> 0 ORDER BY session_identifier"), [])
            .map_err(failed("read the sessions to be rebuilt"))
    }
}

/// An event as its harvester knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// The session.
    pub session: SessionId,
    /// The event's id at its source.
    pub external_id: String,
    /// Where it took place.
    pub instrument: InstrumentPid,
    /// Whether it was missing from the last complete answer.
    pub is_gone: bool,
    /// Whether it was still in use when last seen.
    pub is_open: bool,
}

/// The events that a harvester brought and that are missing from a complete answer, which `holds` an event of this id
/// or not: at most so many, by their ids, after this one. With `since`, most of those that ended before are left out, so
/// that an old history costs next to nothing; who asks compares the instants.
pub fn missing_events(
    connection: &Connection,
    harvester: &HarvesterName,
    since: Option<UtcTime>,
    holds: &dyn Fn(&str) -> bool,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<KnownEvent>, SessionStateError> {
    // Times are compared as text, by the day: with offsets from -12 to +14 hours two days are enough.
    let day = since.map(|since| since.plus(TimeDelta::days(-2)).0.format("%Y-%m-%d").to_string());
    connection
        .prepare_cached(
            "SELECT session_identifier, external_id, gone_since IS NOT NULL, open_since IS NOT NULL, instrument_pid
               FROM nexus_session
              WHERE harvester = ?1 AND external_id IS NOT NULL AND (?3 IS NULL OR external_id > ?3)
                AND (?2 IS NULL OR open_since IS NOT NULL OR session_identifier IN (
                     SELECT session_identifier FROM session_log WHERE event_type = 'END' AND timestamp >= ?2))
              ORDER BY external_id",
        )
        .and_then(|mut statement| {
            let mut rows = statement.query(params![harvester, day, after])?;
            let mut missing = Vec::new();
            while missing.len() < most
                && let Some(row) = rows.next()?
            {
                let external_id: String = row.get(1)?;
                if !holds(&external_id) {
                    let (session, is_gone, is_open) = (row.get(0)?, row.get(2)?, row.get(3)?);
                    let instrument = row.get(4)?;
                    missing.push(KnownEvent { session, external_id, instrument, is_gone, is_open });
                }
            }
            Ok(missing)
        })
        .map_err(failed(format!("read the events of harvester `{harvester}`")))
}

fn one(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<SessionState>> {
    connection.prepare_cached(sql)?.query_row(params, read).optional()
}

fn many(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<SessionState>> {
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<SessionState> {
    let reservation: Option<String> = row.get(17)?;
    let reservation = reservation.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(17, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(SessionState {
        session: row.get(0)?,
        record_key: row.get(1)?,
        harvester: row.get(2)?,
        external_id: row.get(3)?,
        instrument: row.get(4)?,
        record_name: row.get(5)?,
        open_since: row.get(6)?,
        gone_since: row.get(7)?,
        seen_digest: row.get(8)?,
        pending_revision: row.get(9)?,
        last_status: row.get(10)?,
        outcome_code: row.get(11)?,
        outcome_text: row.get(12)?,
        waiting_reason: row.get(13)?,
        waiting_since: row.get(14)?,
        rebuild_requested: row.get(15)?,
        follows_event: row.get(25)?,
        attempts: row.get(16)?,
        reservation,
        record_version: row.get(18)?,
        content_sha256: row.get(19)?,
        file_sha256: row.get(20)?,
        file_size: count(row, 21)?,
        file_count: count(row, 22)?,
        built_at: row.get(23)?,
        built_by: row.get(24)?,
    })
}

fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(index)?
        .map(|number| {
            u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
        })
        .transpose()
}

/// A session seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSessionState {
    /// Names it for ever.
    pub session: SessionId,
    /// Who harvested it, if anybody.
    pub harvester: Option<HarvesterName>,
    /// The event's id at its source.
    pub external_id: Option<String>,
    /// Where it took place.
    pub instrument: InstrumentPid,
    /// Its start, if it has not ended yet.
    pub open_since: Option<UtcTime>,
    /// Digest of the event.
    pub seen_digest: Option<String>,
}

impl NewSessionState {
    /// Stores it, or answers what is remembered of it already, unchanged.
    ///
    /// An event that its harvester already brought is known under the identifier it had then, whatever its
    /// address is today (a server that moved): that session is the answer. A session that was there
    /// before nexus came learns here who harvests it.
    pub fn insert(&self, tx: &Transaction<'_>) -> Result<SessionState, SessionStateError> {
        if let (Some(harvester), Some(external_id)) = (&self.harvester, &self.external_id)
            && let Some(known) = SessionState::of_event(tx, harvester, external_id)?
        {
            return Ok(known);
        }
        let stored = || {
            tx.prepare_cached(
                "INSERT INTO nexus_session (session_identifier, record_key, harvester, external_id,
                     instrument_pid, open_since, seen_digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (session_identifier) DO UPDATE
                    SET harvester = excluded.harvester, external_id = excluded.external_id
                  WHERE harvester IS NULL AND excluded.harvester IS NOT NULL",
            )?
            .execute(params![
                self.session,
                record_key(&self.session),
                self.harvester,
                self.external_id,
                self.instrument,
                self.open_since,
                self.seen_digest
            ])
        };
        stored().map_err(failed(format!("remember session `{}`", self.session)))?;
        let state = SessionState::load(tx, &self.session)?
            .ok_or_else(|| SessionStateError::NotKnown(self.session.clone()))?;
        match (&self.harvester, &self.external_id) {
            (Some(harvester), Some(external_id))
                if state.harvester.as_ref() != Some(harvester)
                    || state.external_id.as_ref() != Some(external_id) =>
            {
                Err(SessionStateError::ExternalIdTaken {
                    harvester: state.harvester.unwrap_or_else(|| harvester.clone()),
                    external_id: state.external_id.unwrap_or_default(),
                    known: state.session,
                    session: self.session.clone(),
                })
            }
            _ => Ok(state),
        }
    }
}
