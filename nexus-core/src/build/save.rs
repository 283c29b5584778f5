//! The commits of the build: a session is never split over two transactions.

use chrono::{DateTime, FixedOffset, Utc};
use nexus_plugin_api::Reservation;
use rusqlite::Transaction;
use std::sync::Arc;

use crate::builder::BuiltRecord;
use crate::clock::Clock;
use crate::delivery::{self, Delivery, Event, Hold, table};
use crate::export::{Routes, settle_session};
use crate::ids::SessionId;
use crate::journal::Journal;
use crate::revision;
use crate::session::{self, Moved, RecordStatus, Session};
use crate::session_state::{self, SessionState};
use crate::timestamp::UtcTime;
use crate::unsynced;
use crate::writer::WriteError;

/// What became of a session in the database.
#[derive(Debug)]
pub(super) enum Saved {
    /// It has this status now.
    Settled(RecordStatus),
    /// It stays as it is, for this reason.
    Waiting(String),
    /// Somebody else had moved it.
    Moved(RecordStatus),
}

/// The moment of a commit, as the peer's RECORD_GENERATION rows want it.
struct Moment {
    now: DateTime<Utc>,
    now_local: DateTime<FixedOffset>,
}

impl Clock for Moment {
    fn now(&self) -> DateTime<Utc> {
        self.now
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        self.now_local
    }

    fn wait_until(&self, _instant: DateTime<Utc>, _stop: &dyn Fn() -> bool) {}
}

/// Another program moved the session while it was being built; the whole transaction is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another program made the session {0} meanwhile")]
pub(super) struct MovedMeanwhile(pub RecordStatus);

/// A record that is on disk.
pub(super) struct Built {
    pub session: Session,
    pub rebuild: bool,
    pub reservation: Reservation,
    pub record: BuiltRecord,
    pub routes: Routes,
    pub now: DateTime<Utc>,
    pub now_local: DateTime<FixedOffset>,
    pub version: String,
    pub boot: String,
    pub journal: Arc<Journal>,
}

/// The build commit: status on all rows, RECORD_GENERATION, facts and deliveries.
pub(super) fn built(tx: &Transaction<'_>, built: &Built) -> Result<Saved, WriteError> {
    let id = &built.session.identifier;
    let moment = Moment { now: built.now, now_local: built.now_local };
    if !built.rebuild {
        built.session.insert_record_generation(tx, &moment)?;
        match session::move_status(tx, id, RecordStatus::ToBeBuilt, RecordStatus::BuiltNotExported)? {
            Moved::Moved { .. } => {}
            Moved::Stale { actual } => return undo(actual),
            Moved::NoSuchSession | Moved::Unreadable { .. } => return undo(RecordStatus::ToBeBuilt),
        }
    }
    follow_event(tx, built)?;
    unsynced::mark(tx, &built.boot, UtcTime::new(built.now))?;
    let facts = session_state::BuildFacts {
        content_sha256: built.record.content_sha256.clone(),
        file_sha256: built.record.file_sha256.clone(),
        file_size: built.record.xml.len() as u64,
        file_count: built.record.file_count,
        built_at: UtcTime::new(built.now),
        built_by: format!("nexus {}", built.version),
    };
    session_state::built(tx, id, &facts)?;
    session_state::set_reservation(tx, id, serde_json::to_value(&built.reservation).ok().as_ref())?;
    built.journal.note(tx, id, built.now, "built", &format!("{} files", built.record.file_count))?;
    for warning in built.record.warnings.iter().take(8) {
        built.journal.note(tx, id, built.now, "warning", warning)?;
    }
    let known = table::of_session(tx, id)?;
    let mut routes: Vec<_> = built.routes.destinations.iter().collect();
    // In the order of the key: whoever reads all deliveries of a session goes from each row to the next, without
    // a search.
    routes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    for route in routes {
        let known = known.iter().find(|delivery| delivery.destination == route.name);
        let row = known.cloned().unwrap_or_else(|| Delivery::new(id.clone(), route.name.clone(), built.now));
        let hold = (!route.after.is_empty()).then_some(Hold::After);
        let wanted = Event::Wanted { content_sha256: built.record.content_sha256.clone(), hold };
        let (next, _) = delivery::step(&row, wanted, built.now);
        table::put(tx, known, &next)?;
    }
    // A rebuild that changed nothing, or a record that the peer had delivered before, may be settled already.
    settle_session(tx, id, &built.routes, built.now)?;
    let status = session::known_status_of(tx, id)?.unwrap_or(RecordStatus::BuiltNotExported);
    Ok(Saved::Settled(if status == RecordStatus::Completed {
        status
    } else {
        RecordStatus::BuiltNotExported
    }))
}

