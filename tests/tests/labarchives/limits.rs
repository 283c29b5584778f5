//! Servers that want to be left alone, and bodies that are too large.

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{Effect, FailureClass};
use nexus_tests::fake_labarchives::Entry;
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;

use super::bench::{Bench, Facility};

fn limited(seconds: Option<&str>) -> Fault {
    let answer = Response::html(429);
    Fault::Answer(match seconds {
        Some(seconds) => answer.with_header("Retry-After", seconds.to_owned()),
        None => answer,
    })
}

#[test]
fn a_pause_that_is_wished_for_is_granted_by_everybody() {
    for name in
        ["tree_tools/get_tree_level", "tree_tools/insert_node", "entries/add_entry", "entries/add_attachment"]
    {
        let bench = Bench::new();
        bench.site.server.fail(Rule::at(&format!("/api/{name}"), limited(Some("30"))).times(1));
        let delivery = bench.delivery("one", "1");
        bench.insist(&delivery);
        bench.the(&delivery);
        let calls = bench.site.calls();
        let at = calls.iter().position(|call| call.name == name).unwrap();
        let pause = calls[at + 1].at - calls[at].at;
        assert!(pause >= TimeDelta::seconds(30), "{name}: {pause}");
        assert_eq!(bench.site.entries().len(), 2);
    }
}

#[test]
fn a_long_pause_is_handed_to_the_host() {
    let bench = Bench::new();
    let began = nexus_core::clock::Clock::now(bench.clock.as_ref());
    bench.site.server.fail(Rule::on("/api/tree_tools", limited(Some("3600"))));
    let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
    let FailureClass::RateLimited { until: Some(until) } = told.class else { panic!("{told:?}") };
    assert!(until - began >= TimeDelta::hours(1), "{until}");
    assert_eq!(told.effect, Effect::None);
    assert!(nexus_core::clock::Clock::now(bench.clock.as_ref()) - began < TimeDelta::minutes(5));
}

#[test]
fn a_storm_passes_and_leaves_one_of_each() {
    for seconds in [None, Some("5"), Some("soon")] {
        let facility = Facility::new();
        facility.lab.sessions(1..=4);
        // Every second call of each kind is refused, for a while.
        for class in ["tree_tools", "entries", "users"] {
            for before in 0..6 {
                let rule = Rule::on(&format!("/api/{class}"), limited(seconds)).after(before + 1).times(1);
                facility.site.server.fail(rule);
            }
        }
        facility.run();
        // Each refusal of something that is to be made ends a run.
        for _ in 0..20 {
            if (1..=4).any(|number| facility.lab.status(number) != Some(RecordStatus::Completed)) {
                facility.next_day();
            }
        }
        for number in 1..=4 {
            assert_eq!(
                facility.lab.status(number),
                Some(RecordStatus::Completed),
                "{}",
                facility.trouble(number)
            );
        }
        facility.all(1..=4);
        assert_eq!(facility.site.entries().len(), 8);
    }
}

#[test]
fn a_storm_without_end_is_not_answered_with_one() {
    let facility = Facility::new();
    facility.lab.sessions(1..=12);
    facility.site.server.fail(Rule::on("/api/", limited(None)));
    let (report, calls) = facility.run();
    assert!(calls.len() <= 24, "{}", calls.len());
    assert_eq!(report.export[&"eln".into()].delivered, 0);
    assert!((1..=12).all(|number| {
        let row = facility.lab.delivery(number, "eln").unwrap();
        row.state == State::Due
    }));
    facility.site.server.heal();
    for _ in 0..3 {
        facility.next_day();
    }
    facility.all(1..=12);
    assert_eq!(facility.lab.status(12), Some(RecordStatus::Completed));
}

