//! Rows and events that make no sense cost their own session.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use nexus_core::adopt::{self, Sources};
use nexus_core::clock::ManualClock;
use nexus_core::db::{Access, Database};
use nexus_core::delivery::State;
use nexus_core::instrument::Instruments;
use nexus_core::pipeline::{self, Steps};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{EventTime, FailureClass, PluginError, ReservationAnswer, UsageEvent};
use nexus_tests::lab::{DumpedRow, Fault, Lab};

fn resting(lab: &Lab) -> BTreeMap<String, Vec<DumpedRow>> {
    let mut dump = lab.dump();
    dump.remove("nexus_meta");
    dump
}

#[test]
fn of_two_start_rows_that_disagree_the_last_counts_in_every_run() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    for status in ["ERROR", "COMPLETED", "TO_BE_BUILT"] {
        lab.sql(
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
             SELECT session_identifier, instrument, timestamp, 'START', ?1, user FROM session_log
              WHERE event_type = 'START' LIMIT 1",
            &[status],
        );
        lab.run();
        let before = resting(&lab);
        lab.run();
        assert_eq!(before, resting(&lab), "{status}");
    }
}

#[test]
fn a_row_that_no_program_writes_costs_its_own_session() {
    for (column, value) in [
        ("record_status", "'WEIRD'"),
        ("record_status", "x'00ff'"),
        ("event_type", "'PAUSE'"),
        ("timestamp", "'soon'"),
        ("user", "x'00ff'"),
        ("instrument", "x'00ff'"),
    ] {
        let lab = Lab::with_destinations(&["a"]);
        lab.sessions([1, 2]);
        let away = ReservationAnswer::Failed(PluginError::transient("away"));
        lab.harvester.answer(Lab::id(1).as_str(), away);
        lab.run();
        let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
        other
            .execute_batch(&format!(
                "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1;
                 UPDATE session_log SET {column} = {value}
                  WHERE session_identifier = 'lab-use-1' AND event_type = 'START'"
            ))
            .unwrap();
        drop(other);
        lab.sessions([3]);
        lab.run();
        assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{column} {value}");
    }
}

/// What a run says of an event that replaces the first of two.
fn refused(event: UsageEvent) -> String {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.harvester.put(event);
    let report = lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::Completed), "{report:?}");
    assert_eq!(lab.servers.server("a").counts().creates, 1);
    assert!(report.needs_person.iter().any(|line| line.contains("cannot be")), "{:?}", report.needs_person);
    let rejected = &report.harvest[&"lab".into()].rejected;
    rejected.first().map(|row| format!("{}: {}", row.place, row.reason)).unwrap_or_default()
}

#[test]
fn an_event_without_an_identifier_is_refused() {
    for identifier in ["", " "] {
        let told = refused(UsageEvent { session_identifier: identifier.to_owned(), ..Lab::event(1) });
        assert_eq!(told, "usage event 1: its session identifier is empty");
    }
}

#[test]
fn of_two_events_of_one_identifier_the_first_counts_and_the_other_is_refused() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([2, 3]);
    lab.harvester.put(UsageEvent { session_identifier: Lab::id(2).to_string(), ..Lab::event(3) });
    for _ in 0..2 {
        let report = lab.run();
        let counts = &report.harvest[&"lab".into()];
        assert_eq!((counts.revised, counts.rejected.len()), (0, 1), "{counts:?}");
        assert_eq!(counts.rejected[0].reason, "its session identifier `lab-use-2` is that of usage event 2");
        assert_eq!(lab.status(2), Some(RecordStatus::Completed));
    }
}

#[test]
fn an_event_that_ends_before_it_starts_is_told() {
    let end = Lab::start(1) - TimeDelta::hours(1);
    let told = refused(UsageEvent { end: Some(EventTime::Offset(end.fixed_offset())), ..Lab::event(1) });
    assert_eq!(told, "", "it is stored, and named as a session that cannot be built");
}

/// Values that SQLite takes wherever a text belongs, and keeps as they are.
const ODD: [&str; 2] = ["x'00ff'", "CAST(x'ff41' AS TEXT)"];

/// A facility with two sessions of which one is built and one waits, when somebody writes into a table.
fn meddled(sql: &str) -> (Lab, rusqlite::Result<usize>) {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    let away = ReservationAnswer::Failed(PluginError::transient("away"));
    lab.harvester.answer(Lab::id(1).as_str(), away);
    lab.run();
    lab.harvester.answer(Lab::id(1).as_str(), ReservationAnswer::NoReservation { reason: "none".into() });
    let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
    other.execute_batch("PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1").unwrap();
    let done = other.execute(sql, []);
    (lab, done)
}

