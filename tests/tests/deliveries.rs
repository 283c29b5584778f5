//! What may go wrong at a destination, and where every session, delivery and object stands afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use nexus_core::delivery::{Class, State};
use nexus_core::pipeline::{self, Steps};
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{FailureClass, PluginError};
use nexus_tests::fault::Gate;
use nexus_tests::lab::{Fault, FindFault, Hook, Lab, short_limits};

const PERMANENT: FailureClass = FailureClass::Permanent;
const TRANSIENT: FailureClass = FailureClass::Transient;
const AUTH: FailureClass = FailureClass::Auth;
const RATE_LIMITED: FailureClass = FailureClass::RateLimited { until: None };

/// Where one session stands after one run that met one fault.
#[derive(Debug, PartialEq)]
struct End {
    state: State,
    class: Option<Class>,
    uploads: Vec<String>,
    objects: usize,
    status: RecordStatus,
    person_told: bool,
}

fn end(
    state: State,
    class: impl Into<Option<Class>>,
    uploads: &[&str],
    objects: usize,
    person_told: bool,
) -> End {
    let status =
        if state == State::Delivered { RecordStatus::Completed } else { RecordStatus::BuiltNotExported };
    let uploads = uploads.iter().map(|text| (*text).to_owned()).collect();
    End { state, class: class.into(), uploads, objects, status, person_told }
}

fn seen(lab: &Lab, report: &RunReport) -> End {
    let delivery = lab.delivery(1, "a").unwrap();
    let uploads = lab.uploads(1, "a");
    let counts = &report.export[&"a".into()];
    let count = |what: &str| uploads.iter().filter(|class| *class == what).count() as u64;
    if report.run_id == Some(1) {
        assert_eq!((counts.delivered, counts.unknown), (count("ok"), count("unknown")), "{uploads:?}");
        assert_eq!(counts.attempts(), uploads.len() as u64);
    }
    End {
        state: delivery.state,
        class: delivery.failure_class,
        objects: lab.servers.server("a").of("lab-use-1").len(),
        uploads,
        status: lab.status(1).unwrap(),
        person_told: !report.needs_person.is_empty(),
    }
}

/// One session, one destination, one fault, one run.
fn met(fault: Fault, can_find: bool) -> (Lab, End) {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.limits = short_limits();
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.can_find(can_find);
    server.on_deliver("lab-use-1", [fault]);
    let report = lab.run();
    let end = seen(&lab, &report);
    (lab, end)
}

/// Another run, long after every rest and settle time, changes nothing.
fn stays(lab: &Lab, expected: &End) {
    let before = lab.servers.server("a").counts();
    let report = lab.run_after(TimeDelta::days(2));
    let end = seen(lab, &report);
    assert_eq!(
        (end.state, end.objects, end.uploads),
        (expected.state, expected.objects, expected.uploads.clone())
    );
    assert_eq!(lab.servers.server("a").counts(), before, "nothing was asked");
}

#[test]
fn every_fault_of_a_destination_that_can_find() {
    use State::{Delivered, Due, Failed};
    let minute = TimeDelta::minutes(1);
    let cases = [
        (Fault::Refuse(TRANSIENT), end(Delivered, None, &["transient", "ok"], 1, false)),
        (Fault::Refuse(PERMANENT), end(Failed, Class::Permanent, &["permanent"], 0, true)),
        (Fault::Refuse(AUTH), end(Failed, Class::Auth, &["auth"], 0, true)),
        (Fault::Refuse(RATE_LIMITED), end(Due, Class::RateLimited, &["rate_limited"], 0, true)),
        (Fault::LostAfterWrite, end(Delivered, None, &["unknown", "ok"], 1, false)),
        (Fault::LostBeforeWrite, end(Delivered, None, &["unknown", "ok"], 1, false)),
        (Fault::LandsLater(minute), end(Delivered, None, &["unknown", "ok"], 1, false)),
        (Fault::Panic, end(Failed, Class::Permanent, &["unknown", "permanent"], 0, true)),
        (Fault::PanicAfterWrite, end(Delivered, None, &["unknown", "ok"], 1, false)),
        (Fault::HangUntilCancelled, end(Delivered, None, &["unknown", "ok"], 1, false)),
        (Fault::Steps(3), end(Delivered, None, &["ok"], 1, false)),
        (Fault::StepThenRefuse(TRANSIENT), end(Delivered, None, &["transient", "ok"], 1, false)),
        (Fault::StepThenRefuse(PERMANENT), end(Failed, Class::Permanent, &["permanent"], 0, true)),
        (Fault::NoId, end(Delivered, None, &["unknown", "ok"], 1, false)),
    ];
    for (fault, expected) in cases {
        let name = format!("{fault:?}");
        let (lab, found) = met(fault, true);
        assert_eq!(found, expected, "{name}");
        let creates = lab.servers.server("a").counts().creates;
        assert_eq!(creates, expected.objects as u64, "{name}: nothing was made twice");
        if expected.state != Due {
            stays(&lab, &expected);
        }
    }
}