#[test]
fn a_dead_server_and_one_that_is_ill_pass_as_well() {
    for fault in [Fault::DropBefore, Fault::Html(500), Fault::Html(503)] {
        let facility = Facility::new();
        facility.lab.sessions(1..=8);
        facility.site.server.fail(Rule::on("/api/", fault.clone()));
        let (_, calls) = facility.run();
        assert!(calls.len() <= 40, "{fault:?}: {}", calls.len());
        facility.site.server.heal();
        for _ in 0..3 {
            facility.next_day();
        }
        facility.all(1..=8);
    }
}

#[test]
fn a_server_that_is_ill_every_third_call_gets_everything_in_the_end() {
    for fault in
        [Fault::DropAfter, Fault::AnswerAfter(Response::html(500)), Fault::AnswerAfter(Response::html(503))]
    {
        let facility = Facility::new();
        facility.lab.sessions(1..=4);
        for before in 0..8 {
            facility.site.server.fail(Rule::on("/api/", fault.clone()).after(2 * before).times(1));
        }
        for _ in 0..8 {
            facility.next_day();
        }
        facility.all(1..=4);
        assert_eq!(facility.site.entries().len(), 8, "{fault:?}");
    }
}

#[test]
fn a_file_that_is_too_large_is_said_with_both_sizes_before_it_is_sent() {
    let bench = Bench::new();
    bench.site.largest_file(50);
    let delivery = bench.delivery("one", "1");
    assert!(delivery.record.size > 50);
    let told = bench.carry(&delivery).unwrap_err();
    assert_eq!(
        (told.class, told.effect == Effect::None || bench.writes() > 0),
        (FailureClass::Permanent, true)
    );
    let text = format!("{} {}", told.message, told.hint.unwrap_or_default());
    assert!(text.contains("50") && text.contains(&delivery.record.size.to_string()), "{text}");
    assert_eq!(bench.site.count("entries/add_attachment"), 0);
    bench.site.largest_file(1_000_000);
    bench.carry(&delivery).unwrap();
    bench.the(&delivery);
}

#[test]
fn a_server_that_does_not_tell_its_limit_is_tried() {
    for fault in [Fault::Html(500), Fault::Html(404), Fault::Garbage] {
        let bench = Bench::new();
        bench.site.server.fail(Rule::at("/api/users/max_file_size", fault));
        let delivery = bench.delivery("one", "1");
        bench.carry(&delivery).unwrap();
        bench.the(&delivery);
    }
    let bench = Bench::new();
    bench.site.server.fail(Rule::at("/api/users/max_file_size", Fault::Html(404)));
    bench.site.largest_file(50);
    let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
    assert_eq!(told.class, FailureClass::Permanent, "{told:?}");
}

#[test]
fn a_change_of_an_attachment_that_the_server_cannot_make_becomes_a_new_one() {
    let bench = Bench::new();
    bench.carry(&bench.delivery("one", "before")).unwrap();
    let unknown = nexus_tests::fake_labarchives::error(
        nexus_tests::fake_labarchives::Form::Wrapped,
        500,
        4999,
        "Unknown server error",
    );
    bench.site.server.fail(Rule::at("/api/entries/update_attachment", Fault::Answer(unknown)));
    let delivery = bench.delivery("one", "now");
    bench.insist(&delivery);
    let attachments: Vec<_> = bench.site.entries().into_iter().filter(Entry::is_attachment).collect();
    assert_eq!(attachments.len(), 2, "the old one cannot be deleted");
    assert_eq!(bench.site.pages().len(), 1);
    let new = std::fs::read(delivery.record.path.as_path()).unwrap();
    assert_eq!(attachments.iter().filter(|entry| entry.bytes == new).count(), 1);
    // From then on the new one is the record, and there is no third.
    bench.site.server.heal();
    let again = bench.delivery("one", "later");
    bench.carry(&again).unwrap();
    let attachments: Vec<_> = bench.site.entries().into_iter().filter(Entry::is_attachment).collect();
    assert_eq!(attachments.len(), 2);
    assert_eq!(bench.site.entries().len(), 3);
}
