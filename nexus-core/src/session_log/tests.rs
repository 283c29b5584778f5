//! Insertion, revision, closing, and reading by instant.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::Transaction;

use super::*;
use crate::db::Database;

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
    instrument("TITAN-1", "America/New_York").insert(&tx).unwrap();
    instrument("SEM-2", "America/Denver").insert(&tx).unwrap();
    tx.commit().unwrap();
    db
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn new(session: &str) -> NewSession {
    NewSession {
        identifier: session.into(),
        instrument: "TITAN-1".into(),
        user: Some("ann".to_owned()),
        start: time("2024-03-05T09:00:00-05:00"),
        end: time("2024-03-05T10:00:00-05:00"),
    }
}

fn log(session: &str, event: EventType, at: &str, status: RecordStatus) -> SessionLog {
    SessionLog {
        id: None,
        session_identifier: session.into(),
        instrument: "TITAN-1".into(),
        timestamp: time(at),
        event_type: event,
        record_status: status,
        user: Some("ann".to_owned()),
    }
}

/// The rows of a session: event, time, status, user, instrument.
fn rows(connection: &Connection, session: &str) -> Vec<String> {
    connection
        .prepare(
            "SELECT event_type || ' ' || timestamp || ' ' || record_status || ' ' || coalesce(user, '-') || ' ' || instrument
             FROM session_log WHERE session_identifier = ?1 ORDER BY id_session_log",
        )
        .unwrap()
        .query_map([session], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn set_status(tx: &Transaction<'_>, session: &str, status: &str) {
    tx.execute("UPDATE session_log SET record_status = ?2 WHERE session_identifier = ?1", [session, status])
        .unwrap();
}

#[test]
fn both_rows_enter_together_and_a_second_time_nothing_changes() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    assert_eq!(new("s").insert(&tx).unwrap(), Stored::Inserted);
    let stored = [
        "START 2024-03-05T09:00:00-05:00 TO_BE_BUILT ann TITAN-1",
        "END 2024-03-05T10:00:00-05:00 TO_BE_BUILT ann TITAN-1",
    ];
    assert_eq!(rows(&tx, "s"), stored);
    assert_eq!(new("s").insert(&tx).unwrap(), Stored::AlreadyThere);
    // The same instant with another offset is the same time, and no user given is no other user.
    let same = NewSession { start: time("2024-03-05T14:00:00Z"), user: None, ..new("s") };
    assert_eq!(same.insert(&tx).unwrap(), Stored::AlreadyThere);
    assert_eq!(rows(&tx, "s"), stored);
    for stored in [Stored::Inserted, Stored::AlreadyThere, Stored::Revised, Stored::Kept] {
        assert!(stored.is_stored());
    }
}

#[test]
fn a_revised_session_changes_both_rows_while_it_is_open() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    new("s").insert(&tx).unwrap();
    SessionLog::insert_record_generation(
        &tx,
        &"s".into(),
        &"TITAN-1".into(),
        &crate::clock::ManualClock::at(DateTime::UNIX_EPOCH),
    )
    .unwrap();
    let revised =
        NewSession { user: Some("bob".to_owned()), end: time("2024-03-05T10:30:00-05:00"), ..new("s") };
    assert_eq!(revised.insert(&tx).unwrap(), Stored::Revised);
    assert_eq!(
        rows(&tx, "s"),
        [
            "START 2024-03-05T09:00:00-05:00 TO_BE_BUILT bob TITAN-1",
            "END 2024-03-05T10:30:00-05:00 TO_BE_BUILT bob TITAN-1",
            "RECORD_GENERATION 1970-01-01T00:00:00+00:00 WAITING_FOR_END nexuslims TITAN-1",
        ]
    );
    let moved = NewSession { instrument: "SEM-2".into(), ..revised.clone() };
    assert_eq!(moved.insert(&tx).unwrap(), Stored::Revised);
    assert!(rows(&tx, "s").iter().all(|row| row.ends_with("SEM-2")));
    // A time without an offset is never the same as one with.
    let naive = NewSession { start: time("2024-03-05T09:00:00"), ..moved };
    assert_eq!(naive.insert(&tx).unwrap(), Stored::Revised);

    set_status(&tx, "s", "NO_FILES_FOUND");
    let before = rows(&tx, "s");
    assert_eq!(new("s").insert(&tx).unwrap(), Stored::Kept);
    assert_eq!(naive.insert(&tx).unwrap(), Stored::AlreadyThere);
    assert_eq!(rows(&tx, "s"), before);
}

#[test]
fn an_unreadable_time_is_healed_by_a_revision() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    new("s").insert(&tx).unwrap();
    tx.execute("UPDATE session_log SET timestamp = 'soon' WHERE event_type = 'END'", []).unwrap();
    assert_eq!(new("s").insert(&tx).unwrap(), Stored::Revised);
    assert!(rows(&tx, "s")[1].starts_with("END 2024-03-05T10:00:00-05:00"));
}

