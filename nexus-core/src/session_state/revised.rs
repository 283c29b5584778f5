//! What a usage event became after its session was settled, kept until the session follows it or it is taken back.

use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::change::change;
use super::{SessionState, SessionStateError, seen_digest};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::session::{Session, WhyBroken};
use crate::timestamp::Timestamp;

/// A usage event that is no more what its session was made of.
///
/// ```
/// use nexus_core::session_state::RevisedEvent;
///
/// let event = RevisedEvent {
///     instrument: "TEM 2".into(),
///     user: Some("bea".to_owned()),
///     start: "2024-03-05T09:00:00+01:00".parse()?,
///     end: "2024-03-05T12:00:00+01:00".parse()?,
/// };
/// assert_eq!(RevisedEvent::parse(&event.to_text()), Some(event));
/// assert_eq!(RevisedEvent::parse("event_gone"), None);
/// # Ok::<(), nexus_core::timestamp::NotATimestamp>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisedEvent {
    /// Where it took place.
    pub instrument: InstrumentPid,
    /// Who used the instrument, if known. If not, the user of the session stays.
    pub user: Option<String>,
    /// When it started.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
}

impl RevisedEvent {
    /// As it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// From what is stored; `None`: that tells of something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        seen_digest(self.instrument.as_str(), self.user.as_deref(), self.start, Some(self.end))
    }

    /// The session as it would be if it followed the event.
    ///
    /// # Errors
    /// The event's instrument, or its zone, is not known.
    pub fn applied_to(&self, session: Session, instruments: &Instruments) -> Result<Session, WhyBroken> {
        let instrument = instruments
            .get(&self.instrument)
            .ok_or_else(|| WhyBroken::UnknownInstrument(self.instrument.clone()))?;
        let zone = instrument
            .timezone()
            .map_err(|zone| WhyBroken::UnknownZone { instrument: instrument.pid.clone(), zone })?;
        Ok(Session {
            instrument: instrument.clone(),
            zone,
            user: self.user.clone().or(session.user),
            start: self.start,
            end: self.end,
            identifier: session.identifier,
        })
    }

    /// Whether a session is what the event says.
    #[must_use]
    pub fn is(&self, session: &Session) -> bool {
        self.instrument == session.instrument.pid
            && (self.user.is_none() || self.user == session.user)
            && (self.start, self.end) == (session.start, session.end)
    }
}

impl SessionState {
    /// What its usage event became after it was settled, if that is known and it does not follow yet.
    #[must_use]
    pub fn revised_event(&self) -> Option<RevisedEvent> {
        self.pending_revision.as_deref().and_then(RevisedEvent::parse)
    }

    /// The same, if the record is to be built again from that.
    #[must_use]
    pub fn event_to_follow(&self) -> Option<RevisedEvent> {
        self.revised_event().filter(|_| self.follows_event)
    }
}

/// The record shall be built again, from what its usage event is now.
pub fn request_following(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "ask for a rebuild",
        "UPDATE nexus_session SET rebuild_requested = rebuild_requested | 2 WHERE session_identifier = ?1",
        [session],
    )
}

/// Forgets what the source changed, and the wish for a record of it; any other wish stays. A build of it that did not
/// come to its end may have left a file: then the record is built once more as it was.
pub fn forget_revision(
    tx: &Transaction<'_>,
    session: &SessionId,
    instead: Option<&str>,
) -> Result<(), SessionStateError> {
    change(
        tx,
        session,
        "take a late revision back",
        "UPDATE nexus_session
            SET pending_revision = ?2,
                rebuild_requested = (rebuild_requested & ~2) | (rebuild_requested & 2 AND attempts > 0),
                waiting_reason = iif(rebuild_requested = 2, NULL, waiting_reason),
                waiting_since = iif(rebuild_requested = 2, NULL, waiting_since)
          WHERE session_identifier = ?1",
        params![session, instead],
    )
}
