//! Destinations that are dead, slow, flapping, limiting and lying, all at once beside a healthy one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "unwell/making_room.rs"]
mod making_room;

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{FailureClass, PluginError};
use nexus_tests::lab::{Fault, Lab, short_limits};

const SESSIONS: u32 = 24;
const TRANSIENT: FailureClass = FailureClass::Transient;

fn states(lab: &Lab, destination: &str) -> Vec<State> {
    (1..=SESSIONS).map(|number| lab.delivery(number, destination).unwrap().state).collect()
}

fn all(state: State) -> Vec<State> {
    vec![state; SESSIONS as usize]
}

/// However a destination behaved, it holds at most one object of each session.
fn at_most_one_each(lab: &Lab, names: &[&str]) {
    for name in names {
        for number in 1..=SESSIONS {
            let objects = lab.servers.server(name).of(Lab::id(number).as_str());
            assert!(objects.len() <= 1, "{name} holds {objects:?}");
        }
    }
}

#[test]
fn a_healthy_destination_gets_everything_in_one_run_and_the_others_when_they_are_well_again() {
    let names = ["dead", "slow", "flapping", "limiting", "lying", "healthy"];
    let mut lab = Lab::with_destinations(&names);
    lab.limits = short_limits();
    lab.sessions(1..=SESSIONS);
    let server = |name: &str| lab.servers.server(name);
    server("dead").down(Some(PluginError::transient("no route to the server")));
    server("slow").always(Some(Fault::HangUntilCancelled));
    for number in (1..=SESSIONS).step_by(2) {
        let faults = [Fault::Refuse(TRANSIENT)];
        server("flapping").on_deliver(Lab::id(number).as_str(), faults);
    }
    let until = lab.now() + TimeDelta::hours(1);
    server("limiting").always(Some(Fault::Refuse(FailureClass::RateLimited { until: Some(until) })));
    server("lying").always(Some(Fault::NoId));

    let report = lab.run();
    assert_eq!(states(&lab, "healthy"), all(State::Delivered));
    assert_eq!(server("healthy").counts().creates, u64::from(SESSIONS));
    assert_eq!(states(&lab, "dead"), all(State::Due));
    assert_eq!(lab.uploads(1, "dead"), [""; 0], "nothing was tried");
    for name in ["dead", "slow", "limiting"] {
        assert!(report.export[&name.into()].paused.is_some(), "{name}: {report:?}");
    }
    assert!(!states(&lab, "limiting").contains(&State::Delivered));
    assert!(server("limiting").counts().delivers <= 4, "one for each worker");
    assert!((1..=SESSIONS).all(|number| lab.status(number) == Some(RecordStatus::Completed)));
    at_most_one_each(&lab, &names);

    // All are well again, each after the rest it was given.
    server("dead").down(None);
    for name in names {
        server(name).always(None);
    }
    for _ in 0..3 {
        lab.run_after(TimeDelta::hours(2));
    }
    for name in names {
        assert_eq!(states(&lab, name), all(State::Delivered), "{name}");
        assert_eq!(lab.servers.server(name).objects().len(), SESSIONS as usize, "{name}");
    }
    at_most_one_each(&lab, &names);
}

#[test]
fn a_run_ends_within_its_time_budget_and_the_next_goes_on() {
    let mut lab = Lab::new();
    // One worker: another one, waiting for its turn, would move the clock on under a delivery in hand.
    let slow = lab.destination("slow", "interval = \"10 min\"\nconcurrency = 1");
    lab.sessions(1..=6);
    let began = lab.now();
    lab.run();
    assert!(lab.now() - began <= TimeDelta::minutes(30), "the budget of every run");
    assert_eq!(slow.counts().creates, 3, "at 0, 10 and 20 minutes");
    let report = lab.run_after(TimeDelta::hours(1));
    assert_eq!((slow.counts().creates, report.export[&"slow".into()].due), (6, 0));
}
