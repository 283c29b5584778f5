//! What a person is told before the first run.

use chrono::TimeDelta;
use nexus_plugin_api::CheckResult;
use nexus_tests::fake_labarchives::{Form, NOTEBOOK, ROOT, UID, error};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;

use super::bench::{Bench, TOP};

/// What does not work, and what is said about it.
fn troubles(bench: &Bench) -> Vec<(CheckResult, String)> {
    let report = bench.plugin().check(&bench.call()).unwrap();
    assert!(!report.items.is_empty());
    let items = report.items.into_iter().filter(|item| item.result != CheckResult::Ok);
    let told: Vec<_> = items.map(|item| (item.result, format!("{}: {}", item.name, item.detail))).collect();
    assert_eq!(bench.writes(), 0, "a check changes nothing");
    told
}

fn failed(bench: &Bench, said: &str) -> String {
    let all = troubles(bench);
    let failed: Vec<_> = all.iter().filter(|(result, _)| *result == CheckResult::Failed).collect();
    assert_eq!(failed.len(), 1, "{all:?}");
    assert!(failed[0].1.contains(said), "`{said}` is not in {all:?}");
    assert!(!failed[0].1.contains(UID), "{all:?}");
    failed[0].1.clone()
}

#[test]
fn nothing_to_say_of_a_notebook_that_is_ready() {
    assert_eq!(troubles(&Bench::new()), []);
    let bench = Bench::new();
    bench.carry(&bench.delivery("one", "1")).unwrap();
    let report = bench.plugin().check(&bench.call()).unwrap();
    assert!(report.passed(), "{report:?}");
    assert!(report.items.iter().any(|item| item.detail.contains("Facility notebook")), "{report:?}");
}

#[test]
fn the_inbox_is_a_warning() {
    let bench = Bench::new().without("notebook_id").with("inbox", "omit");
    let all = troubles(&bench);
    assert!(all.iter().all(|(result, _)| *result == CheckResult::Warning) && !all.is_empty(), "{all:?}");
}

#[test]
fn every_way_to_be_wrong_is_told_apart() {
    failed(&Bench::new().with("url", "http://127.0.0.1:1/api"), "url");
    failed(&Bench::new().with("access_key_id", "OtherKey"), "access_key_id");
    failed(&Bench::new().with("access_password", "planted-other"), "access_password");
    failed(&Bench::new().with("user_id", "77|nobody=="), "user_id");
    failed(&Bench::new().with("notebook_id", "NB?"), "notebook_id");

    let revoked = Bench::new();
    revoked.site.revoke(UID);
    failed(&revoked, "user_id");

    let unshared = Bench::new();
    unshared.site.unshare(NOTEBOOK, UID);
    failed(&unshared, "notebook");
}

#[test]
fn every_way_to_be_wrong_is_told_apart_in_every_form_and_status() {
    for form in Form::ALL {
        for status in [200, 400, 401, 404] {
            let wrong = |bench: Bench| {
                bench.site.tell_errors(form, Some(status));
                bench
            };
            failed(&wrong(Bench::new().with("access_key_id", "OtherKey")), "access_key_id");
            failed(&wrong(Bench::new().with("access_password", "planted-other")), "access_password");
            failed(&wrong(Bench::new().with("user_id", "77|nobody==")), "user_id");
            failed(&wrong(Bench::new().with("notebook_id", "NB?")), "notebook");
        }
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let bench = Bench::new();
    bench.site.put_node(NOTEBOOK, ROOT, TOP, false);
    bench.site.change_nodes(|node| {
        node.can_write = false;
        true
    });
    failed(&bench, TOP);
}

#[test]
fn a_clock_that_is_off_is_a_warning_at_most() {
    for minutes in [-10, 10] {
        let bench = Bench::new();
        bench.site.set_offset(TimeDelta::minutes(minutes));
        let all = troubles(&bench);
        assert!(all.iter().all(|(result, _)| *result == CheckResult::Warning), "{all:?}");
        let report = bench.plugin().check(&bench.call()).unwrap();
        assert!(report.items.iter().any(|item| item.detail.contains("10")), "how far: {report:?}");
    }
}

#[test]
fn what_passes_is_a_warning_or_says_so() {
    for fault in [Fault::Html(503), Fault::Answer(Response::html(429)), Fault::DropBefore] {
        let bench = Bench::new();
        bench.site.server.fail(Rule::on("/api/", fault.clone()));
        let all = troubles(&bench);
        assert!(!all.is_empty(), "{fault:?}");
        let calls = bench.site.calls().len();
        assert!(calls <= 20, "{fault:?}: {calls}");
    }
}

#[test]
fn somebody_elses_server_is_told() {
    for answer in
        [Response::html(200), Response::html(404), Response::json(200, &serde_json::json!({"a": 1}))]
    {
        let bench = Bench::new();
        bench.site.server.fail(Rule::on("/", Fault::Answer(answer)));
        failed(&bench, "url");
    }
}

#[test]
fn a_uid_of_another_region_or_a_key_without_rights_is_told() {
    let bench = Bench::new();
    let refused = error(Form::Short, 401, 4507, "not authorised");
    bench.site.server.fail(Rule::on("/api/users", Fault::Answer(refused)));
    let text = failed(&bench, "4507");
    assert!(text.contains("url") || text.contains("user_id") || text.contains("access_key_id"), "{text}");
}
