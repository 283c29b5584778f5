//! Saving an outcome: the delivery's row, its upload log row, its events and the session's status go into one
//! transaction.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Utc};
use rusqlite::Transaction;

use crate::delivery::table::DeliveryError;
use crate::delivery::{
    self, Delivery, DeliverySummary, Effect, Event, Hold, SessionOutcome, State, Strategy, session_outcome,
    table,
};
use crate::ids::{DestinationName, SessionId};
use crate::journal::Journal;
use crate::session::{self, RecordStatus};
use crate::timestamp::UtcTime;
use crate::upload_log::NewUpload;
use crate::writer::WriteError;
use crate::{destination_state, session_state};

/// A configured destination, as far as transactions care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: DestinationName,
    /// Destinations whose first attempt it waits for: those of its settings, and under `first_success` all
    /// that are tried earlier.
    pub after: Vec<DestinationName>,
}

/// The configured destinations, by falling priority, and when a session counts as delivered.
#[derive(Debug, Clone)]
pub struct Routes {
    /// The destinations.
    pub destinations: Arc<[Route]>,
    /// The strategy.
    pub strategy: Strategy,
}

impl Routes {
    /// Whether the configuration names this destination.
    pub fn has(&self, name: &DestinationName) -> bool {
        self.destinations.iter().any(|route| route.name == *name)
    }

    /// The destinations that this one waits for.
    pub fn after(&self, name: &DestinationName) -> &[DestinationName] {
        self.destinations.iter().find(|route| route.name == *name).map_or(&[], |route| &route.after)
    }
}

/// An event on its way into the database.
#[derive(Clone)]
pub(super) struct Saving {
    pub row: Delivery,
    /// The row as it stands in the database.
    pub saved: Delivery,
    pub event: Event,
    pub record_key: String,
    pub now: DateTime<Utc>,
    pub now_local: DateTime<FixedOffset>,
    pub journal: Arc<Journal>,
    pub routes: Routes,
}

/// What was saved.
pub(super) struct Saved {
    pub delivery: Delivery,
    pub effects: Vec<Effect>,
    /// Whether another destination may begin.
    pub released: bool,
}

/// Another program changed the delivery since it was claimed: nothing of the outcome may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the delivery was changed by another program meanwhile")]
pub(super) struct TakenOver;

/// Saves an event's outcome.
pub(super) fn save(tx: &Transaction<'_>, saving: &Saving) -> Result<Saved, WriteError> {
    let (mut next, effects) = delivery::step(&saving.row, saving.event.clone(), saving.now);
    let moment = Moment { now: saving.now, now_local: saving.now_local };
    if let Some(row) = write_down(tx, &next, &effects, &saving.record_key, &saving.journal, moment)? {
        next.upload_log_id = Some(row);
    }
    match table::save(tx, &saving.saved, &next) {
        Ok(()) => {}
        Err(DeliveryError::Stale { .. }) => return Err(WriteError::job(TakenOver)),
        Err(error) => return Err(error.into()),
    }
    if matches!(saving.event, Event::RecordGone { .. }) {
        session_state::request_rebuild(tx, &next.session)?;
    }
    let released = release(tx, &next, &saving.routes, saving.now)?;
    settle_after(tx, &next, &saving.routes, saving.now)?;
    Ok(Saved { delivery: next, effects, released })
}

/// The moment of an outcome: this instant, and the same in the system's zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub now: DateTime<Utc>,
    pub now_local: DateTime<FixedOffset>,
}