#[test]
fn every_fault_of_a_destination_that_cannot_find() {
    use State::{Delivered, Due, Failed, Unknown};
    let minute = TimeDelta::minutes(1);
    let unknown = |class, objects| end(Unknown, class, &["unknown"], objects, true);
    let cases = [
        (Fault::Refuse(TRANSIENT), end(Delivered, None, &["transient", "ok"], 1, false)),
        (Fault::Refuse(PERMANENT), end(Failed, Class::Permanent, &["permanent"], 0, true)),
        (Fault::Refuse(AUTH), end(Failed, Class::Auth, &["auth"], 0, true)),
        (Fault::Refuse(RATE_LIMITED), end(Due, Class::RateLimited, &["rate_limited"], 0, true)),
        (Fault::LostAfterWrite, unknown(Class::Transient, 1)),
        (Fault::LostBeforeWrite, unknown(Class::Transient, 0)),
        (Fault::Panic, unknown(Class::Permanent, 0)),
        (Fault::PanicAfterWrite, unknown(Class::Permanent, 1)),
        (Fault::HangUntilCancelled, unknown(Class::Transient, 0)),
        (Fault::Steps(3), end(Delivered, None, &["ok"], 1, false)),
        (Fault::NoId, unknown(Class::Permanent, 1)),
    ];
    for (fault, expected) in cases {
        let name = format!("{fault:?}");
        let (lab, found) = met(fault, false);
        assert_eq!(found, expected, "{name}");
        assert_eq!(lab.servers.server("a").counts().finds, 0, "{name}");
        if expected.state != Due {
            stays(&lab, &expected);
        }
    }
    let (lab, found) = met(Fault::LandsLater(minute), false);
    assert_eq!(found, unknown(Class::Transient, 0), "on its way");
    lab.clock.advance(minute);
    stays(&lab, &unknown(Class::Transient, 1));
}

#[test]
fn a_call_that_never_ends_costs_one_attempt_and_is_asked_about_by_the_next_run() {
    let gate = Gate::new();
    let (lab, found) = met(Fault::Hang(gate.clone()), true);
    assert_eq!(found, end(State::Unknown, Class::Unknown, &["unknown"], 0, true));
    gate.open();
    let report = lab.run();
    assert_eq!(seen(&lab, &report), end(State::Delivered, None, &["unknown", "ok"], 1, false));
    assert_eq!(lab.servers.server("a").counts().creates, 1);
}

#[test]
fn what_find_says_decides() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.limits = short_limits();
    lab.sessions([1, 2, 3, 4]);
    let server = lab.servers.server("a");
    server.on_find("lab-use-1", [FindFault::Refuse(TRANSIENT)]);
    server.on_find("lab-use-2", [FindFault::Refuse(AUTH)]);
    server.on_find("lab-use-3", [FindFault::Panic]);
    lab.run();
    let stand = |number| (lab.delivery(number, "a").unwrap().state, lab.uploads(number, "a"));
    assert_eq!(stand(1), (State::Delivered, vec!["transient".to_owned(), "ok".to_owned()]));
    assert_eq!(stand(2), (State::Failed, vec!["auth".to_owned()]));
    assert_eq!(stand(3).0, State::Failed, "a plugin that panics is not asked again");
    assert_eq!(stand(4), (State::Delivered, vec!["ok".to_owned()]));
    assert_eq!(server.counts().creates, 2);
}

