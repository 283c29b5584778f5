//! A session whose usage event was changed after the session was settled: whether and how it follows.
//!
//! What the event became is noted first ([`crate::session_state::SessionState::revised_event`]), and told. A session without a record
//! follows at once: its rows change, and it is to be built. One with a record follows with the commit of the new one:
//! until then its rows in the session log are what the record at the destinations was made of, also if the build finds
//! no files, is refused, crashes, or the change is taken back.
//!
//! | the session | `on_revision = "report"` | `"rebuild"` | a person |
//! |---|---|---|---|
//! | has a record | stays | its record is built again | `nexus sessions rebuild` |
//! | nexus settled it without one | stays | is to be built | `nexus sessions retry` |
//! | somebody skipped it, another program settled it, or it ended the program | stays | stays | `nexus sessions retry` |

use chrono::{DateTime, Utc};
use rusqlite::Transaction;

use crate::ids::SessionId;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::meta;
use crate::own_table::OwnTableError;
use crate::session::{self, RecordStatus, SessionError};
use crate::session_log::NewSession;
use crate::session_state::{self, RevisedEvent, SessionState};
use crate::writer::WriteError;

/// The fact of `nexus_meta` that tells whether the sessions of earlier changes follow.
const KEY: &str = "on_revision";

/// Outcomes of a rebuild that was given up: it is not made by itself again.
pub const GIVEN_UP: [&str; 3] = ["rebuild_crashed", "rebuild_no_files", "rebuild_refused"];

/// Whether a rebuild of the session was given up.
#[must_use]
pub fn is_given_up(state: &SessionState) -> bool {
    state.outcome_code.as_deref().is_some_and(|code| GIVEN_UP.contains(&code))
}

/// Gives the rows of a session the values of its changed event, which is then dealt with.
pub fn take(tx: &Transaction<'_>, id: &SessionId, event: &RevisedEvent) -> Result<(), WriteError> {
    let RevisedEvent { instrument, user, start, end } = event.clone();
    session_state::set_instrument(tx, id, &instrument)?;
    NewSession { identifier: id.clone(), instrument, user, start, end }.replace(tx)?;
    Ok(session_state::set_pending_revision(tx, id, None)?)
}

/// Whether a session with a changed event follows it without being asked to, where the settings say so.
#[must_use]
pub fn may_follow(status: RecordStatus, state: &SessionState, record_may_exist: bool) -> bool {
    if status.implies_record() {
        !is_given_up(state)
    } else {
        is_ours(status, state.outcome_code.as_deref()) && !record_may_exist
    }
}

/// Has a session follow its changed event by itself, if it may. Tells whether it does.
pub fn follow(
    tx: &Transaction<'_>,
    id: &SessionId,
    journal: &Journal,
    now: DateTime<Utc>,
) -> Result<bool, WriteError> {
    let (Some(status), Some(state)) = (session::known_status_of(tx, id)?, SessionState::load(tx, id)?) else {
        return Ok(false);
    };
    let Some(event) = state.revised_event() else { return Ok(false) };
    let instruments = Instruments::load(tx)?;
    // Odd rows, or an instrument that is not known: somebody has to see to that first.
    let follows = session::load(tx, id, &instruments)?.map(|session| event.applied_to(session, &instruments));
    if !matches!(follows, Some(Ok(_))) {
        return Ok(false);
    }
    if !may_follow(status, &state, session::record_may_exist(tx, id)?) {
        return Ok(false);
    }
    if status.implies_record() {
        session_state::request_following(tx, id)?;
        return Ok(true);
    }
    match session::move_status(tx, id, status, RecordStatus::ToBeBuilt) {
        Ok(moved) if moved.is_moved() => {}
        Ok(_) | Err(SessionError::Incomplete { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    take(tx, id, &event)?;
    session_state::reopen(tx, id)?;
    journal.note(tx, id, now, "revised_and_reopened", &status.to_string())?;
    Ok(true)
}

/// Whether this program settled a session without a record by a rule. What a person or another program decided stays, and
/// so does what ended the program.
fn is_ours(status: RecordStatus, outcome: Option<&str>) -> bool {
    matches!(
        (status, outcome),
        (RecordStatus::NoFilesFound, Some("no_files"))
            | (RecordStatus::NoConsent, Some("no_consent"))
            | (RecordStatus::NoReservation, Some("no_reservation"))
            | (RecordStatus::Error, Some("invalid_record"))
    )
}

/// Has the sessions follow whose events were changed while the setting was `report`: once, when it has become
/// `rebuild`. Answers which.
pub fn follow_earlier(
    tx: &Transaction<'_>,
    by_itself: bool,
    journal: &Journal,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, WriteError> {
    let is_known = meta::get(tx, KEY)?.is_some();
    if !by_itself {
        if is_known {
            meta::remove(tx, KEY)?;
        }
        return Ok(Vec::new());
    }
    if is_known {
        return Ok(Vec::new());
    }
    let mut following = Vec::new();
    for id in pending(tx)? {
        if follow(tx, &id, journal, now)? {
            following.push(id);
        }
    }
    meta::set(tx, KEY, "rebuild")?;
    Ok(following)
}

/// The sessions with a changed event that was told and nothing else.
fn pending(tx: &Transaction<'_>) -> Result<Vec<SessionId>, OwnTableError> {
    tx.prepare(
        "SELECT session_identifier FROM nexus_session
          WHERE pending_revision IS NOT NULL AND rebuild_requested & 2 = 0 ORDER BY session_identifier",
    )
    .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
    .map_err(OwnTableError::to("read the sessions whose usage event was changed"))
}

#[cfg(test)]
mod tests;