#[test]
fn what_another_program_began_is_ended_by_the_pair_by_an_end_row_and_by_close() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let ended = [
        "START 2024-03-05T09:00:00-05:00 TO_BE_BUILT ann TITAN-1",
        "END 2024-03-05T10:00:00-05:00 TO_BE_BUILT ann TITAN-1",
    ];
    let begin = |session: &str| {
        let start = log(session, EventType::Start, "2024-03-05T09:00:00-05:00", RecordStatus::WaitingForEnd);
        assert_eq!(start.insert(&tx).unwrap(), Stored::Inserted);
    };
    begin("pair");
    assert_eq!(new("pair").insert(&tx).unwrap(), Stored::Revised);
    assert_eq!(rows(&tx, "pair"), ended);

    begin("row");
    let end = log("row", EventType::End, "2024-03-05T10:00:00-05:00", RecordStatus::ToBeBuilt);
    assert_eq!(end.insert(&tx).unwrap(), Stored::Inserted);
    assert_eq!(rows(&tx, "row"), ended);

    begin("close");
    let end = time("2024-03-05T10:00:00-05:00");
    assert_eq!(close(&tx, &"close".into(), &end, None).unwrap(), Stored::Revised);
    assert_eq!(rows(&tx, "close"), ended);
    assert_eq!(close(&tx, &"close".into(), &end, None).unwrap(), Stored::AlreadyThere);

    begin("odd");
    tx.execute("UPDATE session_log SET timestamp = 'early' WHERE session_identifier = 'odd'", []).unwrap();
    assert_eq!(close(&tx, &"odd".into(), &end, Some("bob")).unwrap(), Stored::Inserted);
    assert_eq!(
        rows(&tx, "odd"),
        ["START early TO_BE_BUILT bob TITAN-1", "END 2024-03-05T10:00:00-05:00 TO_BE_BUILT bob TITAN-1"]
    );

    assert_eq!(
        close(&tx, &"none".into(), &end, None).unwrap_err().to_string(),
        "session `none` cannot be closed: session_log has no START row of it"
    );
    // Both rows there, but waiting: another program wrote them with the default status.
    begin("both");
    log("both", EventType::End, "2024-03-05T10:00:00-05:00", RecordStatus::WaitingForEnd)
        .insert(&tx)
        .unwrap();
    assert_eq!(new("both").insert(&tx).unwrap(), Stored::Revised);
    assert_eq!(rows(&tx, "both"), ended);
}

#[test]
fn a_session_whose_record_may_exist_does_not_begin_anew() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    tx.execute(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES ('s', 'cdcs', 1, '2024-03-06')",
        [],
    )
    .unwrap();
    assert_eq!(new("s").insert(&tx).unwrap(), Stored::Kept);
    let start = log("s", EventType::Start, "2024-03-05", RecordStatus::ToBeBuilt);
    assert_eq!(start.insert(&tx).unwrap(), Stored::Kept);
    assert!(rows(&tx, "s").is_empty());
    let waiting = log("t", EventType::Start, "2024-03-05T09:00:00-05:00", RecordStatus::WaitingForEnd);
    waiting.insert(&tx).unwrap();
    tx.execute("UPDATE upload_log SET session_identifier = 't'", []).unwrap();
    assert_eq!(new("t").insert(&tx).unwrap(), Stored::Kept);
    assert_eq!(rows(&tx, "t").len(), 1);
}

#[test]
fn one_row_at_a_time_follows_the_same_rules() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let start = log("s", EventType::Start, "2024-03-05T09:00:00-05:00", RecordStatus::ToBeBuilt);
    let end = log("s", EventType::End, "2024-03-05T10:00:00-05:00", RecordStatus::ToBeBuilt);
    assert_eq!(start.insert(&tx).unwrap(), Stored::Inserted);
    assert_eq!(end.insert(&tx).unwrap(), Stored::Inserted);
    assert_eq!(start.insert(&tx).unwrap(), Stored::AlreadyThere);
    // The user goes into both rows, also when only the END row is told; the status given does not matter.
    let revised = SessionLog {
        user: Some("bob".to_owned()),
        timestamp: time("2024-03-05T11:00:00-05:00"),
        record_status: RecordStatus::WaitingForEnd,
        ..end.clone()
    };
    assert_eq!(revised.insert(&tx).unwrap(), Stored::Revised);
    assert_eq!(
        rows(&tx, "s"),
        [
            "START 2024-03-05T09:00:00-05:00 TO_BE_BUILT bob TITAN-1",
            "END 2024-03-05T11:00:00-05:00 TO_BE_BUILT bob TITAN-1",
        ]
    );
    set_status(&tx, "s", "COMPLETED");
    assert_eq!(end.insert(&tx).unwrap(), Stored::Kept);
    assert!(rows(&tx, "s")[1].starts_with("END 2024-03-05T11:00:00-05:00"));
    let generation = log("s", EventType::RecordGeneration, "2024-03-07", RecordStatus::Completed);
    assert_eq!(generation.insert(&tx).unwrap(), Stored::Inserted);
    assert_eq!(generation.insert(&tx).unwrap(), Stored::AlreadyThere);
    assert_eq!(rows(&tx, "s").len(), 3);
}