#[test]
fn whatever_stands_in_a_row_of_the_session_log_the_others_are_built() {
    for column in ["session_identifier", "instrument", "timestamp", "event_type", "record_status", "user"] {
        for row in 1..=5 {
            for value in ODD {
                let (lab, done) = meddled(&format!(
                    "UPDATE session_log SET {column} = {value} WHERE id_session_log = {row}"
                ));
                assert_eq!(done.unwrap(), 1);
                lab.sessions([3]);
                let report = lab.run();
                let case = || format!("{column} of {row} is {value}: {report:#?}");
                assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{}", case());
                // Neither does it stand in the way of what becomes of their events.
                for number in 1..=3 {
                    lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(number) });
                }
                lab.sessions([4]);
                lab.run();
                assert_eq!(lab.status(4), Some(RecordStatus::Completed), "{column} of {row} is {value}");
            }
        }
    }
}

#[test]
fn whatever_stands_in_a_row_of_the_instruments_the_others_are_built() {
    for column in [
        "instrument_pid",
        "api_url",
        "calendar_url",
        "location",
        "display_name",
        "property_tag",
        "filestore_path",
        "harvester",
        "timezone",
    ] {
        for value in ODD {
            let insert = format!(
                "INSERT INTO instruments SELECT 'ODD', 'https://odd.example.org/', calendar_url, location, display_name,
                    property_tag, filestore_path, harvester, timezone FROM instruments LIMIT 1;
                 UPDATE instruments SET {column} = {value} WHERE instrument_pid = 'ODD'"
            );
            let (lab, _) = meddled("SELECT 1");
            let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
            other.execute_batch(&insert).unwrap();
            drop(other);
            lab.sessions([3]);
            let report = lab.run();
            let case = || format!("{column} is {value}: {report:#?}");
            assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{}", case());
            let told = report.needs_person.iter().any(|line| line.contains("of instruments"));
            assert!(told, "{}", case());
        }
    }
}

#[test]
fn whatever_stands_in_a_row_of_the_upload_log_counts_as_far_as_it_can_be_read() {
    for column in [
        "session_identifier",
        "destination_name",
        "success",
        "timestamp",
        "record_id",
        "record_url",
        "error_message",
        "metadata_json",
    ] {
        for value in ODD {
            let (lab, done) = meddled(
                "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id)
                 VALUES ('lab-use-1', 'a', 1, '2024-03-05T09:00:00', 'theirs')",
            );
            assert_eq!(done.unwrap(), 1);
            let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
            let sql = format!(
                "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1;
                 UPDATE upload_log SET {column} = {value} WHERE record_id = 'theirs'"
            );
            other.execute_batch(&sql).unwrap();
            drop(other);
            lab.sessions([3]);
            let report = lab.run();
            let case = || format!("{column} is {value}: {report:#?}");
            assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{}", case());
            let delivered = lab.delivery(1, "a").is_some();
            let told = report.needs_person.iter().any(|line| line.contains("of upload_log"));
            assert!(delivered || told, "{}", case());
            if ["timestamp", "record_id", "record_url", "error_message", "metadata_json"].contains(&column) {
                assert!(delivered, "{}", case());
            }
        }
    }
}

#[test]
fn whatever_stands_in_a_row_of_a_user_the_sessions_are_built() {
    for column in ["nexuslims_username", "external_system", "external_id", "email", "notes", "created_at"] {
        for value in ODD {
            let sql = format!(
                "INSERT INTO external_user_identifiers
                     (nexuslims_username, external_system, external_id, email, notes, created_at)
                 SELECT {}",
                ["nexuslims_username", "external_system", "external_id", "email", "notes", "created_at"]
                    .map(|one| match one {
                        _ if one == column => value.to_owned(),
                        "nexuslims_username" => "'ada'".to_owned(),
                        "external_system" => "'nemo'".to_owned(),
                        "created_at" => "'2024-03-05T09:00:00'".to_owned(),
                        _ => format!("'{one}'"),
                    })
                    .join(", ")
            );
            let (lab, done) = meddled(&sql);
            assert_eq!(done.unwrap(), 1, "{sql}");
            lab.sessions([3]);
            let report = lab.run();
            assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{column} is {value}: {report:#?}");
        }
    }
}

#[test]
fn an_odd_row_does_not_keep_a_record_from_its_destination_nor_a_vanished_session_from_being_settled() {
    for row in 1..=4 {
        for value in ODD {
            let lab = Lab::with_destinations(&["a"]);
            lab.sessions([1, 2]);
            let away = ReservationAnswer::Failed(PluginError::transient("away"));
            lab.harvester.answer(Lab::id(1).as_str(), away);
            let refusals = [(); 2].map(|()| Fault::Refuse(FailureClass::Transient));
            lab.servers.server("a").on_deliver(Lab::id(2).as_str(), refusals);
            lab.run();
            assert_eq!(lab.status(2), Some(RecordStatus::BuiltNotExported));
            let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
            let sql = format!(
                "PRAGMA ignore_check_constraints = 1;
                 UPDATE session_log SET record_status = {value} WHERE id_session_log = {row}"
            );
            other.execute_batch(&sql).unwrap();
            drop(other);
            lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(1) });
            let report = lab.run_after(TimeDelta::days(1));
            let told = report.needs_person.iter().any(|line| line.contains("lab-use-2"));
            let is_delivered = lab.delivery(2, "a").unwrap().state == State::Delivered;
            // Without its START and END nobody knows what was done when.
            assert_eq!((is_delivered, told), (row < 3, row >= 3), "{value} in {row}: {report:?}");
        }
    }
}