#[test]
fn several_objects_of_one_session_are_a_matter_for_a_person() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    let server = lab.servers.server("a");
    server.duplicate("lab-use-1");
    lab.put_file(1, "second");
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    let report = lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Unknown);
    assert!(report.needs_person.iter().any(|line| line.contains("2 objects found")), "{report:?}");
    assert_eq!(lab.uploads(1, "a"), ["ok", "unknown"]);
    assert_eq!((server.counts().creates, server.counts().updates), (1, 0));
}

#[test]
fn one_destination_never_stops_another() {
    for (strategy, settled, last) in [
        ("best_effort", RecordStatus::Completed, State::Failed),
        ("all", RecordStatus::BuiltNotExported, State::Failed),
        ("first_success", RecordStatus::Completed, State::NotWanted),
    ] {
        let mut lab = Lab::with_destinations(&["a", "b"]).strategy(strategy);
        lab.limits = short_limits();
        lab.sessions(1..=6);
        lab.servers.server("a").always(Some(Fault::Refuse(PERMANENT)));
        let report = lab.run();
        assert!(report.needs_person.iter().any(|line| line.contains("permanent failure")), "{report:?}");
        for number in 1..=6 {
            assert_eq!(lab.status(number), Some(settled), "{strategy}");
            assert_eq!(lab.delivery(number, "a").unwrap().state, last, "{strategy}");
            assert_eq!(lab.uploads(number, "a"), ["permanent"], "{strategy}");
            assert_eq!(lab.delivery(number, "b").unwrap().state, State::Delivered, "{strategy}");
            assert_eq!(lab.uploads(number, "b"), ["ok"], "{strategy}");
        }
    }
}

#[test]
fn a_destination_that_cannot_even_say_where_it_is_stops_nobody() {
    for strategy in ["best_effort", "first_success"] {
        let lab = Lab::with_destinations(&["a", "b"]).strategy(strategy);
        lab.sessions(1..=3);
        lab.servers.server("a").down(Some(PluginError::transient("no route to the server")));
        let report = lab.run();
        assert!(report.needs_person.iter().any(|line| line.contains("no route")), "{report:?}");
        for number in 1..=3 {
            assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{strategy}");
            assert_eq!(lab.uploads(number, "a"), [""; 0], "a skipped attempt writes no row");
            assert_eq!(lab.uploads(number, "b"), ["ok"]);
        }
        lab.servers.server("a").down(None);
        lab.run();
        let there = u64::from(strategy == "best_effort") * 3;
        assert_eq!(lab.servers.server("a").counts().creates, there, "{strategy}");
    }
}

#[test]
fn under_all_what_is_missing_is_delivered_by_a_later_run() {
    let mut lab = Lab::with_destinations(&["a", "b"]).strategy("all");
    lab.limits = short_limits();
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.on_deliver("lab-use-1", [Fault::Refuse(TRANSIENT), Fault::Refuse(TRANSIENT)]);
    lab.run();
    assert_eq!(lab.status(1), Some(RecordStatus::BuiltNotExported));
    lab.run_after(TimeDelta::minutes(6));
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
    assert_eq!(lab.uploads(1, "a"), ["transient", "transient", "ok"]);
    assert_eq!(lab.uploads(1, "b"), ["ok"]);
    assert_eq!(lab.servers.server("b").counts().creates, 1);
}

