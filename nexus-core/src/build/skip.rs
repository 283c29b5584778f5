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
    let moved = session::move_status(tx, session, status, RecordStatus::NoReservation)?;
    if !moved.is_moved() {
        // Its rows disagree: the row that was added must not stay.
        back("ROLLBACK TO skip; RELEASE skip")?;
        let actual = if let Moved::Stale { actual } = moved { actual } else { status };
        return Ok(Skipped::NotToBeBuilt(actual));
    }
    back("RELEASE skip")?;
    session_state::settle(tx, session, SKIPPED, reason)?;
    Note::new(SKIPPED, reason).insert(tx, None, Some(session), UtcTime::new(clock.now()))?;
    Ok(Skipped::Done)
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::clock::ManualClock;
    use crate::db::Database;

    /// Rows as another program leaves them: START and END with these statuses.
    fn database(start: &str, end: &str) -> Database {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        tx.execute(
            "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                 filestore_path, harvester, timezone)
             VALUES ('TEM', 'u', '', '', 'TEM', '', 'tem', 'nemo', 'UTC')",
            [],
        )
        .unwrap();
        for (event, hour, status) in [("START", 9, start), ("END", 11, end)] {
            tx.execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES ('s', 'TEM', ?1, ?2, ?3, 'ada')",
                params![format!("2024-03-05T{hour:02}:00:00"), event, status],
            )
            .unwrap();
        }
        tx.commit().unwrap();
        database
    }

    fn skipped(database: &mut Database) -> (Skipped, Vec<String>) {
        let clock = ManualClock::at("2024-03-06T12:00:00Z".parse().unwrap());
        let tx = database.transaction().unwrap();
        let instruments = Instruments::load(&tx).unwrap();
        let told = skip(&tx, &"s".into(), "why", &instruments, &clock).unwrap();
        tx.commit().unwrap();
        let mut statement = database
            .read()
            .prepare("SELECT event_type || ' ' || record_status FROM session_log ORDER BY id_session_log")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        (told, rows)
    }

    #[test]
    fn one_that_no_run_has_met_is_settled_and_can_be_taken_back() {
        let mut database = database("TO_BE_BUILT", "TO_BE_BUILT");
        let (told, rows) = skipped(&mut database);
        assert_eq!(told, Skipped::Done);
        let all = ["START NO_RESERVATION", "END NO_RESERVATION", "RECORD_GENERATION NO_RESERVATION"];
        assert_eq!(rows, all);
        let id = SessionId::from("s");
        let state = SessionState::load(database.read(), &id).unwrap().unwrap();
        assert_eq!(state.outcome_code.as_deref(), Some(SKIPPED));
        assert_eq!(state.outcome_text.as_deref(), Some("why"));
        assert_eq!(state.last_status, Some(RecordStatus::NoReservation), "else it is a foreign move");
        assert_eq!(skipped(&mut database).0, Skipped::NotToBeBuilt(RecordStatus::NoReservation));
        let tx = database.transaction().unwrap();
        let back = session::move_status(&tx, &id, RecordStatus::NoReservation, RecordStatus::ToBeBuilt);
        assert!(back.unwrap().is_moved());
    }

    #[test]
    fn one_with_a_record_or_with_rows_that_disagree_stays_as_it_is() {
        let all = [
            ("COMPLETED", "COMPLETED", Skipped::HasRecord(RecordStatus::Completed)),
            ("TO_BE_BUILT", "BUILT_NOT_EXPORTED", Skipped::HasRecord(RecordStatus::ToBeBuilt)),
            ("TO_BE_BUILT", "ERROR", Skipped::NotToBeBuilt(RecordStatus::Error)),
            ("NO_CONSENT", "NO_CONSENT", Skipped::NotToBeBuilt(RecordStatus::NoConsent)),
            ("WAITING_FOR_END", "WAITING_FOR_END", Skipped::InUse),
        ];
        for (start, end, expected) in all {
            let (told, rows) = skipped(&mut database(start, end));
            assert_eq!(told, expected);
            assert_eq!(rows, [format!("START {start}"), format!("END {end}")]);
        }
    }
}
