//! Who follows, and what a change that is taken back leaves.

use rusqlite::Connection;

use super::*;
use crate::clock::ManualClock;
use crate::db::Database;
use crate::session_state::{NewSessionState, begin_attempt, forget_revision, request_rebuild};

const ID: &str = "s";

fn event(user: Option<&str>) -> RevisedEvent {
    RevisedEvent {
        instrument: "TEM".into(),
        user: user.map(str::to_owned),
        start: "2024-03-05T09:00:00+01:00".parse().unwrap(),
        end: "2024-03-05T12:00:00+01:00".parse().unwrap(),
    }
}

/// A session of this status and outcome, whose event was changed.
fn stage(status: RecordStatus, outcome: Option<&str>) -> Database {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    tx.execute_batch(&format!(
        "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, property_tag,
             filestore_path, harvester, timezone)
         VALUES ('TEM', 'https://n/?id=1', '', '', 'TEM', '', './tem', 'nemo', 'Europe/Berlin'),
                ('SEM', 'https://n/?id=2', '', '', 'SEM', '', './sem', 'nemo', 'Europe/Berlin');
         INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
         VALUES ('s', 'SEM', '2024-03-05T08:00:00+01:00', 'START', '{status}', 'ada'),
                ('s', 'SEM', '2024-03-05T10:00:00+01:00', 'END', '{status}', 'ada'),
                ('s', 'SEM', '2024-03-05T11:00:00+01:00', 'RECORD_GENERATION', '{status}', 'nexuslims');"
    ))
    .unwrap();
    let new = NewSessionState {
        session: ID.into(),
        harvester: Some("nemo".into()),
        external_id: Some("1".to_owned()),
        instrument: "SEM".into(),
        open_since: None,
        seen_digest: None,
    };
    new.insert(&tx).unwrap();
    session_state::set_pending_revision(&tx, &ID.into(), Some(&event(None).to_text())).unwrap();
    tx.execute("UPDATE nexus_session SET outcome_code = ?1", [outcome]).unwrap();
    tx.commit().unwrap();
    database
}

fn journal(connection: &Connection) -> Journal {
    Journal::open(connection, &ManualClock::at(DateTime::UNIX_EPOCH)).unwrap()
}

fn state(connection: &Connection) -> SessionState {
    SessionState::load(connection, &ID.into()).unwrap().unwrap()
}

