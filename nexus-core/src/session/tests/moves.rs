//! Which moves of a status are made, and which never.

use super::*;

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
