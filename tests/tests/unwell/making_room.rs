//! How a destination that fails makes room for those that do not: what it claims, and when it steps back.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use nexus_core::clock::{Clock, ManualClock};
use nexus_core::delivery::State;
use nexus_core::pipeline::{self, Steps, StopFlag};
use nexus_core::session::RecordStatus;
use nexus_plugin_api::FailureClass;
use nexus_tests::fault::Gate;
use nexus_tests::lab::{Fault, Hook, Lab, Server};

const REFUSED: Fault = Fault::Refuse(FailureClass::Transient);

/// How often somebody who waits looks whether that is over, before he gives up.
const LOOKS: u32 = 2_000_000;

/// A clock that stands still while somebody waits.
struct StandingClock {
    clock: Arc<ManualClock>,
    /// Done when somebody begins to wait.
    begun: Box<dyn Fn() + Send + Sync>,
    /// Opened when nobody waits any more.
    gate: Gate,
    waits: Mutex<Vec<Wait>>,
}

/// A wait, as it was asked for and as it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    length: TimeDelta,
    was_needed: bool,
    /// Whether it ended though no time passed.
    ended: bool,
}

impl StandingClock {
    fn of(lab: &Lab, gate: &Gate, begun: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let (clock, begun, gate) = (Arc::clone(&lab.clock), Box::new(begun), gate.clone());
        Arc::new(Self { clock, begun, gate, waits: Mutex::default() })
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits.lock().unwrap().clone()
    }
}

impl Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        self.clock.now_local()
    }

    fn wait_until(&self, instant: DateTime<Utc>, stop: &dyn Fn() -> bool) {
        let (length, was_needed) = (instant - self.now(), !stop());
        (self.begun)();
        let ended = (0..LOOKS).any(|_| {
            std::thread::yield_now();
            stop()
        });
        if !ended {
            // So that the run comes to its end all the same.
            self.clock.advance(length);
        }
        self.waits.lock().unwrap().push(Wait { length, was_needed, ended });
        self.gate.open();
    }
}

/// Makes the records, one after the other, which is the order in which they are taken. They are delivered by a run of its own, so
/// that all are there when it begins.
fn build(lab: &mut Lab) {
    lab.build_one_by_one();
    let facility = lab.open().unwrap_or_else(|error| panic!("{error}"));
    pipeline::run(&facility, Steps { harvest: true, build: true, export: false }).unwrap();
}

fn export(lab: &Lab, clock: &Arc<StandingClock>, stop: &StopFlag) {
    let mut facility = lab.open().unwrap_or_else(|error| panic!("{error}"));
    facility.clock = Arc::clone(clock) as Arc<dyn Clock>;
    facility.stop = stop.clone();
    pipeline::run(&facility, Steps { harvest: false, build: false, export: true }).unwrap();
}

/// A healthy destination that holds its second record until the gate opens, and one that fails at its first delivery when
/// the healthy one has come so far.
fn one_at_work_and_one_that_fails() -> (Lab, Gate, [Server; 2]) {
    let mut lab = Lab::new();
    let servers = ["healthy", "flapping"].map(|name| lab.destination(name, "concurrency = 1"));
    lab.sessions(1..=3);
    build(&mut lab);
    let gate = Gate::new();
    let hook = |act: fn(&Gate)| {
        let gate = gate.clone();
        Fault::First(Hook::new(move || act(&gate)))
    };
    servers[0].on_deliver(Lab::id(2).as_str(), [hook(Gate::pass)]);
    servers[1].on_deliver(Lab::id(1).as_str(), [hook(|gate| gate.wait_for_arrivals(1)), REFUSED]);
    // It comes so far only if it did not wait; then nobody shall wait for ever.
    servers[1].on_deliver(Lab::id(3).as_str(), [hook(Gate::open)]);
    (lab, gate, servers)
}

fn states(lab: &Lab, destination: &str) -> [State; 3] {
    [1, 2, 3].map(|number| lab.delivery(number, destination).unwrap().state)
}

