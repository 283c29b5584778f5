//! Records of the past to a destination of today.
//!
//! A build makes deliveries to the destinations that are configured then. One that is added later gets the
//! records that are built from now on; a backfill makes deliveries of the others. So it does with those that were
//! delivered where the destination was before it was moved.

use chrono::{DateTime, Utc};
use rusqlite::Transaction;
use serde::Serialize;

use crate::adopt::take_record;
use crate::delivery::{self, Delivery, Event, Hold, State, table};
use crate::export::Routes;
use crate::folders::Folders;
use crate::ids::{DestinationName, SessionId};
use crate::instrument::Instruments;
use crate::session;
use crate::session_state::SessionState;
use crate::writer::WriteError;

/// What became of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backfilled {
    /// Its record will be delivered by the next run.
    Wanted,
    /// There is a delivery already, whatever its state.
    Already(State),
    /// It has no record: it was settled without one, or is still to be built.
    NoRecord,
    /// NexusLIMS built its record, and the file is not where records are.
    FileMissing,
    /// There is no such session, or another program built it and `nexus adopt` was not said since.
    Unknown,
}

/// Makes a delivery of a session's record to a destination, if there is none.
///
/// A record whose file is gone is built again by the run that is to deliver it; one that NexusLIMS built is
/// delivered as it is.
///
/// # Errors
/// The database cannot be read or written.
pub fn backfill(
    tx: &Transaction<'_>,
    id: &SessionId,
    destination: &DestinationName,
    routes: &Routes,
    folders: &Folders,
    instruments: &Instruments,
    now: DateTime<Utc>,
) -> Result<Backfilled, WriteError> {
    let known = table::load(tx, id, destination)?;
    match &known {
        None => {}
        Some(row) if row.state == State::NotWanted => {}
        // It is at the place that the destination was before.
        Some(row) if row.held_for == Some(Hold::Moved) => {
            let (next, _) = delivery::step(row, Event::Retry, now);
            table::save(tx, row, &next)?;
            return Ok(Backfilled::Wanted);
        }
        Some(row) => return Ok(Backfilled::Already(row.state)),
    }
    let Some(status) = session::status_of(tx, id)? else { return Ok(Backfilled::Unknown) };
    if !status.implies_record() {
        return Ok(Backfilled::NoRecord);
    }
    let Some(state) = SessionState::load(tx, id)? else { return Ok(Backfilled::Unknown) };
    let content_sha256 = match state.content_sha256 {
        Some(hash) => hash,
        None => match take_record(tx, id, folders, instruments, now)? {
            Some(hash) => hash,
            None => return Ok(Backfilled::FileMissing),
        },
    };
    let row = known.clone().unwrap_or_else(|| Delivery::new(id.clone(), destination.clone(), now));
    let wanted = Event::Wanted { content_sha256, hold: hold(tx, id, destination, routes)? };
    let (next, _) = delivery::step(&row, wanted, now);
    table::put(tx, known.as_ref(), &next)?;
    Ok(Backfilled::Wanted)
}

/// What the delivery waits for: destinations it is to link to, if they are still to be tried.
fn hold(
    tx: &Transaction<'_>,
    id: &SessionId,
    destination: &DestinationName,
    routes: &Routes,
) -> Result<Option<Hold>, WriteError> {
    let after = routes.after(destination);
    let others = table::of_session(tx, id)?;
    let waits = others.iter().any(|other| {
        after.contains(&other.destination)
            && matches!(other.state, State::Due | State::Held | State::InFlight)
            && other.attempt == 0
    });
    Ok(waits.then_some(Hold::After))
}
