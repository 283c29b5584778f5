//! Sessions that end the program, or would.

use chrono::{DateTime, Utc};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{EventTime, Reservation, ReservationAnswer};
use nexus_tests::lab::Lab;

/// A booking whose time cannot be shown in the instrument's zone: the calendar ends before.
fn impossible() -> ReservationAnswer {
    let start = Some(EventTime::Offset(DateTime::<Utc>::MAX_UTC.fixed_offset()));
    ReservationAnswer::Reservation(Box::new(Reservation { start, ..Reservation::default() }))
}

#[test]
fn sessions_that_cannot_be_built_do_not_stop_the_others() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=40);
    let bad: Vec<u32> = (1..=40).filter(|number| number % 2 == 0).collect();
    for number in &bad {
        lab.harvester.answer(Lab::id(*number).as_str(), impossible());
    }
    let report = lab.run();
    for number in 1..=40 {
        let expected = if bad.contains(&number) && lab.status(number) != Some(RecordStatus::Completed) {
            assert!(report.needs_person.iter().any(|line| line.contains(Lab::id(number).as_str())));
            RecordStatus::Error
        } else {
            RecordStatus::Completed
        };
        assert_eq!(lab.status(number), Some(expected), "{number}");
    }
    eprintln!("{} sessions crashed the build", report.build.error);
}

#[test]
fn a_session_that_was_in_hand_at_two_crashes_is_not_tried_a_third_time() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=6);
    // A run that harvests only, and two that end before their time.
    lab.harvest();
    lab.sql("UPDATE nexus_session SET attempts = 2 WHERE session_identifier = ?1", &["lab-use-2"]);
    lab.sql("UPDATE nexus_session SET attempts = 1 WHERE session_identifier = ?1", &["lab-use-3"]);
    let report = lab.run();
    assert_eq!((report.build.built, report.build.error), (5, 1));
    assert!(
        report.needs_person.iter().any(|line| line.contains("lab-use-2") && line.contains("crashed the program")),
        "{report:?}"
    );
    assert_eq!(lab.status(2), Some(RecordStatus::Error));
    for number in [1, 3, 4, 5, 6] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
    }
    assert_eq!(lab.sql("UPDATE nexus_session SET attempts = 0 WHERE attempts <> 0", &[]), 0, "nothing is in hand");
}