const A_REST_THAT_ENDED_EARLY: Wait = Wait { length: TimeDelta::seconds(1), was_needed: true, ended: true };

#[test]
fn one_that_failed_steps_back_until_a_healthy_one_has_nothing_more_in_hand() {
    let (lab, gate, [healthy, flapping]) = one_at_work_and_one_that_fails();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (server, seen) = (flapping.clone(), Arc::clone(&asked));
    let last = Hook::new(move || seen.lock().unwrap().push(server.counts().delivers));
    healthy.on_deliver(Lab::id(3).as_str(), [Fault::First(last)]);
    let clock = StandingClock::of(&lab, &gate.clone(), move || gate.open());
    export(&lab, &clock, &StopFlag::default());
    assert_eq!(clock.waits(), [A_REST_THAT_ENDED_EARLY]);
    assert_eq!(
        *asked.lock().unwrap(),
        [1],
        "asked of the one that failed, when the healthy one took its last"
    );
    for name in ["healthy", "flapping"] {
        assert_eq!(states(&lab, name), [State::Delivered; 3], "{name}");
    }
}

#[test]
fn a_run_that_is_to_stop_does_not_wait_for_a_rest() {
    let (lab, gate, [_, flapping]) = one_at_work_and_one_that_fails();
    let stop = StopFlag::default();
    let flag = stop.clone();
    let clock = StandingClock::of(&lab, &gate, move || flag.set());
    export(&lab, &clock, &stop);
    assert_eq!(clock.waits(), [A_REST_THAT_ENDED_EARLY]);
    assert_eq!(flapping.counts().delivers, 1, "nothing more was asked of it");
    assert_eq!(states(&lab, "flapping"), [State::Due; 3]);
}

#[test]
fn nobody_waits_for_one_that_waits_for_it() {
    for strategy in ["best_effort", "first_success"] {
        let mut lab = Lab::new().strategy(strategy);
        // Each has failures of its own while those behind it wait for its first attempts.
        let chain = [("first", ""), ("second", "after = [\"first\"]"), ("third", "after = [\"second\"]")];
        let servers = chain.map(|(name, after)| lab.destination(name, after));
        lab.sessions(1..=8);
        build(&mut lab);
        for (server, failing) in servers.iter().zip([[2, 6], [3, 6], [4, 7]]) {
            for number in failing {
                server.on_deliver(Lab::id(number).as_str(), [REFUSED]);
            }
        }
        let clock = StandingClock::of(&lab, &Gate::new(), || {});
        export(&lab, &clock, &StopFlag::default());
        assert!(clock.waits().iter().all(|wait| wait.ended), "{strategy}: {:?}", clock.waits());
        for number in 1..=8 {
            assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{strategy}: {number}");
        }
    }
}

#[test]
fn deliveries_are_claimed_one_at_a_time_until_the_destination_is_well() {
    // How the first deliveries end, `f`ailing or with `s`uccess, and how many are claimed before the destination is left
    // alone. While it is well, eight are claimed at once.
    for (ends, claimed) in [("fff", 3), ("sfff", 1 + 8), ("ssssssssfff", 1 + 8 + 2)] {
        let mut lab = Lab::new();
        let server = lab.destination("archive", "concurrency = 1");
        let numbers = 1..=24;
        lab.sessions(numbers.clone());
        build(&mut lab);
        for (number, _) in numbers.clone().zip(ends.chars()).filter(|(_, end)| *end == 'f') {
            server.on_deliver(Lab::id(number).as_str(), [REFUSED]);
        }
        export(&lab, &StandingClock::of(&lab, &Gate::new(), || {}), &StopFlag::default());
        assert_eq!(server.counts().delivers, ends.len() as u64, "{ends}");
        // Only a claim says where a delivery goes; what was put back keeps that.
        let was_claimed = |number: &u32| lab.delivery(*number, "archive").unwrap().target.is_some();
        assert_eq!(numbers.filter(was_claimed).count(), claimed, "{ends}");
    }
}