fn rows(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare(
            "SELECT record_status || ' ' || instrument || ' ' || user || ' ' || timestamp FROM session_log",
        )
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn who_follows_by_itself() {
    use RecordStatus::{BuiltNotExported, Completed, Error, NoConsent, NoFilesFound, NoReservation};
    for (status, outcome, to_follow) in [
        (Completed, None, true),
        (BuiltNotExported, None, true),
        (Completed, Some("rebuild_crashed"), false),
        (Completed, Some("rebuild_no_files"), false),
        (Completed, Some("rebuild_refused"), false),
        (NoFilesFound, Some("no_files"), true),
        (NoConsent, Some("no_consent"), true),
        (NoReservation, Some("no_reservation"), true),
        (NoReservation, Some("skipped"), false),
        (Error, Some("invalid_record"), true),
        (Error, Some("crashed"), false),
        (NoFilesFound, None, false),
        (NoConsent, Some("no_files"), false),
    ] {
        let mut database = stage(status, outcome);
        let journal = journal(database.read());
        let tx = database.transaction().unwrap();
        let before = rows(&tx);
        let follows = follow(&tx, &ID.into(), &journal, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(follows, to_follow, "{status} {outcome:?}");
        let state = state(&tx);
        assert_eq!(state.follows_event, to_follow && status.implies_record(), "{status} {outcome:?}");
        if status.implies_record() || !to_follow {
            assert_eq!(rows(&tx), before, "{status} {outcome:?}");
            assert_eq!(state.revised_event(), Some(event(None)));
        } else {
            assert_eq!(
                rows(&tx),
                [
                    "TO_BE_BUILT TEM ada 2024-03-05T09:00:00+01:00",
                    "TO_BE_BUILT TEM ada 2024-03-05T12:00:00+01:00",
                    "TO_BE_BUILT TEM nexuslims 2024-03-05T11:00:00+01:00",
                ]
            );
            assert_eq!((state.pending_revision, state.outcome_code), (None, None));
            assert_eq!(state.instrument, "TEM".into());
        }
    }
}

#[test]
fn nobody_follows_whose_record_may_be_somewhere_whose_rows_are_odd_or_whose_instrument_is_unknown() {
    for meddle in [
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp) VALUES ('s', 'x', 1, '')",
        "DELETE FROM session_log WHERE event_type = 'END'",
        "UPDATE session_log SET record_status = 'ERROR' WHERE event_type = 'END'",
        "DELETE FROM instruments WHERE instrument_pid = 'TEM'",
        "UPDATE nexus_session SET pending_revision = 'event_gone'",
    ] {
        let mut database = stage(RecordStatus::NoFilesFound, Some("no_files"));
        let journal = journal(database.read());
        let tx = database.transaction().unwrap();
        tx.execute(meddle, []).unwrap();
        let (before, known) = (rows(&tx), state(&tx));
        assert!(!follow(&tx, &ID.into(), &journal, DateTime::UNIX_EPOCH).unwrap(), "{meddle}");
        assert_eq!((rows(&tx), state(&tx)), (before, known), "{meddle}");
    }
    for meddle in [
        "DELETE FROM instruments WHERE instrument_pid = 'TEM'",
        "DELETE FROM session_log WHERE event_type = 'END'",
    ] {
        let mut database = stage(RecordStatus::Completed, None);
        let journal = journal(database.read());
        let tx = database.transaction().unwrap();
        tx.execute(meddle, []).unwrap();
        assert!(!follow(&tx, &ID.into(), &journal, DateTime::UNIX_EPOCH).unwrap(), "{meddle}");
        assert!(!state(&tx).rebuild_requested, "{meddle}");
    }
}

#[test]
fn earlier_changes_are_followed_once_when_the_setting_changes() {
    let mut database = stage(RecordStatus::Completed, None);
    let journal = journal(database.read());
    let tx = database.transaction().unwrap();
    let earlier = |follows| follow_earlier(&tx, follows, &journal, DateTime::UNIX_EPOCH).unwrap().len();
    assert_eq!((earlier(false), state(&tx).follows_event), (0, false));
    assert_eq!((earlier(true), state(&tx).follows_event), (1, true));
    forget_revision(&tx, &ID.into(), Some(&event(Some("bea")).to_text())).unwrap();
    assert_eq!((earlier(true), state(&tx).follows_event), (0, false), "a harvest has decided on it");
    assert_eq!((earlier(false), earlier(true), state(&tx).follows_event), (0, 1, true));
}

#[test]
fn a_change_that_is_taken_back_ends_the_wish_that_came_of_it_and_no_other() {
    let id = ID.into();
    let wishes = |of: &dyn Fn(&Transaction<'_>)| {
        let mut database = stage(RecordStatus::Completed, None);
        let tx = database.transaction().unwrap();
        of(&tx);
        forget_revision(&tx, &ID.into(), None).unwrap();
        let state = state(&tx);
        assert_eq!(state.pending_revision, None);
        (state.rebuild_requested, state.follows_event, state.waiting_reason.is_some())
    };
    let follow = |tx: &Transaction<'_>| session_state::request_following(tx, &id).unwrap();
    let wait = |tx: &Transaction<'_>| {
        session_state::wait(tx, &id, "no files yet", crate::timestamp::UtcTime::new(DateTime::UNIX_EPOCH))
            .unwrap();
    };
    let rebuild = |tx: &Transaction<'_>| request_rebuild(tx, &id).unwrap();
    assert_eq!(wishes(&|_| {}), (false, false, false));
    assert_eq!(wishes(&|tx| follow(tx)), (false, false, false));
    assert_eq!(wishes(&|tx| (follow(tx), wait(tx)).1), (false, false, false));
    assert_eq!(wishes(&|tx| rebuild(tx)), (true, false, false));
    assert_eq!(wishes(&|tx| (follow(tx), rebuild(tx), wait(tx)).2), (true, false, true));
    // A file may lie there that was made of the change.
    assert_eq!(wishes(&|tx| (follow(tx), begin_attempt(tx, &id).unwrap()).1), (true, false, false));
}
