//! Whole runs: whatever happens, the site holds one record per session.

use chrono::TimeDelta;
use nexus_core::delivery::{Class, State};
use nexus_core::session::RecordStatus;
use nexus_tests::fake_cdcs::{PUBLIC_WORKSPACE, TEMPLATE, TOKEN};
use nexus_tests::fault::{Fault, Gate, Rule};

use super::bench::{Facility, ONCE};

const CREATE: &str = "/rest/data/";

#[test]
fn two_requests_a_record_and_none_when_nothing_is_new() {
    let facility = Facility::new();
    facility.lab.sessions(1..=12);
    let (report, requests) = facility.run();
    assert_eq!(report.export[&"cdcs".into()].delivered, 12, "{report:?}");
    assert_eq!(requests, ONCE + 2 * 12);
    for number in 1..=12 {
        let record = facility.the_record(number);
        assert_eq!((record.workspace, record.template), (Some(PUBLIC_WORKSPACE), TEMPLATE));
        let delivery = facility.lab.delivery(number, "cdcs").unwrap();
        assert_eq!(delivery.remote_id, Some(record.id.to_string()));
        let link = format!("{}data?id={}", facility.site.url(), record.id);
        assert_eq!(delivery.remote_url, Some(link));
        assert_eq!(facility.lab.status(number), Some(RecordStatus::Completed));
    }
    let (_, requests) = facility.run();
    assert_eq!(requests, 0);
    facility.lab.rebuild_all();
    assert_eq!(facility.run().1, 0, "equal content delivers nothing");
}

#[test]
fn a_record_that_has_changed_is_changed_in_place() {
    let facility = Facility::new();
    facility.lab.sessions([1, 2]);
    facility.run();
    let before = facility.the_record(1);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    let (_, requests) = facility.run();
    assert_eq!(requests, 1 + 2, "template, query, change");
    let after = facility.the_record(1);
    assert_eq!((after.id, after.workspace), (before.id, before.workspace));
    assert_ne!(after.content, before.content);
    assert_eq!(facility.site.records().len(), 2);
    assert_eq!(facility.run().1, 0);
}

/// One session whose create meets this fault once.
fn met(fault: Fault) -> (Facility, Vec<String>) {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.site.server.fail(Rule::at(CREATE, fault).method("POST").times(1));
    facility.run();
    let uploads = facility.lab.uploads(1, "cdcs");
    (facility, uploads)
}

#[test]
fn a_lost_answer_makes_no_second_record() {
    for (fault, creates) in [
        (Fault::DropAfter, 1),
        (Fault::Truncate, 1),
        (Fault::DropBefore, 2),
        (Fault::Html(502), 2),
        (Fault::Html(500), 2),
        (Fault::Garbage, 2),
    ] {
        let name = format!("{fault:?}");
        let (facility, uploads) = met(fault);
        facility.the_record(1);
        assert_eq!(uploads, ["unknown", "ok"], "{name}");
        let sent = facility.site.server.requests();
        let sent = sent.iter().filter(|request| request.method == "POST" && request.path == CREATE);
        assert_eq!(sent.count(), creates, "{name}");
        assert_eq!(facility.run().1, 0, "{name}");
    }
}

#[test]
fn a_create_that_lands_after_the_client_gave_up_is_waited_for() {
    let mut facility = Facility::with("timeout = \"1 s\"\n");
    facility.lab.limits.deliver = std::time::Duration::from_secs(30);
    facility.lab.sessions([1]);
    facility.build();
    let began = facility.lab.now();
    let (late, asked) = (Gate::new(), Gate::new());
    let server = &facility.site.server;
    server.fail(Rule::at(CREATE, Fault::HoldBefore(late.clone())).method("POST").times(1));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| facility.lab.run());
        late.wait_for_arrivals(1);
        server.fail(Rule::on("/rest/data/query/", Fault::HoldBefore(asked.clone())).times(1));
        asked.wait_for_arrivals(1);
        assert!(facility.lab.now() - began >= TimeDelta::seconds(120), "not before it has settled");
        assert_eq!(facility.site.records().len(), 0);
        // The server gets round to it, and only then answers the question.
        late.open();
        while facility.site.records().is_empty() {
            std::thread::yield_now();
        }
        asked.open();
        running.join().unwrap();
    });
    facility.the_record(1);
    assert_eq!(facility.lab.uploads(1, "cdcs"), ["unknown", "ok"]);
    assert_eq!(facility.lab.delivery(1, "cdcs").unwrap().state, State::Delivered);
}

