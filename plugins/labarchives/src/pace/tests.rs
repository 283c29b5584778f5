use std::sync::atomic::{AtomicI64, Ordering};

use nexus_plugin_api::Cancel;

use super::*;

/// A clock that moves when somebody waits, in milliseconds.
#[derive(Default)]
struct Hand(AtomicI64);

impl Pause for Hand {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, call: &Call, length: Duration) -> bool {
        if call.should_stop() {
            return false;
        }
        let until = self.0.load(Ordering::SeqCst) + i64::try_from(length.as_millis()).unwrap();
        self.0.fetch_max(until, Ordering::SeqCst);
        true
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn call() -> Call {
    Call::unlimited("/")
}

#[test]
fn one_key_has_one_gate_which_remembers_the_last_call() {
    let one = gate("https://pace.test/api", "K");
    assert!(Arc::ptr_eq(&one, &gate("https://pace.test/api", "K")));
    assert!(!Arc::ptr_eq(&one, &gate("https://pace.test/api", "L")));
    let hand = Hand::default();
    one.turn(&call(), &hand, SECOND).unwrap();
    one.rest(hand.now() + TimeDelta::hours(1));
    drop(one);
    gate("https://pace.test/api", "K").turn(&call(), &hand, SECOND).unwrap();
    assert_eq!(hand.0.load(Ordering::SeqCst), 1000);
}

#[test]
fn turns_are_an_interval_apart() {
    let (gate, hand) = (Gate::default(), Hand::default());
    let mut at = Vec::new();
    for _ in 0..4 {
        gate.turn(&call(), &hand, SECOND).unwrap();
        at.push(hand.0.load(Ordering::SeqCst));
    }
    assert_eq!(at, [0, 1000, 2000, 3000]);
    hand.0.store(60_000, Ordering::SeqCst);
    gate.turn(&call(), &hand, SECOND).unwrap();
    assert_eq!(hand.0.load(Ordering::SeqCst), 60_000, "who comes late need not wait");
    for _ in 0..3 {
        gate.turn(&call(), &hand, Duration::ZERO).unwrap();
    }
    assert_eq!(hand.0.load(Ordering::SeqCst), 61_000);
}

#[test]
fn many_threads_keep_the_pace() {
    let (gate, hand) = (Gate::default(), Hand::default());
    let went = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    gate.turn(&call(), &hand, SECOND).unwrap();
                    went.lock().unwrap().push(gate.lock().last);
                }
            });
        }
    });
    assert_eq!(went.into_inner().unwrap().len(), 40);
    assert!(hand.0.load(Ordering::SeqCst) >= 39_000, "{hand:?}", hand = hand.0);
}

#[test]
fn who_gives_up_holds_nobody_up() {
    let (gate, hand) = (Gate::default(), Hand::default());
    gate.turn(&call(), &hand, SECOND).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let unwanted = Call::new(None, cancel, "/".into(), Arc::new(|_, _| {}));
    assert_eq!(gate.turn(&unwanted, &hand, SECOND), Err(Closed::Stopped));
    let promised = gate.promise(&call(), &hand, TimeDelta::seconds(1)).unwrap();
    gate.give_back(promised, TimeDelta::seconds(1));
    gate.turn(&call(), &hand, SECOND).unwrap();
    assert_eq!(hand.0.load(Ordering::SeqCst), 1000);
    let late = Call::new(
        Some(std::time::Instant::now() + Duration::from_millis(500)),
        Cancel::new(),
        "/".into(),
        Arc::new(|_, _| {}),
    );
    assert_eq!(gate.turn(&late, &hand, Duration::from_secs(30)), Err(Closed::Stopped), "after the deadline");
}

#[test]
fn a_server_that_wants_to_rest_is_left_alone_by_all() {
    let (gate, hand) = (Gate::default(), Hand::default());
    gate.rest(hand.now() + TimeDelta::seconds(30));
    gate.turn(&call(), &hand, SECOND).unwrap();
    assert_eq!(hand.0.load(Ordering::SeqCst), 30_000);
    let long = hand.now() + TimeDelta::minutes(10);
    gate.rest(long);
    assert_eq!(gate.turn(&call(), &hand, SECOND), Err(Closed::Resting(long)));
    hand.0.store(30_000 + 600_000, Ordering::SeqCst);
    gate.turn(&call(), &hand, SECOND).unwrap();
}

#[test]
fn a_clock_that_was_set_back_makes_nobody_wait_for_hours() {
    let (gate, hand) = (Gate::default(), Hand::default());
    hand.0.store(36_000_000, Ordering::SeqCst);
    gate.turn(&call(), &hand, SECOND).unwrap();
    hand.0.store(0, Ordering::SeqCst);
    gate.turn(&call(), &hand, SECOND).unwrap();
    assert_eq!(hand.0.load(Ordering::SeqCst), 0);
}
