//! What an earlier run left in flight becomes a question.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Transaction;

use crate::delivery::Effect;
use crate::delivery::table::{self, Recovered};
use crate::export::{Routes, settle_session};
use crate::journal::Journal;
use crate::writer::WriteError;

/// Turns every delivery that is in flight into a question. The locks are held: nobody is at work on them.
pub(super) fn in_flight(
    tx: &Transaction<'_>,
    longest_call: TimeDelta,
    journal: &Journal,
    routes: &Routes,
    now: DateTime<Utc>,
) -> Result<(), WriteError> {
    for Recovered { row, effects } in table::recover(tx, longest_call, now)? {
        for effect in &effects {
            if let Effect::NoteEvent { kind, text } = effect {
                journal.note(tx, &row.session, now, kind, text)?;
            }
        }
        settle_session(tx, &row.session, routes, now)?;
    }
    Ok(())
}
