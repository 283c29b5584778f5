//! Clocks that do not agree, and signatures that are too old.

use chrono::TimeDelta;
use nexus_core::delivery::{Class, State};
use nexus_plugin_api::FailureClass;
use nexus_tests::fake_labarchives::{Form, error};
use nexus_tests::fault::{Fault, Rule};

use super::bench::{Bench, Facility};

#[test]
fn the_facilitys_clock_may_be_off_by_ten_minutes() {
    for minutes in [-10, 10, -600, 600] {
        let facility = Facility::new();
        facility.site.set_offset(TimeDelta::minutes(minutes));
        facility.lab.sessions(1..=3);
        let (report, calls) = facility.run();
        assert_eq!(report.export[&"eln".into()].delivered, 3, "{minutes}: {report:?}");
        assert_eq!(calls.iter().filter(|call| call.name == "utilities/epoch_time").count(), 1, "{minutes}");
        facility.all(1..=3);
    }
}

#[test]
fn a_clock_that_jumps_during_a_run_is_read_once_more() {
    for minutes in [-30, 30] {
        let bench = Bench::new();
        let plugin = bench.plugin();
        bench.carry_with(plugin.as_ref(), &bench.delivery("one", "1")).unwrap();
        let before = bench.site.count("utilities/epoch_time");
        bench.site.set_offset(TimeDelta::minutes(minutes));
        bench.carry_with(plugin.as_ref(), &bench.delivery("two", "2")).unwrap();
        assert_eq!(bench.site.count("utilities/epoch_time"), before + 1);
        for (name, words) in [("one", "1"), ("two", "2")] {
            bench.the(&bench.delivery(name, words));
        }
    }
}

#[test]
fn a_signature_that_expires_on_the_way_is_made_anew_once_at_every_call() {
    for name in
        ["tree_tools/get_tree_level", "tree_tools/insert_node", "entries/add_entry", "entries/add_attachment"]
    {
        for code in [4504, 4520] {
            for form in Form::ALL {
                let bench = Bench::new();
                let refused = error(form, 401, code, "no");
                bench.site.server.fail(Rule::at(&format!("/api/{name}"), Fault::Answer(refused)).times(1));
                let delivery = bench.delivery("one", "1");
                bench.carry(&delivery).unwrap();
                bench.the(&delivery);
                assert!(bench.site.count("utilities/epoch_time") <= 2, "{name} {code}");
            }
        }
    }
}

#[test]
fn a_server_that_never_takes_a_signature_is_not_asked_for_ever() {
    for code in [4504, 4520] {
        let facility = Facility::new();
        facility.lab.sessions(1..=3);
        for class in ["users", "tree_tools", "entries"] {
            let refused = error(Form::Bare, 200, code, "no");
            facility.site.server.fail(Rule::on(&format!("/api/{class}"), Fault::Answer(refused)));
        }
        let (_, calls) = facility.run();
        let row = facility.lab.delivery(1, "eln").unwrap();
        assert_eq!(
            (row.state, row.failure_class),
            (State::Failed, Some(Class::Auth)),
            "{}",
            facility.trouble(1)
        );
        assert!(calls.len() <= 20, "{}", calls.len());
        assert_eq!(facility.site.pages().len(), 0);
        assert_eq!(facility.next_day().1.len(), 0, "waits for the configuration");
    }
}

#[test]
fn without_an_answer_about_the_time_the_own_clock_is_used() {
    for fault in [Fault::DropBefore, Fault::Html(500), Fault::Html(200), Fault::Garbage] {
        let bench = Bench::new();
        bench.site.server.fail(Rule::at("/api/utilities/epoch_time", fault));
        let delivery = bench.delivery("one", "1");
        bench.carry(&delivery).unwrap();
        bench.the(&delivery);
        // And if the own clock is wrong, that is said.
        bench.site.set_offset(TimeDelta::minutes(10));
        let error = bench.carry(&bench.delivery("two", "2")).unwrap_err();
        assert!(matches!(error.class, FailureClass::Auth | FailureClass::Transient), "{error:?}");
    }
}

#[test]
fn the_time_is_taken_from_any_wrapping() {
    for body in
        ["<utilities><epoch-time>NOW</epoch-time></utilities>", "NOW", "{\"time\": NOW}", "<t>NOW</t>"]
    {
        let bench = Bench::new();
        bench.site.set_offset(TimeDelta::minutes(10));
        let server_time = nexus_core::clock::Clock::now(bench.clock.as_ref()) + TimeDelta::minutes(10);
        let body = body.replace("NOW", &server_time.timestamp_millis().to_string());
        let answer = nexus_tests::http::Response::new(200, "text/plain", body.into_bytes());
        bench.site.server.fail(Rule::at("/api/utilities/epoch_time", Fault::Answer(answer)));
        let delivery = bench.delivery("one", "1");
        bench.carry(&delivery).unwrap();
        bench.the(&delivery);
    }
}
