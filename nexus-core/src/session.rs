//! A session, its status and the permitted moves between them.
//!
//! A session is the rows of `session_log` with one identifier: a START row, an END row and, once a build was
//! tried, RECORD_GENERATION rows. Its status is that of its START and END rows; a status change touches every
//! row.
//!
//! - [`RecordStatus::may_become`] lists the permitted moves, [`move_status`] is the only function that makes
//!   them.
//! - [`sessions_to_build`] pairs START and END rows, and reports the sessions that cannot be built because
//!   their rows are broken.

mod lookup;
mod pairing;
mod status;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::Transaction;

pub use lookup::{
    at_row, counts, each_to_rebuild, ended_at, known_status_of, load, load_or_why, status_of, with_status,
};
pub use pairing::{BrokenSession, Candidate, ToBuild, WhyBroken, broken, each_to_build, sessions_to_build};
pub use status::{
    EventType, Moved, NotARecordStatus, NotAnEventType, RecordStatus, move_status, record_may_exist,
};

use crate::clock::Clock;
use crate::ids::SessionId;
use crate::instrument::Instrument;
use crate::session_log::{SessionLog, SessionLogError};
use crate::timestamp::Timestamp;

/// A session whose START and END are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it for ever.
    pub identifier: SessionId,
    /// Where it happened.
    pub instrument: Arc<Instrument>,
    /// The instrument's zone, in which times without an offset are meant.
    pub zone: Tz,
    /// Who used the instrument, if known: the user of the START row, else of the END row.
    pub user: Option<String>,
    /// When it started, as stored.
    pub start: Timestamp,
    /// When it ended, as stored.
    pub end: Timestamp,
}

impl Session {
    /// The instant it started.
    pub fn started_at(&self) -> DateTime<Utc> {
        self.start.instant(self.zone)
    }

    /// The instant it ended.
    pub fn ended_at(&self) -> DateTime<Utc> {
        self.end.instant(self.zone)
    }

    /// Moves all rows of the session from one status to another; see [`move_status`].
    pub fn update_status(
        &self,
        tx: &Transaction<'_>,
        from: RecordStatus,
        to: RecordStatus,
    ) -> Result<Moved, SessionError> {
        move_status(tx, &self.identifier, from, to)
    }

    /// Adds a RECORD_GENERATION row, and returns it; see [`SessionLog::insert_record_generation`].
    pub fn insert_record_generation(
        &self,
        tx: &Transaction<'_>,
        clock: &dyn Clock,
    ) -> Result<SessionLog, SessionLogError> {
        SessionLog::insert_record_generation(tx, &self.identifier, &self.instrument.pid, clock)
    }

    /// Whether the file delay is over; see [`delay_over`].
    pub fn delay_over(&self, delay: TimeDelta, now: DateTime<Utc>) -> bool {
        delay_over(&self.end, self.zone, delay, now)
    }
}

/// Whether files that are still missing will be waited for no longer: more time than `delay` has passed since
/// the session's end. Exactly `delay` is not yet over.
///
/// ```
/// use chrono::{TimeDelta, TimeZone, Utc};
/// use nexus_core::session::delay_over;
///
/// let end = "2024-03-05T09:10:00".parse()?;
/// let zone = chrono_tz::America::Denver;
/// let two_days_later = Utc.with_ymd_and_hms(2024, 3, 7, 16, 10, 0).unwrap();
/// assert!(!delay_over(&end, zone, TimeDelta::days(2), two_days_later));
/// assert!(delay_over(&end, zone, TimeDelta::days(2), two_days_later + TimeDelta::microseconds(1)));
/// # Ok::<(), nexus_core::timestamp::NotATimestamp>(())
/// ```
pub fn delay_over(end: &Timestamp, zone: Tz, delay: TimeDelta, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(end.instant(zone)) > delay
}

/// A session that could not be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No rule allows this move.
    #[error("session `{session}` may not go from {from} to {to}")]
    NotPermitted {
        /// The session.
        session: SessionId,
        /// The status it should have had.
        from: RecordStatus,
        /// The status it should have got.
        to: RecordStatus,
    },
    /// It would be built again, and its record would be in two places.
    #[error(
        "session `{session}` may not go from {from} to TO_BE_BUILT: its record may already be at a destination, \
         where a second one would appear; ask for a rebuild instead"
    )]
    RecordMayExist {
        /// The session.
        session: SessionId,
        /// Its status.
        from: RecordStatus,
    },
    /// Without both rows it could not be built, and NexusLIMS would build nothing at all.
    #[error(
        "session `{session}` may not become TO_BE_BUILT: it has no {missing} row, and NexusLIMS stops at such a \
         session"
    )]
    Incomplete {
        /// The session.
        session: SessionId,
        /// What it lacks.
        missing: EventType,
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

impl SessionError {
    pub(crate) fn database(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

#[cfg(test)]
mod tests;
