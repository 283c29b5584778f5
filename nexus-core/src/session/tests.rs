//! The permitted moves, pairing, and the file delay.

use chrono::TimeZone as _;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::{Connection, params};

use super::*;
use crate::clock::ManualClock;
use crate::db::Database;
use crate::ids::InstrumentPid;
use crate::instrument::Instruments;
use crate::session_log::{NewSession, close};

use RecordStatus::{
    BuiltNotExported, Completed, Error, NoConsent, NoFilesFound, NoReservation, ToBeBuilt, WaitingForEnd,
};

const PID: &str = "TITAN-1";

fn instrument(pid: &str, timezone: &str) -> Instrument {
    Instrument {
        pid: pid.into(),
        api_url: format!("logbook:{pid}"),
        calendar_url: String::new(),
        location: String::new(),
        display_name: pid.to_owned(),
        property_tag: String::new(),
        filestore_path: pid.to_owned(),
        harvester: "logbook".to_owned(),
        timezone: timezone.to_owned(),
    }
}

fn database() -> Database {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    instrument(PID, "America/New_York").insert(&tx).unwrap();
    instrument("SEM-2", "America/Denver").insert(&tx).unwrap();
    tx.commit().unwrap();
    db
}

fn row(
    connection: &Connection,
    session: &str,
    event: &str,
    time: &str,
    status: &str,
    user: Option<&str>,
) -> i64 {
    connection
        .execute(
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![session, PID, time, event, status, user],
        )
        .unwrap();
    connection.last_insert_rowid()
}

fn pair(connection: &Connection, session: &str, start: &str, end: &str, status: &str) {
    row(connection, session, "START", start, status, Some("ann"));
    row(connection, session, "END", end, status, Some("ann"));
}

