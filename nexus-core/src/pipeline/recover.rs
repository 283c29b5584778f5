//! What an earlier run left in flight becomes a question.

use rusqlite::Transaction;

use crate::delivery::Effect;
use crate::delivery::table::{self, Recovered};
use crate::export::{Moment, Routes, settle_session, write_down};
use crate::journal::Journal;
use crate::report::Told;
use crate::session_state::SessionState;
use crate::writer::WriteError;

/// Deliveries read at once.
const PAGE: usize = 500;

/// Turns every delivery that is in flight into a question, and answers what a person must know. The locks
/// are held: nobody is at work on them.
pub(super) fn in_flight(
    tx: &Transaction<'_>,
    journal: &Journal,
    routes: &Routes,
    moment: Moment,
) -> Result<Told, WriteError> {
    let mut told = Told::default();
    let mut last = None;
    loop {
        let page = table::recover(tx, moment.now, last.as_ref(), PAGE)?;
        let Some(end) = page.last() else { return Ok(told) };
        last = Some(end.row.clone());
        for recovered in page {
            take(tx, recovered, journal, routes, moment, &mut told)?;
        }
    }
}

fn take(
    tx: &Transaction<'_>,
    Recovered { mut row, effects }: Recovered,
    journal: &Journal,
    routes: &Routes,
    moment: Moment,
    told: &mut Told,
) -> Result<(), WriteError> {
    // The attempt that was cut off has its row in the upload log like any other.
    let key = SessionState::load(tx, &row.session)?.map(|state| state.record_key).unwrap_or_default();
    if let Some(upload) = write_down(tx, &row, &effects, &key, journal, moment)? {
        table::set_upload_log_id(tx, &mut row, upload)?;
    }
    for effect in &effects {
        if let Effect::NeedsPerson { why } = effect {
            told.push(format!("{} → {}: {why}", row.session, row.destination));
        }
    }
    settle_session(tx, &row.session, routes, moment.now)?;
    Ok(())
}