#[test]
fn a_reason_with_status_500_is_final() {
    let facility = Facility::new();
    facility.lab.sessions([1, 2]);
    facility.site.refuse_content("1_image", "Element '{ns}x': This element is not expected., line 5");
    let (report, requests) = facility.run();
    assert_eq!(requests, ONCE + 2 * 2, "tried once");
    let delivery = facility.lab.delivery(1, "cdcs").unwrap();
    assert_eq!((delivery.state, delivery.failure_class), (State::Failed, Some(Class::Permanent)));
    let text = delivery.failure_text.unwrap();
    assert!(text.contains("This element is not expected") && text.contains("push-template"), "{text}");
    assert!(report.needs_person.iter().any(|line| line.contains("not expected")), "{report:?}");
    facility.the_record(2);
    facility.lab.clock.advance(TimeDelta::days(2));
    assert_eq!(facility.run().1, 0, "nobody asks again");
    assert_eq!(facility.records(1).len(), 0);
}

#[test]
fn a_wrong_token_waits_for_the_configuration() {
    let mut facility = Facility::new();
    facility.lab.sessions([1]);
    facility.site.change_token("anothertoken");
    facility.run();
    let delivery = facility.lab.delivery(1, "cdcs").unwrap();
    assert_eq!((delivery.state, delivery.failure_class), (State::Failed, Some(Class::Auth)));
    let text = delivery.failure_text.unwrap();
    assert!(text.contains("does not accept the token (403: Invalid token.)"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
    assert_eq!(facility.lab.status(1), Some(RecordStatus::BuiltNotExported));
    facility.lab.clock.advance(TimeDelta::days(2));
    assert_eq!(facility.run().1, 0);
    facility.lab.reconfigure(TOKEN, "anothertoken");
    facility.run();
    facility.the_record(1);
}

#[test]
fn a_template_that_is_not_there_waits_for_the_configuration() {
    let mut facility = Facility::with("template = \"Nexus\"\n");
    facility.lab.sessions(1..=6);
    let (report, requests) = facility.run();
    assert_eq!(requests, 2, "asked once for the title, once for all titles");
    assert_eq!(report.export[&"cdcs".into()].failed, 6);
    let text = facility.lab.delivery(1, "cdcs").unwrap().failure_text.unwrap();
    assert!(
        text.contains("no template in use with the title `Nexus`; there are: `Nexus Experiment Schema`"),
        "{text}"
    );
    facility.lab.reconfigure("template = \"Nexus\"", "template = \"Nexus Experiment Schema\"");
    facility.run();
    for number in 1..=6 {
        facility.the_record(number);
    }
}

#[test]
fn what_stands_first_in_a_list_means_nothing() {
    let facility = Facility::new();
    let ada = facility.site.add_account("ada", "adas-token", nexus_tests::fake_cdcs::Role::Ordinary);
    facility.site.put_public_workspace_first(7, "Global Public Workspace", ada);
    facility.site.put_workspace_first(5, "Group of Ada", ada);
    facility.site.put_template_first(2, "A", 3);
    facility.lab.sessions([1]);
    facility.run();
    let record = facility.the_record(1);
    assert_eq!((record.workspace, record.template), (Some(PUBLIC_WORKSPACE), TEMPLATE));
}

#[test]
fn three_failures_leave_a_dead_site_alone() {
    let facility = Facility::new();
    facility.lab.sessions(1..=30);
    facility.site.server.fail(Rule::on("/", Fault::DropBefore));
    let (report, requests) = facility.run();
    assert!(report.export[&"cdcs".into()].paused.is_some(), "{report:?}");
    assert!(requests < 20, "{requests}");
    facility.site.server.heal();
    facility.lab.clock.advance(TimeDelta::days(2));
    facility.run();
    for number in 1..=30 {
        facility.the_record(number);
    }
}