fn statuses(connection: &Connection, session: &str) -> Vec<String> {
    connection
        .prepare(
            "SELECT record_status FROM session_log WHERE session_identifier = ?1 ORDER BY id_session_log",
        )
        .unwrap()
        .query_map([session], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn to_build(connection: &Connection) -> ToBuild {
    sessions_to_build(connection, &Instruments::load(connection).unwrap()).unwrap()
}

fn broken(connection: &Connection) -> Vec<String> {
    to_build(connection).broken.iter().map(ToString::to_string).collect()
}

// --- moves ---

#[test]
fn the_texts_are_the_databases() {
    let texts = [
        "COMPLETED",
        "WAITING_FOR_END",
        "TO_BE_BUILT",
        "BUILT_NOT_EXPORTED",
        "ERROR",
        "NO_FILES_FOUND",
        "NO_CONSENT",
        "NO_RESERVATION",
    ];
    assert_eq!(RecordStatus::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>(), texts);
    let events = ["START", "END", "RECORD_GENERATION"];
    assert_eq!(EventType::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>(), events);
    for text in texts {
        assert_eq!(text.parse::<RecordStatus>().unwrap().to_string(), text);
    }
    assert!("completed".parse::<RecordStatus>().unwrap_err().to_string().contains("`completed`"));
}

#[test]
fn the_permitted_moves_and_no_others() {
    let settled = [NoConsent, NoReservation, NoFilesFound, Error];
    for &from in RecordStatus::ALL {
        for &to in RecordStatus::ALL {
            let forward = (from == ToBeBuilt && (settled.contains(&to) || to == BuiltNotExported))
                || (from == BuiltNotExported && to == Completed);
            let back = to == ToBeBuilt && (settled.contains(&from) || from == WaitingForEnd);
            assert_eq!(from.may_become(to, false), forward || back, "{from} to {to}");
            assert_eq!(from.may_become(to, true), forward, "{from} to {to}, with a record");
        }
    }
}

#[test]
fn a_move_touches_every_row_of_the_session_and_no_other() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    pair(&tx, "s", "2024-03-05T09:00:00-05:00", "2024-03-05T10:00:00-05:00", "TO_BE_BUILT");
    row(&tx, "s", "RECORD_GENERATION", "2024-03-06T09:00:00-05:00", "WAITING_FOR_END", Some("nexuslims"));
    pair(&tx, "t", "2024-03-05T09:00:00-05:00", "2024-03-05T10:00:00-05:00", "TO_BE_BUILT");
    tx.execute(
        "INSERT INTO nexus_session (session_identifier, record_key, instrument_pid) VALUES ('s', 'k', ?1)",
        [PID],
    )
    .unwrap();
    let moved = move_status(&tx, &"s".into(), ToBeBuilt, BuiltNotExported).unwrap();
    assert_eq!(moved, Moved::Moved { rows: 3 });
    assert_eq!(statuses(&tx, "s"), ["BUILT_NOT_EXPORTED"; 3]);
    assert_eq!(statuses(&tx, "t"), ["TO_BE_BUILT"; 2]);
    let last: String = tx.query_row("SELECT last_status FROM nexus_session", [], |row| row.get(0)).unwrap();
    assert_eq!(last, "BUILT_NOT_EXPORTED");

    let again = move_status(&tx, &"s".into(), ToBeBuilt, BuiltNotExported).unwrap();
    assert_eq!(again, Moved::Stale { actual: BuiltNotExported });
    let other = move_status(&tx, &"s".into(), ToBeBuilt, Error).unwrap();
    assert_eq!(other, Moved::Stale { actual: BuiltNotExported });
    assert_eq!(move_status(&tx, &"x".into(), ToBeBuilt, Error).unwrap(), Moved::NoSuchSession);
    assert_eq!(
        move_status(&tx, &"s".into(), Completed, ToBeBuilt).unwrap_err().to_string(),
        "session `s` may not go from COMPLETED to TO_BE_BUILT"
    );
}

#[test]
fn half_a_move_by_hand_is_completed_and_a_mixed_session_is_stale() {
    let db = database();
    let tx = db.read().unchecked_transaction().unwrap();
    row(&tx, "half", "START", "2024-03-05", "TO_BE_BUILT", None);
    row(&tx, "half", "END", "2024-03-06", "ERROR", None);
    assert!(move_status(&tx, &"half".into(), Error, ToBeBuilt).unwrap().is_moved());
    assert_eq!(statuses(&tx, "half"), ["TO_BE_BUILT"; 2]);
    row(&tx, "mixed", "START", "2024-03-05", "TO_BE_BUILT", None);
    row(&tx, "mixed", "END", "2024-03-06", "COMPLETED", None);
    let moved = move_status(&tx, &"mixed".into(), ToBeBuilt, Error).unwrap();
    assert_eq!(moved, Moved::Stale { actual: Completed });
    assert_eq!(statuses(&tx, "mixed"), ["TO_BE_BUILT", "COMPLETED"]);
}

#[test]
fn a_session_whose_record_may_exist_is_never_built_again() {
    let evidence = [
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES ('s', 'cdcs', 1, '2024-03-06')",
        "INSERT INTO nexus_delivery (session_identifier, destination, state, updated_at)
         VALUES ('s', 'cdcs', 'unknown', 'x')",
        "INSERT INTO nexus_session (session_identifier, record_key, instrument_pid, content_sha256)
         VALUES ('s', 'k', 'TITAN-1', 'abc')",
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
         VALUES ('s', 'TITAN-1', '2024-03-06', 'RECORD_GENERATION', 'COMPLETED')",
    ];
    for sql in evidence {
        let mut db = database();
        let tx = db.transaction().unwrap();
        pair(&tx, "s", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "ERROR");
        tx.execute(sql, []).unwrap();
        let error = move_status(&tx, &"s".into(), Error, ToBeBuilt).unwrap_err();
        assert!(matches!(error, SessionError::RecordMayExist { from: Error, .. }), "{sql}: {error}");
        assert!(error.to_string().contains("ask for a rebuild instead"));
        assert_eq!(statuses(&tx, "s")[..2], ["ERROR", "ERROR"]);
    }
    let no_evidence = [
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES ('s', 'cdcs', 0, '2024-03-06')",
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES ('other', 'cdcs', 1, '2024-03-06')",
        "INSERT INTO nexus_delivery (session_identifier, destination, state, updated_at)
         VALUES ('s', 'cdcs', 'not_wanted', 'x')",
        "INSERT INTO nexus_session (session_identifier, record_key, instrument_pid)
         VALUES ('s', 'k', 'TITAN-1')",
    ];
    for sql in no_evidence {
        let mut db = database();
        let tx = db.transaction().unwrap();
        pair(&tx, "s", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "ERROR");
        tx.execute(sql, []).unwrap();
        assert!(move_status(&tx, &"s".into(), Error, ToBeBuilt).unwrap().is_moved(), "{sql}");
    }
}

#[test]
fn half_a_session_does_not_become_to_be_built() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    row(&tx, "s", "START", "2024-03-05", "WAITING_FOR_END", None);
    assert_eq!(
        move_status(&tx, &"s".into(), WaitingForEnd, ToBeBuilt).unwrap_err().to_string(),
        "session `s` may not become TO_BE_BUILT: it has no END row, and NexusLIMS stops at such a session"
    );
}

