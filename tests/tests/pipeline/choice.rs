//! Which of the sessions that are to be built somebody wants built now.

use chrono::TimeDelta;
use nexus_core::pipeline::Choice;
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{PluginError, ReservationAnswer};
use nexus_tests::lab::Lab;

fn chosen(lab: &Lab, choice: Choice) -> RunReport {
    lab.run_with(|facility| facility.choice = choice)
}

fn limit(limit: usize) -> Choice {
    Choice { limit: Some(limit), ..Choice::default() }
}

/// The numbers of the sessions with this status.
fn with_status(lab: &Lab, status: RecordStatus) -> Vec<u32> {
    (1..=40).filter(|number| lab.status(*number) == Some(status)).collect()
}

#[test]
fn a_limit_counts_what_is_built_or_settled_and_the_next_run_goes_on() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=10);
    for number in 1..=3 {
        let failed = PluginError::transient("no answer");
        lab.harvester.answer(Lab::id(number).as_str(), ReservationAnswer::Failed(failed));
    }
    let refused = ReservationAnswer::NoConsent { reason: "scripted".to_owned() };
    lab.harvester.answer("lab-use-4", refused);
    let report = chosen(&lab, limit(3));
    let build = &report.build;
    assert_eq!((build.planned, build.built, build.no_consent, build.beyond_limit), (10, 2, 1, 4));
    assert_eq!(build.waiting.values().sum::<u64>(), 3, "those who wait keep nobody from his turn");
    assert_eq!(with_status(&lab, RecordStatus::Completed), [5, 6]);
    let report = chosen(&lab, limit(3));
    assert_eq!((report.build.planned, report.build.built, report.build.beyond_limit), (7, 3, 1));
    assert_eq!(with_status(&lab, RecordStatus::Completed), [5, 6, 7, 8, 9]);
    let report = chosen(&lab, limit(3));
    assert_eq!((report.build.planned, report.build.built, report.build.beyond_limit), (4, 1, 0));
    assert_eq!(with_status(&lab, RecordStatus::ToBeBuilt), [1, 2, 3]);
    assert_eq!(lab.servers.server("a").counts().creates, 6);
}

#[test]
fn a_small_limit_does_not_ask_for_reservations_one_by_one() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=32);
    for number in 1..=30 {
        let failed = PluginError::transient("no answer");
        lab.harvester.answer(Lab::id(number).as_str(), ReservationAnswer::Failed(failed));
    }
    let report = chosen(&lab, limit(1));
    assert_eq!((report.build.built, report.build.beyond_limit), (1, 1));
    assert_eq!(report.build.waiting.values().sum::<u64>(), 30);
    assert_eq!(lab.harvester.questions(), 1);
    let named = "SELECT session_identifier FROM nexus_session WHERE record_name IS NOT NULL";
    assert_eq!(lab.database().query(named, &[]).unwrap().rows.len(), 1, "no more than needed");
}

#[test]
fn a_limit_of_nothing_builds_nothing_and_delivers_what_is_due() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.servers.server("a").down(Some(PluginError::transient("away")));
    lab.run();
    lab.servers.server("a").down(None);
    lab.clock.advance(TimeDelta::hours(1));
    lab.sessions([2, 3]);
    let report = chosen(&lab, limit(0));
    assert_eq!((report.build.planned, report.build.beyond_limit), (2, 2));
    assert_eq!(with_status(&lab, RecordStatus::Completed), [1]);
    assert_eq!(with_status(&lab, RecordStatus::ToBeBuilt), [2, 3]);
}

#[test]
fn sessions_that_were_in_hand_at_a_crash_come_first_and_count_too() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=6);
    lab.harvest();
    lab.sql("UPDATE nexus_session SET attempts = 1 WHERE session_identifier = 'lab-use-5'", &[]);
    lab.sql("UPDATE nexus_session SET attempts = 1 WHERE session_identifier = 'lab-use-6'", &[]);
    let report = chosen(&lab, limit(1));
    assert_eq!((report.build.built, report.build.beyond_limit), (1, 5));
    assert_eq!(with_status(&lab, RecordStatus::Completed), [5]);
    let report = chosen(&lab, limit(2));
    assert_eq!((report.build.built, report.build.beyond_limit), (2, 3));
    assert_eq!(with_status(&lab, RecordStatus::Completed), [1, 5, 6]);
}