#[test]
fn a_database_with_odd_rows_is_adopted_and_they_are_named() {
    for (table, column) in [
        ("session_log", "session_identifier"),
        ("session_log", "instrument"),
        ("session_log", "record_status"),
        ("upload_log", "session_identifier"),
        ("upload_log", "destination_name"),
    ] {
        let (lab, _) = meddled("SELECT 1");
        let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
        let sql = format!(
            "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1;
             DELETE FROM nexus_session; DELETE FROM nexus_delivery; DELETE FROM nexus_meta;
             UPDATE upload_log SET metadata_json = NULL;
             UPDATE {table} SET {column} = x'00ff' WHERE rowid = 1"
        );
        other.execute_batch(&sql).unwrap();
        drop(other);
        let facility = lab.open().unwrap();
        let mut database = Database::open(&lab.path("nexus.db"), Access::Write).unwrap();
        let tx = database.transaction().unwrap();
        let found = adopt::inspect(&tx, &pipeline::routes(&facility.config)).unwrap();
        assert!(found.must_be_adopted());
        let sources = Sources::of(&facility.config);
        sources.known(&tx).unwrap();
        let instruments = Instruments::load(&tx).unwrap();
        let clock = ManualClock::at(lab.now());
        let (routes, folders) = (&pipeline::routes(&facility.config), &facility.folders);
        let adopted = adopt::adopt(&tx, routes, folders, &instruments, &sources, true, &clock).unwrap();
        tx.commit().unwrap();
        // A status that is none costs the session nothing but its status.
        if column != "record_status" {
            let named = format!("row 1 of {table} ");
            assert!(adopted.unreadable.iter().any(|row| row.starts_with(&named)), "{column}: {adopted:?}");
        }
        lab.sessions([3]);
        lab.run();
        assert_eq!(lab.status(3), Some(RecordStatus::Completed), "{table} {column}");
    }
}

#[test]
fn a_delivery_whose_session_cannot_be_read_says_why() {
    let cases = [
        (
            "UPDATE session_log SET timestamp = 'soon' WHERE event_type = 'START'",
            "row 1 of session_log cannot be read",
        ),
        (
            "UPDATE session_log SET timestamp = 'soon' WHERE event_type = 'END'",
            "row 2 of session_log cannot be read",
        ),
        ("DELETE FROM session_log WHERE event_type = 'END'", "it has no END row"),
        ("UPDATE session_log SET instrument = 'nobody''s'", "`nobody's` is not in the table of instruments"),
    ];
    for (sql, why) in cases {
        let lab = Lab::with_destinations(&["a"]);
        lab.sessions([1]);
        let refusals = [(); 2].map(|()| Fault::Refuse(FailureClass::Transient));
        lab.servers.server("a").on_deliver(Lab::id(1).as_str(), refusals);
        lab.run();
        let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
        other
            .execute_batch(&format!("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0; {sql}"))
            .unwrap();
        drop(other);
        lab.harvester.remove("1");
        lab.clock.advance(TimeDelta::days(1));
        let facility = lab.open().unwrap();
        let only = Steps { harvest: false, build: false, export: true };
        let report = pipeline::run(&facility, only).unwrap();
        let told: Vec<&String> =
            report.needs_person.iter().filter(|line| line.contains("not delivered")).collect();
        assert_eq!(told.len(), 1, "{report:?}");
        assert!(told[0].contains(why), "{sql}: {told:?}");
    }
}

#[test]
fn an_event_whose_time_is_out_of_range_costs_no_other_and_has_not_gone() {
    let lab = Lab::new();
    lab.sessions([1, 2]);
    let away = ReservationAnswer::Failed(PluginError::transient("away"));
    lab.harvester.answer(Lab::id(1).as_str(), away);
    lab.run();
    lab.sessions([3]);
    let beyond = Some(EventTime::Local("+20240-03-05T09:10:00".parse().unwrap()));
    lab.harvester.put(UsageEvent { end: beyond, ..Lab::event(1) });
    for _ in 0..3 {
        let report = lab.run();
        let counts = &report.harvest[&"lab".into()];
        assert_eq!((counts.rejected.len(), counts.events), (1, 2), "{report:?}");
    }
    assert_eq!(lab.status(1), Some(RecordStatus::ToBeBuilt), "it is there, and cannot be read");
    assert_eq!(lab.status(3), Some(RecordStatus::BuiltNotExported));
}