/// Something that may happen to the one session of the property test.
#[derive(Debug, Clone)]
enum Act {
    Move(RecordStatus, RecordStatus),
    Insert { start: u32, end: u32, user: Option<&'static str> },
    LoneStart(RecordStatus),
    Close(u32),
    Generation,
    Uploaded(bool),
    Delivery(&'static str),
    Built,
}

fn some_act() -> impl Strategy<Value = Act> {
    let status = || prop::sample::select(RecordStatus::ALL.to_vec());
    prop_oneof![
        6 => (status(), status()).prop_map(|(from, to)| Act::Move(from, to)),
        3 => (0u32..3, 3u32..6, prop::sample::select(vec![None, Some("ann"), Some("bob")]))
            .prop_map(|(start, end, user)| Act::Insert { start, end, user }),
        1 => prop::sample::select(vec![WaitingForEnd, ToBeBuilt]).prop_map(Act::LoneStart),
        1 => (3u32..6).prop_map(Act::Close),
        1 => Just(Act::Generation),
        1 => any::<bool>().prop_map(Act::Uploaded),
        1 => prop::sample::select(vec!["held", "due", "not_wanted"]).prop_map(Act::Delivery),
        1 => Just(Act::Built),
    ]
}

fn hour(hour: u32) -> Timestamp {
    format!("2024-03-05T{hour:02}:00:00-05:00").parse().unwrap()
}

fn perform(tx: &Transaction<'_>, act: &Act) {
    let id = SessionId::from("s");
    let log = |status| SessionLog {
        id: None,
        session_identifier: id.clone(),
        instrument: PID.into(),
        timestamp: hour(1),
        event_type: EventType::Start,
        record_status: status,
        user: None,
    };
    match act {
        Act::Move(from, to) => drop(move_status(tx, &id, *from, *to)),
        Act::Insert { start, end, user } => {
            let user = user.map(str::to_owned);
            let new = NewSession {
                identifier: id,
                instrument: PID.into(),
                user,
                start: hour(*start),
                end: hour(*end),
            };
            new.insert(tx).unwrap();
        }
        Act::LoneStart(status) => drop(log(*status).insert(tx).unwrap()),
        Act::Close(end) => drop(close(tx, &id, &hour(*end), None)),
        Act::Generation => {
            let clock = ManualClock::at(DateTime::UNIX_EPOCH);
            SessionLog::insert_record_generation(tx, &id, &InstrumentPid::from(PID), &clock).unwrap();
        }
        Act::Uploaded(success) => {
            tx.execute(
                "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
                 VALUES ('s', 'cdcs', ?1, '2024-03-06')",
                [success],
            )
            .unwrap();
        }
        Act::Delivery(state) => {
            tx.execute(
                "INSERT OR REPLACE INTO nexus_delivery (session_identifier, destination, state, updated_at)
                 VALUES ('s', 'cdcs', ?1, 'x')",
                [state],
            )
            .unwrap();
        }
        Act::Built => {
            tx.execute(
                "INSERT OR IGNORE INTO nexus_session (session_identifier, record_key, instrument_pid, content_sha256)
                 VALUES ('s', 'k', ?1, 'abc')",
                [PID],
            )
            .unwrap();
        }
    }
}

/// START and END statuses as they stand.
fn log_statuses(connection: &Connection) -> Vec<RecordStatus> {
    connection
        .prepare("SELECT record_status FROM session_log WHERE event_type <> 'RECORD_GENERATION'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn no_sequence_of_calls_makes_a_move_that_is_not_permitted() {
    let db = std::cell::RefCell::new(database());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(some_act(), 1..40), |acts| {
        let mut db = db.borrow_mut();
        // Rolled back when it goes.
        let tx = db.transaction().unwrap();
        for act in &acts {
            let before = log_statuses(&tx);
            let had_record = record_may_exist(&tx, &"s".into()).unwrap();
            perform(&tx, act);
            let after = log_statuses(&tx);
            // START and END go together, and there is never a second one of a kind.
            prop_assert!(after.windows(2).all(|two| two[0] == two[1]), "{act:?}: {after:?}");
            prop_assert!(after.len() <= 2, "{act:?}: {after:?}");
            match (before.first(), after.first()) {
                (None, Some(first)) => {
                    prop_assert!(first.is_open(), "{act:?}: began as {first}");
                    prop_assert!(!had_record, "{act:?}: a session with a record began anew");
                }
                (Some(from), Some(to)) if from != to => {
                    prop_assert!(
                        from.may_become(*to, had_record),
                        "{act:?}: {from} to {to}, record {had_record}"
                    );
                }
                (Some(_), None) => prop_assert!(false, "{act:?}: the session vanished"),
                _ => {}
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

// --- pairing ---

#[test]
fn sessions_come_by_the_instant_of_their_end() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    pair(&tx, "late", "2024-03-05T09:00:00-05:00", "2024-03-05T11:00:00-05:00", "TO_BE_BUILT");
    // As text it ends last, as an instant it ends first.
    pair(&tx, "early", "2024-03-05T13:00:00+00:00", "2024-03-05T14:00:00+00:00", "TO_BE_BUILT");
    // Without an offset: in the instrument's zone, 10:00-05:00.
    pair(&tx, "naive", "2024-03-05 09:30:00", "2024-03-05T10:00:00.000", "TO_BE_BUILT");
    pair(&tx, "b", "2024-03-05T09:00:00-05:00", "2024-03-05T12:00:00-05:00", "TO_BE_BUILT");
    pair(&tx, "a", "2024-03-05T09:00:00-05:00", "2024-03-05T17:00:00Z", "TO_BE_BUILT");
    pair(&tx, "done", "2024-03-05T09:00:00-05:00", "2024-03-05T17:00:00Z", "COMPLETED");
    let found = to_build(&tx);
    assert!(found.broken.is_empty(), "{:?}", found.broken);
    let order: Vec<_> = found.sessions.iter().map(|session| session.identifier.as_str()).collect();
    assert_eq!(order, ["early", "naive", "late", "a", "b"]);
    let naive = &found.sessions[1];
    assert_eq!(naive.end.to_string(), "2024-03-05T10:00:00");
    assert_eq!(naive.ended_at().to_rfc3339(), "2024-03-05T15:00:00+00:00");
    assert_eq!(naive.started_at().to_rfc3339(), "2024-03-05T14:30:00+00:00");
    assert_eq!((naive.user.as_deref(), naive.instrument.name()), (Some("ann"), PID));
}

#[test]
fn of_several_rows_the_last_one_counts_and_users_need_not_agree() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    row(&tx, "s", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", Some("ann"));
    row(&tx, "s", "END", "2024-03-05T12:00:00", "TO_BE_BUILT", Some("bob"));
    row(&tx, "s", "END", "2024-03-05T11:00:00", "TO_BE_BUILT", Some("carl"));
    row(&tx, "s", "RECORD_GENERATION", "2024-03-07", "WAITING_FOR_END", Some("nexuslims"));
    row(&tx, "nobody", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "nobody", "END", "2024-03-05T13:00:00", "TO_BE_BUILT", Some("bob"));
    let found = to_build(&tx);
    assert!(found.broken.is_empty());
    assert_eq!(found.sessions[0].end.to_string(), "2024-03-05T11:00:00");
    assert_eq!(found.sessions[0].user.as_deref(), Some("ann"));
    assert_eq!(found.sessions[1].user.as_deref(), Some("bob"));
}

#[test]
fn each_session_is_told_once_however_its_rows_are_mixed_and_found_again_by_its_row() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let time = |hour: u32| format!("2024-03-05T{hour:02}:00:00");
    let mixed = [("b", "START", 9), ("a", "START", 10), ("b", "END", 11), ("a", "END", 12), ("b", "END", 13)];
    for (session, event, hour) in mixed {
        row(&tx, session, event, &time(hour), "TO_BE_BUILT", None);
    }
    row(&tx, "c", "END", &time(14), "TO_BE_BUILT", None);
    let instruments = Instruments::load(&tx).unwrap();
    let mut told = Vec::new();
    each_to_build(&tx, &instruments, &mut |candidate| told.push(candidate)).unwrap();
    let seen: Vec<_> = told.iter().map(|one| (one.row, one.session.is_ok())).collect();
    assert_eq!(seen, [(1, true), (2, true), (6, false)]);
    for candidate in &told[..2] {
        let again = at_row(&tx, candidate.row, &instruments).unwrap();
        assert_eq!(again.as_ref(), candidate.session.as_ref().ok());
    }
    assert_eq!(told[0].session.as_ref().unwrap().end.to_string(), time(13));
    assert_eq!(at_row(&tx, 99, &instruments).unwrap(), None);
}

#[test]
fn a_broken_session_is_reported_and_blocks_only_itself() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    row(&tx, "1 no end", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "2 no start", "END", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "3 half done", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "3 half done", "END", "2024-03-05T10:00:00", "COMPLETED", None);
    row(&tx, "4 unreadable", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "4 unreadable", "END", "soon", "TO_BE_BUILT", None);
    // Half an hour by the clock on the wall, but in the wrong direction.
    row(&tx, "5 backwards", "START", "2024-03-05T09:00:00-05:00", "TO_BE_BUILT", None);
    row(&tx, "5 backwards", "END", "2024-03-05T09:30:00-04:00", "TO_BE_BUILT", None);
    pair(&tx, "6 two places", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "7 unknown", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "8 no zone", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "9 good", "2024-03-05T09:00:00", "2024-03-05T09:00:00", "TO_BE_BUILT");
    tx.execute_batch(
        "UPDATE session_log SET instrument = 'SEM-2' WHERE session_identifier LIKE '6%' AND event_type = 'END';
         UPDATE session_log SET instrument = 'XRD' WHERE session_identifier LIKE '7%';
         UPDATE session_log SET instrument = 'SEM-2' WHERE session_identifier LIKE '8%';
         UPDATE instruments SET timezone = 'Denver' WHERE instrument_pid = 'SEM-2';",
    )
    .unwrap();
    tx.execute(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
         VALUES (CAST(x'ff' AS TEXT), ?1, '2024-03-05', 'START', 'TO_BE_BUILT')",
        [PID],
    )
    .unwrap();
    let found = to_build(&tx);
    assert_eq!(found.sessions.iter().map(|s| s.identifier.as_str()).collect::<Vec<_>>(), ["9 good"]);
    let said: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        said[..8],
        [
            "session `1 no end` cannot be built: it has no END row",
            "session `2 no start` cannot be built: it has no START row",
            "session `3 half done` cannot be built: its END row 4 is COMPLETED, not TO_BE_BUILT",
            "session `4 unreadable` cannot be built: row 6 of session_log cannot be read: `soon` is not an ISO \
             8601 date and time such as 2024-03-05T09:10:00-07:00",
            "session `5 backwards` cannot be built: it ends (2024-03-05T09:30:00-04:00, row 8) before it starts \
             (2024-03-05T09:00:00-05:00, row 7)",
            "session `6 two places` cannot be built: its START row names instrument `TITAN-1`, its END row \
             `SEM-2`",
            "session `7 unknown` cannot be built: instrument `XRD` is not in the table of instruments; add it, or \
             correct the rows",
            "session `8 no zone` cannot be built: instrument `SEM-2` has an unknown time zone `Denver`; use a \
             name of the IANA database such as America/Denver",
        ]
    );
    assert!(said[8].contains("row 17 of session_log cannot be read"), "{}", said[8]);
    assert_eq!(said.len(), 9);
}

/// A copy of a database that NexusLIMS 2.8.0 made.
fn fixture(name: &str) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testdata/db").join(name);
    let copy = folder.path().join(name);
    std::fs::copy(source, &copy).unwrap();
    let db = Database::open(&copy, crate::db::Access::Write).unwrap();
    (folder, db)
}

fn short(identifier: &SessionId) -> &str {
    identifier.as_str().rsplit(['=', '-']).next().unwrap()
}

#[test]
fn rows_of_the_other_program_are_paired() {
    let (_folder, db) = fixture("v2_5_0b.sqlite");
    let found = to_build(db.read());
    let order: Vec<_> = found.sessions.iter().map(|session| short(&session.identifier)).collect();
    assert_eq!(order, ["0a1d5a0c0006", "0a1d5a0c0007", "110", "109", "120", "123", "125"]);
    assert_eq!(found.sessions[4].end.to_string(), "2026-05-01T11:00:00-04:00");
    let broken: Vec<_> =
        found.broken.iter().map(|session| (short(&session.identifier), &session.why)).collect();
    assert_eq!(broken.len(), 4);
    assert_eq!(broken[0], ("121", &WhyBroken::Missing(EventType::End)));
    assert_eq!(broken[1], ("122", &WhyBroken::Missing(EventType::Start)));
    assert_eq!(broken[2], ("124", &WhyBroken::UnknownInstrument("Gone-SEM-999999".into())));
    assert!(matches!(broken[3], ("126", WhyBroken::EndsBeforeStart { start_row: 1053, end_row: 1054, .. })));

    let instruments = Instruments::load(db.read()).unwrap();
    let all = SessionLog::all(db.read(), &instruments).unwrap();
    assert_eq!((all.rows.len(), all.unreadable.len()), (54, 0));
    assert!(all.rows.is_sorted_by_key(|log| log.instant(&instruments)));
    let waiting = SessionLog::waiting_for_end(db.read(), &instruments).unwrap();
    assert_eq!(waiting.rows.iter().map(|log| log.id).collect::<Vec<_>>(), [Some(13)]);
}

#[test]
fn rows_that_the_other_program_cannot_load_block_only_their_sessions() {
    let (_folder, db) = fixture("broken_rows.sqlite");
    let found = to_build(db.read());
    let order: Vec<_> = found.sessions.iter().map(|session| short(&session.identifier)).collect();
    assert_eq!(order, ["206"]);
    let said: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 6, "{said:#?}");
    assert_eq!(
        said[0],
        "session `` cannot be built: rows 14 and 15 of session_log have an empty session identifier; give each \
         session its own"
    );
    let parts = ["row 1 of", "row 4 of", "row 5 of", "row 7 of", "row 17 of"];
    for (said, part) in said[1..].iter().zip(parts) {
        assert!(said.contains(part) && said.contains("cannot be read"), "{said}");
    }
    let all = SessionLog::all(db.read(), &Instruments::load(db.read()).unwrap()).unwrap();
    let unreadable: Vec<_> = all.unreadable.iter().map(|row| row.row).collect();
    assert_eq!(unreadable, [1, 4, 5, 7, 8, 10, 11, 16, 17]);
}

#[test]
fn nothing_to_build_is_no_error() {
    let db = Database::in_memory().unwrap();
    assert!(to_build(db.read()).sessions.is_empty());
    assert!(broken(db.read()).is_empty());
}

#[test]
fn a_settled_table_is_passed_over_in_one_scan_without_an_index() {
    let db = database();
    let plan: Vec<String> = db
        .read()
        .prepare(&format!("EXPLAIN QUERY PLAN {}", pairing::CANDIDATES))
        .unwrap()
        .query_map([], |row| row.get(3))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(plan, ["SCAN session_log"]);
}

// --- the session itself ---

#[test]
fn a_session_moves_and_gets_its_record_generation_row() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    pair(&tx, "s", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    let session = to_build(&tx).sessions.remove(0);
    let clock = ManualClock::at(Utc.timestamp_opt(1_709_730_000, 125_000_000).unwrap());
    let log = session.insert_record_generation(&tx, &clock).unwrap();
    assert_eq!(log.id, Some(3));
    assert_eq!(log.timestamp.to_string(), "2024-03-06T13:00:00.125000+00:00");
    assert_eq!((log.user.as_deref(), log.record_status), (Some("nexuslims"), WaitingForEnd));
    assert_eq!(log.event_type, EventType::RecordGeneration);
    let moved = session.update_status(&tx, ToBeBuilt, NoFilesFound).unwrap();
    assert_eq!(moved, Moved::Moved { rows: 3 });
    let two_days = TimeDelta::days(2);
    let over = session.ended_at() + two_days;
    assert!(!session.delay_over(two_days, over));
    assert!(session.delay_over(two_days, over + TimeDelta::microseconds(1)));
    assert!(!session.delay_over(TimeDelta::MAX, DateTime::<Utc>::MAX_UTC));
}