#[test]
fn under_first_success_only_one_destination_is_tried_in_the_order_of_priority() {
    let lab = Lab::with_destinations(&["a", "b", "c"]).strategy("first_success");
    lab.sessions(1..=20);
    lab.servers.server("a").on_deliver("lab-use-7", [Fault::Refuse(PERMANENT)]);
    lab.run();
    assert_eq!(lab.servers.server("a").counts().creates, 19);
    assert_eq!(lab.servers.server("b").order(), ["lab-use-7"]);
    assert_eq!(lab.servers.server("c").order(), [""; 0]);
    for number in 1..=20 {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed));
        let done = ["a", "b", "c"].map(|name| lab.delivery(number, name).unwrap().state);
        let delivered = done.iter().filter(|state| **state == State::Delivered).count();
        let not_wanted = done.iter().filter(|state| **state == State::NotWanted).count();
        assert_eq!((delivered, not_wanted), (1, 2), "{done:?}");
    }
}

#[test]
fn under_first_success_an_object_that_is_there_is_not_given_up() {
    let lab = Lab::with_destinations(&["a", "b"]).strategy("first_success");
    lab.sessions([1]);
    lab.run();
    lab.put_file(1, "second");
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    lab.servers.server("a").on_deliver("lab-use-1", [Fault::Refuse(PERMANENT)]);
    lab.run();
    assert_eq!(lab.delivery(1, "a").unwrap().state, State::Failed, "it holds the old record");
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn first_success_and_after_do_not_wait_for_each_other() {
    let mut lab = Lab::new().strategy("first_success");
    lab.destination("a", "priority = 100\nafter = [\"b\"]");
    lab.destination("b", "priority = 50");
    lab.sessions(1..=3);
    lab.run();
    assert_eq!(lab.servers.server("b").counts().creates, 3);
    assert_eq!(lab.servers.server("a").counts().creates, 0);
}

#[test]
fn a_destination_waits_for_the_ones_it_comes_after() {
    let mut lab = Lab::new();
    lab.destination("link", "priority = 100\nafter = [\"store\"]");
    lab.destination("store", "priority = 50");
    lab.sessions(1..=12);
    let server = lab.servers.server("store");
    server.on_deliver("lab-use-3", [Fault::Refuse(PERMANENT)]);
    lab.run();
    for number in 1..=12 {
        assert_eq!(lab.delivery(number, "link").unwrap().state, State::Delivered);
        let row = |name: &str| lab.delivery(number, name).unwrap().upload_log_id.unwrap();
        assert!(row("store") < row("link"), "session {number}");
    }
}

#[test]
fn rests_grow_and_are_kept() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.limits = short_limits();
    lab.sessions([1]);
    let server = lab.servers.server("a");
    server.always(Some(Fault::Refuse(TRANSIENT)));
    lab.run();
    let mut tries = 2;
    for minutes in [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
        assert_eq!(lab.uploads(1, "a").len(), tries);
        let rest = TimeDelta::minutes(minutes);
        assert_eq!(lab.delivery(1, "a").unwrap().not_before, Some(lab.now() + rest));
        let second = TimeDelta::seconds(1);
        lab.run_after(rest - second);
        assert_eq!(server.counts().delivers, tries as u64, "{minutes} minutes are not over");
        lab.run_after(second);
        tries += 2;
    }
    server.always(None);
    lab.run_after(TimeDelta::days(1));
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn a_rate_limit_is_kept_to_the_second() {
    let lab = Lab::with_destinations(&["a", "b"]);
    lab.sessions([1, 2, 3]);
    let server = lab.servers.server("a");
    let until = lab.now() + TimeDelta::hours(3);
    server.on_deliver("lab-use-1", [Fault::Refuse(FailureClass::RateLimited { until: Some(until) })]);
    let report = lab.run();
    let paused = report.export[&"a".into()].paused.as_deref().unwrap();
    assert!(paused.starts_with("until ") && paused.ends_with(" (rate_limited), since: refused"), "{paused}");
    assert_eq!(lab.delivery(1, "a").unwrap().not_before, Some(until));
    assert_eq!(lab.servers.server("b").counts().creates, 3);
    lab.clock.set(until - TimeDelta::seconds(1));
    lab.run();
    assert_eq!(lab.uploads(1, "a"), ["rate_limited"]);
    lab.clock.set(until);
    lab.run();
    assert_eq!(lab.uploads(1, "a"), ["rate_limited", "ok"]);
    assert_eq!(server.counts().creates, 3);
}

#[test]
fn a_changed_configuration_wakes_what_waits_for_one() {
    for class in [AUTH, PERMANENT] {
        let mut lab = Lab::new();
        lab.destination("a", "remark = \"old\"");
        lab.sessions([1]);
        let server = lab.servers.server("a");
        server.on_deliver("lab-use-1", [Fault::Refuse(class)]);
        lab.run();
        let report = lab.run_after(TimeDelta::days(30));
        assert_eq!(server.counts().delivers, 1, "nothing but time has changed");
        assert_eq!(report.export[&"a".into()].stuck, 1, "and somebody can see it");
        lab.reconfigure("\"old\"", "\"new\"");
        lab.run();
        assert_eq!(lab.status(1), Some(RecordStatus::Completed));
        assert_eq!(lab.uploads(1, "a"), [class.as_str(), "ok"]);
    }
}

#[test]
fn three_failures_in_a_row_pause_a_destination_until_the_next_run() {
    for class in [TRANSIENT, AUTH] {
        for can_find in [true, false] {
            let lab = Lab::with_destinations(&["a", "b"]);
            lab.sessions(1..=40);
            let server = lab.servers.server("a");
            server.can_find(can_find);
            server.always(Some(Fault::Refuse(class)));
            let report = lab.run();
            let counts = &report.export[&"a".into()];
            let paused = counts.paused.as_deref().unwrap();
            let told = [" failures in a row (", "), the last: refused; it is tried again by the next run"];
            assert!(told.iter().all(|part| paused.contains(part)), "{paused}");
            assert!(report.needs_person.iter().any(|text| text.contains(paused)), "{report:?}");
            // What other workers had in their hands when the third one failed may still end.
            let workers = if can_find { 4 } else { 1 };
            assert!((3..3 + workers).contains(&counts.failed), "{counts:?}");
            assert_eq!(lab.servers.server("b").counts().creates, 40);
            server.always(None);
            let report = lab.run_after(TimeDelta::minutes(6));
            let left = if class == AUTH { counts.failed } else { 0 };
            assert_eq!(report.export[&"a".into()].stuck, left, "{report:?}");
            assert_eq!(server.counts().creates, 40 - left);
        }
    }
}

#[test]
fn a_success_between_failures_voids_them() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.build_one_by_one();
    lab.sessions(1..=12);
    let server = lab.servers.server("a");
    server.can_find(false);
    for number in [1, 2, 4, 5] {
        server.on_deliver(&format!("lab-use-{number}"), [Fault::Refuse(AUTH)]);
    }
    // The exporter finds all of them built, one after the other: 3 is taken between two that fail and two more.
    let facility = lab.open().unwrap_or_else(|error| panic!("{error}"));
    pipeline::run(&facility, Steps { export: false, ..Steps::ALL }).unwrap();
    let report = pipeline::run(&facility, Steps { harvest: false, build: false, export: true }).unwrap();
    assert_eq!(report.export[&"a".into()].paused, None, "{report:?}");
    assert_eq!(server.counts().creates, 8);
}

