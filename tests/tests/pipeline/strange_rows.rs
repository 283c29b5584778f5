//! Rows and events that make no sense cost their own session.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{EventTime, PluginError, ReservationAnswer, UsageEvent};
use nexus_tests::lab::{DumpedRow, Lab};

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