/// The rows of a session whose record was built from its changed event become what the record says, together with it.
fn follow_event(tx: &Transaction<'_>, built: &Built) -> Result<(), WriteError> {
    let id = &built.session.identifier;
    if !built.rebuild {
        return Ok(());
    }
    let event = SessionState::load(tx, id)?.and_then(|state| state.event_to_follow());
    if let Some(event) = event.filter(|event| event.is(&built.session)) {
        revision::take(tx, id, &event)?;
        built.journal.note(tx, id, built.now, "revision_followed", &event.line())?;
    }
    Ok(())
}

/// Somebody else moved the session: nothing of this transaction may stay.
fn undo(actual: RecordStatus) -> Result<Saved, WriteError> {
    Err(WriteError::job(MovedMeanwhile(actual)))
}

/// A session that ends without a record.
pub(super) struct Settled {
    pub session: Session,
    pub status: RecordStatus,
    pub code: &'static str,
    pub text: String,
    pub now: DateTime<Utc>,
    pub now_local: DateTime<FixedOffset>,
    pub journal: Arc<Journal>,
}

/// Settles a session without a record.
pub(super) fn settled(tx: &Transaction<'_>, settled: &Settled) -> Result<Saved, WriteError> {
    let id = &settled.session.identifier;
    match session::known_status_of(tx, id)? {
        Some(RecordStatus::ToBeBuilt) => {}
        Some(other) => return Ok(Saved::Moved(other)),
        None => return Ok(Saved::Moved(RecordStatus::ToBeBuilt)),
    }
    let moment = Moment { now: settled.now, now_local: settled.now_local };
    settled.session.insert_record_generation(tx, &moment)?;
    match session::move_status(tx, id, RecordStatus::ToBeBuilt, settled.status)? {
        Moved::Moved { .. } => {}
        Moved::Stale { actual } => return undo(actual),
        Moved::NoSuchSession | Moved::Unreadable { .. } => return undo(RecordStatus::ToBeBuilt),
    }
    session_state::settle(tx, id, settled.code, &settled.text)?;
    settled.journal.note(tx, id, settled.now, settled.code, &settled.text)?;
    Ok(Saved::Settled(settled.status))
}

/// Takes back the wish for another record of a session, and remembers why.
pub(super) fn dropped(
    tx: &Transaction<'_>,
    id: &SessionId,
    code: &'static str,
    detail: &str,
    journal: &Journal,
    now: DateTime<Utc>,
) -> Result<(), WriteError> {
    session_state::settle(tx, id, code, detail)?;
    Ok(journal.note(tx, id, now, code, detail)?)
}

/// Leaves a session as it is, and remembers why.
pub(super) fn waiting(
    tx: &Transaction<'_>,
    id: &SessionId,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Saved, WriteError> {
    // The same reason again is no news, and an idle run writes nothing.
    let known = SessionState::load(tx, id)?;
    if known.is_none_or(|state| state.waiting_reason.as_deref() != Some(reason) || state.attempts > 0) {
        session_state::wait(tx, id, reason, UtcTime::new(now))?;
    }
    Ok(Saved::Waiting(reason.to_owned()))
}