#[test]
fn an_object_that_somebody_removed_is_made_again_only_when_the_record_changes() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    let server = lab.servers.server("a");
    server.remove("lab-use-1");
    lab.run_after(TimeDelta::days(1));
    assert_eq!(server.of("lab-use-1"), []);
    lab.put_file(1, "second");
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    lab.run();
    assert_eq!(server.of("lab-use-1").len(), 1);
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn a_rebuilt_record_updates_its_object_and_equal_content_delivers_nothing() {
    let lab = Lab::with_destinations(&["a"]);
    lab.sessions([1]);
    lab.run();
    let server = lab.servers.server("a");
    let before = server.of("lab-use-1");
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    let report = lab.run_after(TimeDelta::days(1));
    assert_eq!((report.build.built, server.counts().updates), (1, 0));
    lab.put_file(1, "second");
    lab.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    lab.run_after(TimeDelta::days(1));
    let after = server.of("lab-use-1");
    assert_eq!((server.counts().creates, server.counts().updates), (1, 1));
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before[0].content, after[0].content);
    assert_eq!(lab.uploads(1, "a"), ["ok", "ok"]);
    assert_eq!(lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn the_pace_of_a_destination_is_kept_and_holds_nobody_else() {
    let mut lab = Lab::new();
    let slow = lab.destination("slow", "interval = \"10 s\"");
    let quick = lab.destination("quick", "concurrency = 2");
    lab.sessions(1..=4);
    let before = lab.now();
    lab.run();
    assert_eq!((slow.counts().creates, quick.counts().creates), (4, 4));
    assert_eq!(lab.now() - before, TimeDelta::seconds(30), "four beginnings, ten seconds apart");
}

/// The last of twelve meet inside the destination: by then whole pages are claimed.
#[test]
fn as_many_deliveries_are_under_way_as_the_configuration_says() {
    let mut lab = Lab::new();
    let server = lab.destination("a", "concurrency = 3");
    let inside = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    for number in 7..=12 {
        let inside = Arc::clone(&inside);
        let meet = move || {
            let (count, changed) = &*inside;
            let mut now = count.lock().unwrap();
            *now = (now.0 + 1, now.1.max(now.0 + 1));
            changed.notify_all();
            let too_few = |now: &mut (u32, u32)| now.1 < 3;
            let (mut now, waited) = changed.wait_timeout_while(now, Duration::from_mins(1), too_few).unwrap();
            now.0 -= 1;
            assert!(!waited.timed_out(), "only {} at the same time", now.1);
        };
        server.on_deliver(&format!("lab-use-{number}"), [Fault::First(Hook::new(meet))]);
    }
    lab.sessions(1..=12);
    lab.run();
    assert_eq!(server.counts().creates, 12);
    assert_eq!(inside.0.lock().unwrap().1, 3, "and no more");
}

#[test]
fn the_settle_time_of_the_configuration_counts() {
    for (settle, expected) in [("", 120), ("settle = \"5 min\"", 300), ("settle = \"0 s\"", 0)] {
        let mut lab = Lab::new();
        let server = lab.destination("a", settle);
        lab.sessions([1]);
        server.on_deliver("lab-use-1", [Fault::LostBeforeWrite]);
        let before = lab.now();
        lab.run();
        assert_eq!(server.of("lab-use-1").len(), 1);
        assert_eq!((lab.now() - before).num_seconds(), expected, "{settle}");
    }
}

#[test]
fn a_record_that_is_gone_or_changed_is_tried_once_and_delivered_as_soon_as_it_is_built_again() {
    for meddle in [None, Some("<changed/>")] {
        let lab = Lab::with_destinations(&["a", "b"]);
        lab.sessions([1]);
        let refused = || [(); 2].map(|()| Fault::Refuse(FailureClass::Transient));
        lab.servers.server("a").on_deliver("lab-use-1", refused());
        lab.servers.server("b").on_deliver("lab-use-1", refused());
        lab.run();
        for (path, _) in nexus_tests::lab::tree(&lab.path("data")) {
            if path.extension().is_some_and(|kind| kind == "xml") {
                let path = lab.path("data").join(path);
                match meddle {
                    None => std::fs::remove_file(path).unwrap(),
                    Some(text) => std::fs::write(path, text).unwrap(),
                }
            }
        }
        let report = lab.run_after(TimeDelta::days(1));
        for name in ["a", "b"] {
            assert_eq!(lab.uploads(1, name), ["transient"; 3], "{meddle:?} {name}");
            assert_eq!(report.export[&name.into()].failed, 1, "{report:?}");
        }
        // Without waiting for a rest: what was wrong is mended.
        lab.run();
        for name in ["a", "b"] {
            assert_eq!(lab.delivery(1, name).unwrap().state, State::Delivered, "{meddle:?} {name}");
            assert_eq!(lab.servers.server(name).counts().creates, 1);
        }
    }
}
