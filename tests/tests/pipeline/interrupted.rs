//! Runs that are asked to stop, or have no more time.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::pipeline::{self, Steps};
use nexus_core::session::RecordStatus;
use nexus_tests::lab::{Fault, Lab, Meddler};

#[test]
fn a_run_that_is_stopped_loses_nothing_and_the_next_one_goes_on() {
    let lab = Lab::with_destinations(&["a", "b"]).strategy("all");
    lab.sessions(1..=40);
    let mut facility = lab.open().unwrap();
    let (stop, clock) = (facility.stop.clone(), Arc::clone(&lab.clock));
    facility.progress = Box::new(move |_| {
        clock.advance(TimeDelta::seconds(1));
        stop.set();
    });
    let report = pipeline::run(&facility, Steps::ALL).unwrap();
    assert!(report.interrupted && report.build.not_reached > 0, "{report:?}");
    assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
    let mut statuses = BTreeSet::new();
    for number in 1..=40 {
        statuses.insert(lab.status(number).unwrap().to_string());
        for name in ["a", "b"] {
            let Some(delivery) = lab.delivery(number, name) else { continue };
            assert!(matches!(delivery.state, State::Due | State::Delivered), "{delivery:?}");
            assert_eq!(delivery.attempt > 0, delivery.state == State::Delivered, "{delivery:?}");
        }
    }
    assert!(statuses.contains("TO_BE_BUILT"), "{statuses:?}");
    let in_hand = "SELECT count(*) FROM nexus_session WHERE attempts > 0";
    let suspects: i64 = lab.database().read().query_row(in_hand, [], |row| row.get(0)).unwrap();
    assert_eq!(suspects, 0, "who stops a run has not crashed it");
    lab.run();
    for number in 1..=40 {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{number}");
        assert_eq!((lab.uploads(number, "a").len(), lab.uploads(number, "b").len()), (1, 1));
    }
}

#[test]
fn a_question_is_not_waited_for_longer_than_the_run_may_take() {
    let lab = Lab::with_destinations(&["a"]).strategy("all\"\ntime_budget = \"1 min");
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.on_deliver("lab-use-1", [Fault::LostBeforeWrite]);
    let began = lab.now();
    lab.run();
    let delivery = lab.delivery(1, "a").unwrap();
    assert_eq!((delivery.state, lab.now()), (State::Due, began), "nobody waited");
    assert_eq!(delivery.absent_after, Some(began + TimeDelta::minutes(2)));
    lab.run_after(TimeDelta::minutes(2));
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(
        (lab.uploads(1, "a"), server.counts().creates),
        (vec!["unknown".to_owned(), "ok".to_owned()], 1)
    );
}

#[test]
fn a_listener_that_panics_does_not_hang_the_run() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let lab = Lab::with_destinations(&["a"]);
        lab.sessions(1..=40);
        let mut facility = lab.open().unwrap();
        facility.progress = Box::new(|progress| {
            assert!(!matches!(progress, nexus_core::report::Progress::Session(_)), "scripted: the listener");
        });
        let failed = pipeline::run(&facility, Steps::ALL).is_err();
        lab.run();
        let built = (1..=40).filter(|number| lab.status(*number) == Some(RecordStatus::Completed)).count();
        let _ = done.send((failed, built));
    });
    let ended = ended.recv_timeout(std::time::Duration::from_mins(2));
    assert_eq!(ended, Ok((true, 40)), "it ends, and the next run goes on");
}

#[test]
fn a_run_is_on_record_before_its_first_session_is_built() {
    let lab = Lab::new();
    lab.sessions([1]);
    lab.harvest();
    let database = lab.path("nexus.db");
    let unended = move || {
        let other = rusqlite::Connection::open(&database).unwrap();
        let sql = "SELECT count(*) FROM nexus_run WHERE ended_at IS NULL";
        other.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let seen = Arc::new(std::sync::Mutex::new(None));
    let notes = Arc::clone(&seen);
    let meddler = Meddler::new().when(".txt", move |_| *notes.lock().unwrap() = Some(unended()));
    lab.run_meddled(&meddler);
    assert_eq!(*seen.lock().unwrap(), Some(1), "should it be killed now, a row tells of it");
}

#[test]
fn a_harvester_that_fails_is_not_taken_for_well_since_a_run_was_stopped() {
    let lab = Lab::new();
    lab.harvester.fail(Some(nexus_plugin_api::PluginError::transient("no route")));
    lab.run();
    lab.run();
    let failing = || nexus_core::failing::load(lab.database().read()).unwrap();
    assert_eq!(failing()[&"lab".into()].runs, 2);
    lab.run_with(|facility| facility.stop.set());
    assert_eq!(failing()[&"lab".into()].runs, 2);
    lab.harvester.fail(None);
    lab.run();
    assert!(failing().is_empty());
}
