//! A session that somebody does not want built: settled without a record, on a person's word.

use rusqlite::Transaction;

use crate::clock::Clock;
use crate::event::Note;
use crate::ids::SessionId;
use crate::instrument::Instruments;
use crate::session::{self, Moved, RecordStatus};
use crate::session_log::SessionLog;
use crate::session_state::{self, NewSessionState, SessionState};
use crate::timestamp::UtcTime;
use crate::writer::WriteError;

/// The word for scripts in `nexus_session.outcome_code`.
pub const SKIPPED: &str = "skipped";

/// What became of the wish to skip a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// It is NO_RESERVATION now, and is not built any more.
    Done,
    /// A record of it exists, or may exist: nothing was changed.
    HasRecord(RecordStatus),
    /// It is not to be built anyway: nothing was changed.
    NotToBeBuilt(RecordStatus),
    /// It has not ended, so that it cannot be settled: nothing was changed.
    InUse,
    /// There is no such session.
    NoSuchSession,
}

/// Settles a session that is to be built, or waits, as NO_RESERVATION with the outcome `skipped` and the
/// reason. [`session::move_status`] to TO_BE_BUILT takes it back.
///
/// # Errors
/// The database cannot be read or written.
pub fn skip(
    tx: &Transaction<'_>,
    session: &SessionId,
    reason: &str,
    instruments: &Instruments,
    clock: &dyn Clock,
) -> Result<Skipped, WriteError> {
    let known = SessionState::load(tx, session)?;
    let Some(status) = session::status_of(tx, session)? else {
        return Ok(if known.is_some() { Skipped::InUse } else { Skipped::NoSuchSession });
    };
    if status.implies_record() || session::record_may_exist(tx, session)? {
        return Ok(Skipped::HasRecord(status));
    }
    match status {
        RecordStatus::ToBeBuilt => {}
        RecordStatus::WaitingForEnd => return Ok(Skipped::InUse),
        other => return Ok(Skipped::NotToBeBuilt(other)),
    }
    let instrument = match (known, session::load(tx, session, instruments)?) {
        (Some(known), _) => known.instrument,
        // Another program harvested it, and no run has met it yet.
        (None, Some(met)) => {
            let new = NewSessionState {
                session: session.clone(),
                harvester: None,
                external_id: None,
                instrument: met.instrument.pid.clone(),
                open_since: None,
                seen_digest: None,
            };
            new.insert(tx)?.instrument
        }
        (None, None) => return Ok(Skipped::NotToBeBuilt(status)),
    };
    let back = |sql: &str| tx.execute_batch(sql).map_err(WriteError::job);
    back("SAVEPOINT skip")?;
    SessionLog::insert_record_generation(tx, session, &instrument, clock)?;
    if let Moved::Stale { actual } = session::move_status(tx, session, status, RecordStatus::NoReservation)? {
        // Its rows disagree: the row that was added must not stay.
        back("ROLLBACK TO skip; RELEASE skip")?;
        return Ok(Skipped::NotToBeBuilt(actual));
    }
    back("RELEASE skip")?;
    session_state::settle(tx, session, SKIPPED, reason)?;
    Note::new(SKIPPED, reason).insert(tx, None, Some(session), UtcTime::new(clock.now()))?;
    Ok(Skipped::Done)
}
