//! What a person is told before the first run.

use nexus_plugin_api::CheckResult;
use nexus_tests::fake_cdcs::{FakeCdcs, Role};
use nexus_tests::http::{Request, Response, Server, Service};

use super::bench::Bench;

/// What does not work, and what is said about it.
fn troubles(bench: &Bench) -> Vec<(String, CheckResult, String)> {
    let report = bench.plugin().check(&bench.call()).unwrap();
    let items = report.items.into_iter().filter(|item| item.result != CheckResult::Ok);
    items.map(|item| (item.name, item.result, item.detail)).collect()
}

fn trouble(bench: &Bench) -> (String, String) {
    let mut all = troubles(bench);
    assert_eq!(all.len(), 1, "{all:?}");
    let (name, result, detail) = all.pop().unwrap();
    assert_eq!(result, CheckResult::Failed, "{detail}");
    (name, detail)
}

#[test]
fn nothing_to_say_of_a_site_that_is_ready() {
    assert_eq!(troubles(&Bench::new().with("user_owned_records", true)), []);
    assert_eq!(troubles(&Bench::new().with("workspace", "none")), []);
}

#[test]
fn a_wrong_address_a_wrong_token_and_a_dead_server_are_told_apart() {
    let below = Bench::at(FakeCdcs::start_below("/cdcs"));
    let (name, detail) = trouble(&below);
    assert_eq!(name, "address is a CDCS site");
    assert!(detail.contains("404") && detail.contains("with the path it lies at"), "{detail}");

    for page in [Response::html(200), Response::json(200, &serde_json::json!({"a": 1}))] {
        let other = Server::start(std::sync::Arc::new(Other(page)));
        assert_eq!(trouble(&Bench::new().with("url", other.url())).0, "address is a CDCS site");
    }

    let (name, detail) = trouble(&Bench::new().with("token", "wrong"));
    assert_eq!(name, "token accepted");
    assert!(detail.contains("Invalid token.") && detail.contains("set `token`"), "{detail}");

    let (name, detail) = trouble(&Bench::new().with("url", "http://127.0.0.1:1"));
    assert_eq!(name, "server reachable");
    assert!(detail.contains("is `url` right"), "{detail}");
}

struct Other(Response);

impl Service for Other {
    fn handle(&self, _: &Request) -> Response {
        self.0.clone()
    }
}

#[test]
fn a_missing_template_and_a_missing_workspace_are_told_with_those_there_are() {
    let bench = Bench::new().with("template", "Nexus");
    let (name, detail) = trouble(&bench);
    assert_eq!(name, "template there");
    assert!(detail.contains("`Nexus Experiment Schema`") && detail.contains("push-template"), "{detail}");
    let bench = Bench::new();
    bench.site.disable_template();
    assert!(trouble(&bench).1.contains("there are: none"));

    let bench = Bench::new().with("workspace", "Group");
    let (name, detail) = trouble(&bench);
    assert_eq!(name, "workspace there");
    assert!(
        detail.contains("sees no workspace `Group`") && detail.contains("`Global Public Workspace` (1)"),
        "{detail}"
    );

    let bench = Bench::new().with("workspace", "Twins");
    bench.site.put_workspace_first(5, "Twins", 1);
    bench.site.put_workspace_first(6, "Twins", 1);
    assert!(trouble(&bench).1.contains("one of 6, 5"));
}

#[test]
fn missing_rights_are_told() {
    let ordinary = Bench::new().with("token", "adas").with("user_owned_records", true);
    ordinary.site.add_account("ada", "adas", Role::Ordinary);
    let (name, detail) = trouble(&ordinary);
    assert_eq!(name, "right to give records away");
    assert!(detail.contains("user_owned_records = false"), "{detail}");

    let reader = Bench::new().with("token", "adas").with("workspace", "Group");
    reader.site.add_account("ada", "adas", Role::Ordinary);
    reader.site.put_workspace_first(5, "Group", 1);
    assert_eq!(trouble(&reader).0, "right to write there");
}

#[test]
fn a_schema_of_its_own_is_a_warning() {
    let bench = Bench::new();
    bench.site.add_template_version(9);
    let all = troubles(&bench);
    assert_eq!((all.len(), all[0].0.as_str(), all[0].1), (1, "schema", CheckResult::Warning), "{all:?}");
}

#[test]
fn a_check_changes_nothing() {
    let bench = Bench::new().with("user_owned_records", true);
    troubles(&bench);
    assert!(bench.site.server.requests().iter().all(|request| request.method == "GET"));
}
