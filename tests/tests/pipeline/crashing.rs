//! Sessions that end the program, or would.

use nexus_core::session::RecordStatus;
use nexus_core::session_state::SessionState;
use nexus_tests::lab::Lab;

#[test]
fn sessions_that_cannot_be_built_do_not_stop_the_others() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions(1..=40);
    let bad: Vec<u32> = (1..=40).filter(|number| number % 2 == 0).collect();
    for number in &bad {
        lab.put_file(*number, Lab::TRAP);
    }
    let report = lab.run();
    for number in 1..=40 {
        let is_bad = bad.contains(&number);
        let expected = if is_bad { RecordStatus::Error } else { RecordStatus::Completed };
        assert_eq!(lab.status(number), Some(expected), "{number}");
        let told = |line: &String| line.contains(&format!("{}: crashed the program", Lab::id(number)));
        assert_eq!(report.needs_person.iter().any(told), is_bad, "{number}: {:?}", report.needs_person);
    }
    assert_eq!((report.build.built, report.build.error), (20, 20));
    assert_eq!(lab.run().build.planned, 0, "not tried again by itself");
}

#[test]
fn a_record_that_cannot_be_rebuilt_stays_where_it_is() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.put_file(1, Lab::TRAP);
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    let report = lab.run();
    assert_eq!(report.build.built, 1);
    assert_eq!(report.build.waiting["rebuild crashed"], 1);
    assert!(report.needs_person.iter().any(|line| line.contains("lab-use-1")), "{report:?}");
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(lab.servers.server("a").of("lab-use-1").len(), 1);
}

#[test]
fn a_rebuild_that_was_in_hand_at_two_crashes_is_given_up_until_somebody_asks_again() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    lab.rebuild_all();
    lab.sql("UPDATE nexus_session SET attempts = 2 WHERE session_identifier = ?1", &["lab-use-1"]);
    let versions = || {
        [1, 2].map(|number| {
            SessionState::load(lab.database().read(), &Lab::id(number)).unwrap().unwrap().record_version
        })
    };
    let report = lab.run();
    assert_eq!(versions(), [1, 2]);
    assert_eq!(report.build.waiting["rebuild crashed"], 1);
    let told = |line: &String| line.contains("lab-use-1: crashed the program 2 times");
    assert!(report.needs_person.iter().any(told), "{report:?}");
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(lab.run().build.planned, 0, "not tried again by itself");
    lab.rebuild_all();
    lab.run();
    assert_eq!(versions(), [2, 3]);
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
        report
            .needs_person
            .iter()
            .any(|line| line.contains("lab-use-2") && line.contains("crashed the program")),
        "{report:?}"
    );
    assert_eq!(lab.status(2), Some(RecordStatus::Error));
    for number in [1, 3, 4, 5, 6] {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
    }
    assert_eq!(
        lab.sql("UPDATE nexus_session SET attempts = 0 WHERE attempts <> 0", &[]),
        0,
        "nothing is in hand"
    );
}