#[test]
fn sessions_are_chosen_by_name_instrument_and_start() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=10);
    let tem = || [nexus_core::ids::InstrumentPid::from("LAB-TEM")].into();
    let report = chosen(&lab, Choice { sessions: [Lab::id(3)].into(), ..Choice::default() });
    assert_eq!((report.build.planned, with_status(&lab, RecordStatus::Completed)), (1, vec![3]));
    // Its start is the first moment that is meant, the end of the span the first that is not.
    let span = Choice {
        instruments: tem(),
        since: Some(Lab::start(4)),
        until: Some(Lab::start(8)),
        ..Choice::default()
    };
    let report = chosen(&lab, span);
    assert_eq!((report.build.planned, with_status(&lab, RecordStatus::Completed)), (2, vec![3, 4, 6]));
    let report = chosen(&lab, Choice { instruments: tem(), limit: Some(1), ..Choice::default() });
    assert_eq!((report.build.planned, report.build.beyond_limit), (3, 2));
    assert_eq!(with_status(&lab, RecordStatus::Completed), [2, 3, 4, 6]);
    // Before this run's choice, all were harvested: nobody else has moved.
    assert_eq!(with_status(&lab, RecordStatus::ToBeBuilt), [1, 5, 7, 8, 9, 10]);
    assert_eq!(report.needs_person, [""; 0]);
    assert_eq!(lab.run().build.planned, 6);
}

#[test]
fn a_session_that_is_named_and_not_to_be_built_is_told() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    lab.sessions([2]);
    let sessions = [Lab::id(1), Lab::id(2), "elsewhere".into()].into();
    let report = chosen(&lab, Choice { sessions, ..Choice::default() });
    assert_eq!((report.build.planned, report.build.built), (1, 1));
    assert_eq!(report.needs_person.len(), 2, "{report:?}");
    assert!(report.needs_person.iter().any(|line| line.contains("lab-use-1 is COMPLETED")), "{report:?}");
    assert!(report.needs_person.iter().any(|line| line.contains("no session elsewhere")), "{report:?}");
}

#[test]
fn a_rebuild_is_chosen_like_a_first_build() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=4);
    lab.run();
    for number in 1..=4 {
        lab.put_file(number, "second");
    }
    lab.rebuild_all();
    let report = chosen(&lab, Choice { sessions: [Lab::id(2)].into(), ..Choice::default() });
    assert_eq!((report.build.planned, report.build.built), (1, 1));
    assert_eq!([1, 2, 3].map(|number| lab.activities(number).concat().len()), [1, 2, 1]);
    let report = chosen(&lab, limit(2));
    assert_eq!((report.build.planned, report.build.built, report.build.beyond_limit), (3, 2, 1));
    assert_eq!(lab.run().build.built, 1);
    assert_eq!(lab.run().build.planned, 0);
}

#[test]
fn a_session_that_is_named_and_whose_status_is_none_is_told_and_keeps_no_other_from_its_turn() {
    let lab = Lab::new();
    lab.sessions([1, 2]);
    lab.harvest();
    let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
    let sql = "PRAGMA ignore_check_constraints = 1;
               UPDATE session_log SET record_status = 'DONE' WHERE session_identifier = 'lab-use-1'";
    other.execute_batch(sql).unwrap();
    drop(other);
    let sessions = [Lab::id(1), Lab::id(2)].into();
    let report = chosen(&lab, Choice { sessions, ..Choice::default() });
    assert_eq!(report.build.built, 1, "{report:?}");
    let told =
        report.needs_person.iter().filter(|line| line.contains("lab-use-1") && line.contains("DONE")).count();
    assert_eq!(told, 1, "{report:?}");
}