/// Writes what a step wants written into the upload log and the journal; answers the upload log's row.
pub(crate) fn write_down(
    tx: &Transaction<'_>,
    row: &Delivery,
    effects: &[Effect],
    record_key: &str,
    journal: &Journal,
    moment: Moment,
) -> Result<Option<i64>, WriteError> {
    let mut logged = None;
    for effect in effects {
        match effect {
            Effect::WriteUploadLog(entry) => {
                let upload = NewUpload {
                    session_identifier: row.session.clone(),
                    destination: row.destination.clone(),
                    success: entry.success,
                    timestamp: moment.now_local,
                    record_id: entry.record_id.clone(),
                    record_url: entry.record_url.clone(),
                    error_message: entry.error_message.clone(),
                    metadata: serde_json::from_str(&entry.metadata_json(record_key)).ok(),
                };
                logged = Some(upload.insert(tx)?);
                if entry.success {
                    destination_state::succeeded(tx, &row.destination, UtcTime::new(moment.now))?;
                }
            }
            Effect::PauseDestination { until, class } => {
                destination_state::pause(tx, &row.destination, Some(UtcTime::new(*until)), *class)?;
            }
            Effect::NoteEvent { kind, text } => journal.note(tx, &row.session, moment.now, kind, text)?,
            _ => {}
        }
    }
    Ok(logged)
}

/// Lets go of deliveries that waited for this one's first attempt.
fn release(
    tx: &Transaction<'_>,
    row: &Delivery,
    routes: &Routes,
    now: DateTime<Utc>,
) -> Result<bool, WriteError> {
    if row.state == State::InFlight {
        return Ok(false);
    }
    let waits = |route: &&Route| route.after.contains(&row.destination);
    let mut waiting = routes.destinations.iter().filter(waits).peekable();
    if waiting.peek().is_none() {
        return Ok(false);
    }
    let all = table::of_session(tx, &row.session)?;
    let state = |name: &DestinationName| all.iter().find(|delivery| delivery.destination == *name);
    let mut released = false;
    for route in waiting {
        let tried = |name: &DestinationName| {
            state(name).is_none_or(|delivery| match delivery.state {
                State::Held | State::InFlight => false,
                State::Due => delivery.attempt > 0,
                _ => true,
            })
        };
        if let Some(held) = state(&route.name)
            && held.held_for == Some(Hold::After)
            && route.after.iter().all(tried)
        {
            let (next, _) = delivery::step(held, Event::Released { from: Hold::After }, now);
            table::save(tx, held, &next)?;
            released = true;
        }
    }
    Ok(released)
}

/// Moves the session on after an attempt, without reading its other deliveries where they cannot matter.
fn settle_after(
    tx: &Transaction<'_>,
    row: &Delivery,
    routes: &Routes,
    now: DateTime<Utc>,
) -> Result<(), WriteError> {
    let is_enough = routes.strategy == Strategy::BestEffort && row.state == State::Delivered;
    if is_enough && routes.has(&row.destination) {
        complete(tx, &row.session)
    } else if row.state == State::InFlight {
        // A step of several: nothing that counts has changed since the claim.
        Ok(())
    } else {
        settle_session(tx, &row.session, routes, now).map(drop)
    }
}

/// Any status but BUILT_NOT_EXPORTED is no business of the deliveries.
fn complete(tx: &Transaction<'_>, id: &SessionId) -> Result<(), WriteError> {
    let _ = session::move_status(tx, id, RecordStatus::BuiltNotExported, RecordStatus::Completed)?;
    Ok(())
}

/// Moves the session on when the strategy is met.
///
/// Used wherever deliveries change: after an attempt, when the peer delivered, when a rebuild changed nothing.
pub fn settle_session(
    tx: &Transaction<'_>,
    id: &SessionId,
    routes: &Routes,
    now: DateTime<Utc>,
) -> Result<Option<SessionOutcome>, WriteError> {
    let summaries: Vec<DeliverySummary> = table::states_of_session(tx, id)?
        .into_iter()
        .map(|(destination, state)| DeliverySummary { configured: routes.has(&destination), state })
        .collect();
    let outcome = session_outcome(routes.strategy, &summaries);
    if !outcome.is_completed() {
        return Ok(Some(outcome));
    }
    complete(tx, id)?;
    if routes.strategy == Strategy::FirstSuccess {
        let unneeded = |other: &Delivery| matches!(other.state, State::Due | State::Held | State::Failed);
        for other in table::of_session(tx, id)?.into_iter().filter(unneeded) {
            let (next, _) = delivery::step(&other, Event::NotWanted, now);
            table::save(tx, &other, &next)?;
        }
    }
    Ok(Some(outcome))
}
