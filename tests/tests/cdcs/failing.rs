//! Every failure has its class, its effect, and what to do about it.

use nexus_plugin_api::{Effect, FailureClass, PluginError};
use nexus_tests::fake_cdcs::Role;
use nexus_tests::fault::{Fault, Rule};

use super::bench::Bench;

const PERMANENT: FailureClass = FailureClass::Permanent;
const TRANSIENT: FailureClass = FailureClass::Transient;

/// What becomes of a delivery whose create meets this.
fn created(fault: Fault) -> (Bench, PluginError) {
    let bench = Bench::new();
    bench.site.server.fail(Rule::at("/rest/data/", fault).method("POST").times(1));
    let error = bench.carry(&bench.delivery("r", "one")).unwrap_err();
    (bench, error)
}

fn json(status: u16, body: &str) -> Fault {
    Fault::Json(status, body.to_owned())
}

#[test]
fn what_a_refused_create_means() {
    let auth = FailureClass::Auth;
    let limited = FailureClass::RateLimited { until: None };
    let (none, maybe) = (Effect::None, Effect::Maybe);
    for (fault, class, effect, said) in [
        (
            json(500, r#"{"message": "Element 'x': no"}"#),
            PERMANENT,
            none,
            "refused it (500: Element 'x': no)",
        ),
        (json(500, r#"{"message": "JSON parse error - x"}"#), PERMANENT, none, "JSON parse error"),
        (
            json(400, r#"{"message": {"title": ["Too long.", "No."]}}"#),
            PERMANENT,
            none,
            "title: Too long. No.",
        ),
        (json(500, r#"{"message": "database is locked"}"#), TRANSIENT, maybe, "(500)"),
        (json(500, r#"{"message": "FATAL: sorry, too many clients already"}"#), TRANSIENT, maybe, "(500)"),
        (json(500, "{}"), TRANSIENT, maybe, "is not available for the moment (500)"),
        (json(500, "7"), TRANSIENT, maybe, "is not available for the moment (500)"),
        (Fault::Html(500), TRANSIENT, maybe, "is not available for the moment (500)"),
        (Fault::Html(502), TRANSIENT, maybe, "(502)"),
        (Fault::Html(503), TRANSIENT, maybe, "(503)"),
        (Fault::Html(504), TRANSIENT, maybe, "(504)"),
        (json(503, r#"{"message": "starting"}"#), TRANSIENT, maybe, "(503)"),
        (Fault::DropBefore, TRANSIENT, maybe, "no answer from"),
        (Fault::DropAfter, TRANSIENT, maybe, "no answer from"),
        (Fault::Truncate, TRANSIENT, maybe, "no answer from"),
        (Fault::Garbage, TRANSIENT, maybe, "JSON that cannot be read"),
        (json(201, r#"{"id": 7}"#), TRANSIENT, maybe, "does not show it"),
        (Fault::Html(307), PERMANENT, none, "sends elsewhere"),
        (Fault::Html(303), PERMANENT, maybe, "sends elsewhere"),
        (json(429, "{}"), limited, none, "asks for a pause (429)"),
        (Fault::Html(413), PERMANENT, none, "the record is too large for"),
        (json(401, r#"{"detail": "Invalid token."}"#), auth, none, "does not accept the token (401"),
        (
            json(403, r#"{"detail": "Authentication credentials were not provided."}"#),
            auth,
            none,
            "accept the token",
        ),
        (json(403, r#"{"detail": "User inactive or deleted."}"#), auth, none, "accept the token"),
        (
            json(403, r#"{"detail": "You do not have permission to perform this action."}"#),
            auth,
            none,
            "has no right to do this",
        ),
        (
            json(500, r#"{"message": "The user doesn't have enough rights to publish."}"#),
            auth,
            none,
            "has no right to do this",
        ),
    ] {
        let name = format!("{fault:?}");
        let (_, error) = created(fault);
        assert_eq!((error.class, error.effect), (class, effect), "{name}: {error:?}");
        assert!(error.message.contains(said), "{name}: {error}");
    }
}

#[test]
fn a_record_that_is_too_large_is_said_in_the_sites_words_and_ours() {
    for words in [
        "string is too long for tsvector (1347966 bytes, max 1048575 bytes)",
        "Resource limit exceeded: Text node too long, try XML_PARSE_HUGE",
    ] {
        let (_, error) = created(json(500, &format!(r#"{{"message": "{words}"}}"#)));
        assert_eq!((error.class, error.effect), (PERMANENT, Effect::None));
        assert!(error.message.contains("too large") && error.message.contains(words), "{error}");
        assert!(error.hint.unwrap().contains("1 MiB"));
    }
}

#[test]
fn a_pause_that_is_wished_for_is_granted() {
    // The clock of the test stands at 2026-11-01.
    let bench = Bench::new();
    let server = nexus_tests::http::Server::start(std::sync::Arc::new(Tired));
    let error = bench.with("url", server.url()).carry(&Bench::new().delivery("r", "one")).unwrap_err();
    let until = Some("2026-11-01T00:02:00Z".parse().unwrap());
    assert_eq!((error.class, error.effect), (FailureClass::RateLimited { until }, Effect::None));
}

struct Tired;

impl nexus_tests::http::Service for Tired {
    fn handle(&self, _: &nexus_tests::http::Request) -> nexus_tests::http::Response {
        nexus_tests::http::Response::html(503).with_header("Retry-After", "120".into())
    }
}

#[test]
fn looking_leaves_nothing_behind() {
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::Html(502), Fault::Garbage, Fault::Truncate] {
        for path in ["/rest/data/query/", "/rest/template-version-manager/"] {
            let bench = Bench::new();
            bench.site.server.fail(Rule::on(path, fault.clone()).times(1));
            let delivery = bench.delivery("r", "one");
            let error = bench.plugin().find(&bench.call(), &delivery).unwrap_err();
            assert_eq!((error.class, error.effect), (TRANSIENT, Effect::None), "{fault:?} {path}: {error:?}");
        }
    }
}

#[test]
fn what_fails_after_the_create_says_that_something_is_there() {
    let bench = Bench::new();
    bench.site.ignore_workspaces();
    let refusal = json(403, r#"{"message": "The user doesn't have enough rights to publish."}"#);
    bench.site.server.fail(Rule::on("/rest/data/1/assign/", refusal).times(1));
    let delivery = bench.delivery("r", "one");
    let error = bench.carry(&delivery).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Auth, Effect::Maybe));
    assert!(error.hint.unwrap().contains("group `default`"));
    bench.carry(&delivery).unwrap();
    assert_eq!((bench.site.records().len(), bench.site.records()[0].workspace), (1, Some(1)));
}

#[test]
fn another_accounts_record_is_not_changed_and_that_is_said() {
    let bench = Bench::new().with("token", "adas");
    bench.site.add_account("ada", "adas", Role::Ordinary);
    bench.carry(&bench.delivery("r", "one")).unwrap();
    bench.site.change_record(1, |record| record.owner = 1);
    let error = bench.carry(&bench.delivery("r", "two")).unwrap_err();
    assert_eq!((error.class, error.effect), (PERMANENT, Effect::None));
    assert!(error.hint.unwrap().contains("belongs to another account"));
    // One that it does not even see is not made a second time.
    bench.site.change_record(1, |record| record.workspace = None);
    let mut known = bench.delivery("r", "two");
    known.previous = Some(nexus_plugin_api::Remote { id: "1".into(), url: None, content_sha256: None });
    assert!(bench.carry(&known).is_err());
    assert_eq!(bench.site.records().len(), 1);
}

#[test]
fn publishing_takes_a_right() {
    let bench = Bench::new().with("token", "adas");
    bench.site.add_account("ada", "adas", Role::Ordinary);
    bench.site.forbid_publishing();
    let error = bench.carry(&bench.delivery("r", "one")).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Auth, Effect::None));
    assert!(error.hint.unwrap().contains("publish"));
    assert_eq!(bench.site.records().len(), 0);
}

#[test]
fn a_redirected_create_is_an_error_and_not_a_list() {
    let elsewhere = Bench::new();
    let server = nexus_tests::http::Server::start(std::sync::Arc::new(Moved(elsewhere.site.url())));
    let bench = Bench::new().with("url", server.url());
    let error = bench.carry(&bench.delivery("r", "one")).unwrap_err();
    assert_eq!((error.class, error.effect), (PERMANENT, Effect::None));
    assert!(error.message.contains("sends elsewhere: to http://127.0.0.1:"), "{error}");
    assert_eq!(elsewhere.site.server.requests().len(), 0, "the token goes nowhere else");
}

struct Moved(String);

impl nexus_tests::http::Service for Moved {
    fn handle(&self, request: &nexus_tests::http::Request) -> nexus_tests::http::Response {
        let to = format!("{}{}", self.0, request.path.trim_start_matches('/'));
        nexus_tests::http::Response::html(301).with_header("Location", to)
    }
}

#[test]
fn another_file_than_was_built_is_not_sent() {
    let bench = Bench::new();
    let delivery = bench.delivery("r", "one");
    std::fs::write(delivery.record.path.as_path(), "<Experiment/>").unwrap();
    let error = bench.carry(&delivery).unwrap_err();
    assert_eq!((error.class, error.effect), (PERMANENT, Effect::None));
    assert!(error.message.contains("is not the one that was built"), "{error}");
    assert_eq!(bench.site.server.count("POST", "/rest/data/"), 1, "only the question");
}

#[test]
fn nobody_listens() {
    let bench = Bench::new().with("url", "http://127.0.0.1:1/");
    let error = bench.carry(&bench.delivery("r", "one")).unwrap_err();
    assert_eq!((error.class, error.effect), (TRANSIENT, Effect::None));
    assert!(error.hint.unwrap().contains("is `url` right"));
}