#[test]
fn an_unknown_instrument_and_an_empty_identifier_are_refused() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let lost = NewSession { instrument: "XRD".into(), ..new("s") };
    let message =
        "session `s` was not stored: instrument `XRD` is not in the table of instruments; add it first";
    assert_eq!(lost.insert(&tx).unwrap_err().to_string(), message);
    let start = SessionLog {
        instrument: "XRD".into(),
        ..log("s", EventType::Start, "2024-03-05", RecordStatus::ToBeBuilt)
    };
    assert_eq!(start.insert(&tx).unwrap_err().to_string(), message);
    assert_eq!(
        new(" ").insert(&tx).unwrap_err().to_string(),
        "a session of instrument `TITAN-1` was not stored: its identifier is empty"
    );
    assert!(rows(&tx, "s").is_empty());
    new("s").insert(&tx).unwrap();
    assert_eq!(lost.insert(&tx).unwrap_err().to_string(), message);
}

#[test]
fn rows_come_by_instant_and_unreadable_ones_apart() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let at = |session: &str, text: &str| {
        log(session, EventType::Start, text, RecordStatus::WaitingForEnd).insert(&tx).unwrap();
    };
    at("noon", "2024-03-05T12:00:00-05:00");
    at("eleven", "2024-03-05T16:00:00Z");
    at("naive ten", "2024-03-05 10:00:00");
    at("odd", "2024-03-05T09:00:00");
    tx.execute("UPDATE session_log SET timestamp = 'soon' WHERE session_identifier = 'odd'", []).unwrap();
    NewSession { instrument: "SEM-2".into(), ..new("other") }.insert(&tx).unwrap();
    tx.commit().unwrap();

    let instruments = Instruments::load(db.read()).unwrap();
    let names = |found: &Rows<SessionLog>| {
        found.rows.iter().map(|log| log.session_identifier.to_string()).collect::<Vec<_>>()
    };
    let all = SessionLog::all(db.read(), &instruments).unwrap();
    assert_eq!(names(&all), ["other", "naive ten", "other", "eleven", "noon"]);
    assert_eq!(all.rows[1].timestamp.to_string(), "2024-03-05T10:00:00");
    assert_eq!(all.rows[1].instrument(&instruments).unwrap().name(), "TITAN-1");
    assert_eq!(
        all.unreadable.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "row 4 of session_log (session `odd`) cannot be read: `soon` is not an ISO 8601 date and time such as \
          2024-03-05T09:10:00-07:00"
        ]
    );
    let titan = instruments.get(&"TITAN-1".into()).unwrap();
    let of_titan = titan.session_logs(db.read(), &instruments).unwrap();
    assert_eq!(names(&of_titan), ["naive ten", "eleven", "noon"]);
    assert_eq!(of_titan.unreadable.len(), 1);
    let of_other = SessionLog::of_session(db.read(), &instruments, &"other".into()).unwrap();
    assert_eq!(
        of_other.rows.iter().map(|log| log.event_type).collect::<Vec<_>>(),
        [EventType::Start, EventType::End]
    );
    let waiting = SessionLog::waiting_for_end(db.read(), &instruments).unwrap();
    assert_eq!(names(&waiting), ["naive ten", "eleven", "noon"]);
}

/// Whatever is told in whatever order, there is one row of each kind, both say the same of user and instrument,
/// and telling the last thing again changes nothing.
#[test]
fn repeated_and_revised_insertions_stay_one_session() {
    let db = std::cell::RefCell::new(database());
    let one = (0u32..3, 3u32..6, prop::option::of("[ab]"), any::<bool>(), 0u8..3);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&prop::collection::vec(one, 1..12), |told| {
        let mut db = db.borrow_mut();
        // Rolled back when it goes.
        let tx = db.transaction().unwrap();
        for (start, end, user, sem, how) in told {
            let pid = if sem { "SEM-2" } else { "TITAN-1" };
            let given = NewSession {
                instrument: pid.into(),
                user,
                start: time(&format!("2024-03-05T{start:02}:00:00-05:00")),
                end: time(&format!("2024-03-05T{end:02}:00:00-05:00")),
                ..new("s")
            };
            let one = |event, timestamp| SessionLog {
                id: None,
                session_identifier: given.identifier.clone(),
                instrument: given.instrument.clone(),
                timestamp,
                event_type: event,
                record_status: RecordStatus::ToBeBuilt,
                user: given.user.clone(),
            };
            match how {
                0 => { one(EventType::Start, given.start).insert(&tx).unwrap(); }
                1 => { one(EventType::End, given.end).insert(&tx).unwrap(); }
                _ => {
                    given.insert(&tx).unwrap();
                    prop_assert_eq!(given.insert(&tx).unwrap(), Stored::AlreadyThere);
                }
            }
            let (rows, kinds, users, places): (i64, i64, i64, i64) = tx.query_row(
                "SELECT count(*), count(DISTINCT event_type), count(DISTINCT coalesce(user, '')), count(DISTINCT instrument)
                 FROM session_log",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            ).unwrap();
            prop_assert_eq!(rows, kinds);
            prop_assert_eq!((users, places), (1, 1));
        }
        Ok(())
    });
    outcome.unwrap();
}
