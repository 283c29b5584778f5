//! Events that go away, come back, or leave the span that is read.

use chrono::TimeDelta;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{EventTime, PluginError, ReservationAnswer, UsageEvent};
use nexus_tests::lab::Lab;

/// Two sessions, of which the first waits for its reservation, after a run.
fn waiting() -> Lab {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    let away = ReservationAnswer::Failed(PluginError::transient("away"));
    lab.harvester.answer(Lab::id(1).as_str(), away);
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::ToBeBuilt));
    lab
}

fn booked(lab: &Lab) {
    lab.harvester.answer(Lab::id(1).as_str(), ReservationAnswer::Reservation(Box::default()));
}

#[test]
fn an_event_that_comes_back_is_built_after_all() {
    let lab = waiting();
    lab.harvester.remove("1");
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::ToBeBuilt), "once is not enough");
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoReservation));
    booked(&lab);
    lab.harvester.put(Lab::event(1));
    let report = lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(report.harvest[&"lab".into()].revised, 1);
    assert_eq!(lab.servers.server("a").counts().creates, 2);
}

#[test]
fn an_event_that_is_no_longer_cancelled_is_built_with_the_times_it_has_then() {
    let lab = waiting();
    lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(1) });
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoReservation));
    booked(&lab);
    let end = Lab::start(1) + TimeDelta::minutes(5);
    lab.harvester.put(UsageEvent { end: Some(EventTime::Offset(end.fixed_offset())), ..Lab::event(1) });
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoFilesFound), "its file is ten minutes after the start");
}

#[test]
fn what_was_settled_for_another_reason_stays_settled() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    let nobody = ReservationAnswer::NoReservation { reason: "nobody".to_owned() };
    lab.harvester.answer(Lab::id(1).as_str(), nobody);
    lab.run();
    booked(&lab);
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::NoReservation));
}

#[test]
fn an_event_that_was_shortened_out_of_the_span_that_is_read_is_asked_for_by_name() {
    let lab = waiting();
    // So late that the event with its new end lies before it, and with its old one behind.
    lab.harvester.tell_from(Lab::start(1) + TimeDelta::minutes(30));
    let end = Lab::start(1) + TimeDelta::minutes(20);
    lab.harvester.put(UsageEvent { end: Some(EventTime::Offset(end.fixed_offset())), ..Lab::event(1) });
    let report = lab.run();
    let counts = &report.harvest[&"lab".into()];
    assert_eq!((counts.revised, counts.unchanged), (1, 1), "{report:?}");
    assert_eq!(counts.events, 2, "what is read twice is counted once, and the sum holds");
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::ToBeBuilt));
    booked(&lab);
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn an_event_that_goes_after_its_session_was_built_is_told_of_once() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2, 3]);
    lab.run();
    lab.harvester.remove("1");
    lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(2) });
    let told = |number: u32| {
        let report = lab.run();
        report.needs_person.iter().filter(|line| line.contains(&format!("`{}`", Lab::id(number)))).count()
    };
    assert_eq!(told(2), 1, "cancelled");
    assert_eq!(told(1), 1, "missing from the second answer");
    assert_eq!(lab.run().needs_person, Vec::<String>::new());
    for number in 1..=3 {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
    }
    assert_eq!(lab.servers.server("a").objects().len(), 3);
}

#[test]
fn a_session_whose_end_cannot_be_told_is_not_taken_for_one_that_vanished() {
    for meddle in [
        "UPDATE session_log SET timestamp = x'00ff' WHERE event_type = 'END' AND session_identifier = ?1",
        "UPDATE session_log SET instrument = x'00ff' WHERE event_type = 'START' AND session_identifier = ?1",
    ] {
        let lab = Lab::with_destinations(&["a"]);
        lab.sessions([1, 2]);
        lab.run();
        // Both have ended before the span that is read from now on.
        lab.harvester.tell_from(Lab::start(2) + TimeDelta::hours(5));
        let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
        other.execute_batch("PRAGMA foreign_keys = 0").unwrap();
        assert_eq!(other.execute(meddle, [Lab::id(1).as_str()]).unwrap(), 1);
        drop(other);
        for _ in 0..3 {
            let report = lab.run();
            assert_eq!(report.harvest[&"lab".into()].gone_late, 0, "{meddle}: {report:?}");
            assert!(report.needs_person.is_empty(), "{report:?}");
        }
    }
}

#[test]
fn an_event_that_goes_after_its_record_was_built_is_told_each_time_it_goes() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    for round in 1..=2 {
        lab.harvester.remove("1");
        let told: u64 = (0..3).map(|_| lab.run().harvest[&"lab".into()].gone_late).sum();
        assert_eq!(told, 1, "round {round}");
        lab.harvester.put(Lab::event(1));
        let report = lab.run();
        assert_eq!(report.harvest[&"lab".into()].revised_late, 0, "it is what it was: {report:?}");
    }
    lab.harvester.put(UsageEvent { cancelled: true, ..Lab::event(1) });
    assert_eq!(lab.run().harvest[&"lab".into()].gone_late, 1);
}
