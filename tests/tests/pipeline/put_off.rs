//! Deliveries that were put off while the clock was ahead, and those whose destination is not named any more.

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{FailureClass, PluginError};
use nexus_tests::lab::{Fault, Lab};

#[test]
fn what_a_clock_that_was_ahead_put_off_is_not_put_off_for_years() {
    let lab = Lab::with_destinations(&["rests", "asks", "pauses"]);
    lab.sessions([1, 2]);
    let refusals = [(); 2].map(|()| Fault::Refuse(FailureClass::Transient));
    lab.servers.server("rests").on_deliver("lab-use-1", refusals);
    // The program stops in the middle of an attempt, and is not run again before the clock is right.
    lab.servers.server("asks").on_deliver("lab-use-1", [Fault::LandsLater(TimeDelta::zero())]);
    let server = lab.servers.server("pauses");
    server.always(Some(Fault::Refuse(FailureClass::RateLimited { until: None })));
    let right = lab.now();
    lab.clock.advance(TimeDelta::days(3650));
    // Enough for a second try after a moment's rest, and too little to wait until a question may be asked.
    lab.run_with(|facility| facility.config.export.time_budget = std::time::Duration::from_mins(1));
    server.always(None);
    lab.clock.set(right);
    for (number, name) in [(1, "rests"), (1, "asks"), (1, "pauses")] {
        assert_eq!(lab.delivery(number, name).unwrap().state, State::Due, "{name}");
    }
    lab.run();
    for number in [1, 2] {
        for name in ["rests", "asks", "pauses"] {
            assert_eq!(lab.delivery(number, name).unwrap().state, State::Delivered, "{number} {name}");
            assert_eq!(lab.servers.server(name).of(Lab::id(number).as_str()).len(), 1, "{number} {name}");
        }
    }
}

#[test]
fn a_pause_that_a_destination_may_ask_for_is_kept() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    let until = Some(lab.now() + TimeDelta::days(7));
    let server = lab.servers.server("a");
    server.on_deliver("lab-use-1", [Fault::Refuse(FailureClass::RateLimited { until })]);
    lab.run();
    lab.run_after(TimeDelta::days(6));
    assert_eq!(server.counts().delivers, 1);
    lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn sessions_that_wait_for_a_destination_of_another_name_are_told() {
    let mut lab = Lab::with_destinations(&["a", "b"]);
    lab.sessions([1, 2, 3]);
    let refused = || [Fault::Refuse(FailureClass::Permanent)];
    for (number, name) in [(1, "a"), (1, "b"), (2, "a")] {
        lab.servers.server(name).on_deliver(Lab::id(number).as_str(), refused());
    }
    lab.run();
    lab.reconfigure("[destinations.a]", "[destinations.other]");
    let about = |lab: &Lab, name: &str| {
        let report = lab.run();
        report.needs_person.into_iter().filter(|line| line.contains(&format!("`{name}` alone"))).collect()
    };
    let told: Vec<String> = about(&lab, "a");
    assert_eq!(told, Vec::<String>::new(), "the first still waits for `b`, the second is at `b`");
    lab.reconfigure("[destinations.b]", "[destinations.another]");
    let told: [Vec<String>; 2] = ["a", "b"].map(|name| about(&lab, name));
    for told in told {
        assert!(told.len() == 1 && told[0].starts_with("1 sessions wait"), "{told:?}");
    }
    lab.reconfigure("[destinations.other]", "[destinations.a]");
    let told: Vec<String> = about(&lab, "b");
    assert_eq!(told, Vec::<String>::new(), "`a` has it in hand");
}

#[test]
fn a_session_whose_instrument_was_removed_is_told_and_hides_no_other() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.servers.server("a").down(Some(PluginError::transient("away")));
    lab.run();
    lab.servers.server("a").down(None);
    let other = rusqlite::Connection::open(lab.path("nexus.db")).unwrap();
    // As NexusLIMS does, which does not look at references.
    other
        .execute_batch("PRAGMA foreign_keys = 0; DELETE FROM instruments WHERE instrument_pid = 'LAB-SEM'")
        .unwrap();
    drop(other);
    let report = lab.run();
    assert_eq!(lab.status(2), Some(RecordStatus::Completed));
    let told =
        report.needs_person.iter().filter(|line| line.contains("lab-use-1 → a: not delivered")).count();
    assert_eq!(told, 1, "{:?}", report.needs_person);
}

#[test]
fn what_a_destination_left_behind_when_it_moved_is_told_and_is_not_due() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1, 2]);
    lab.run();
    let about = |lab: &Lab| -> (Vec<String>, u64) {
        let report = lab.run();
        assert_eq!(report.needs_person, Vec::<String>::new(), "it may be meant so");
        let lines = report.warnings.into_iter().filter(|line| line.contains("another place")).collect();
        (lines, report.export[&"a".into()].due)
    };
    assert_eq!(about(&lab), (Vec::new(), 0));
    lab.servers.server("a").moves_to("store:elsewhere");
    for run in 1..=2 {
        let (lines, due) = about(&lab);
        assert!(lines.len() == 1 && lines[0].contains("2 records stay"), "{run}: {lines:?}");
        assert_eq!(due, 0, "{run}");
    }
    lab.servers.server("a").moves_to("store:a");
    assert_eq!(about(&lab), (Vec::new(), 0), "it is back");
}
