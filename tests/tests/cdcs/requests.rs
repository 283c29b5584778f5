//! What is sent, and what is logged of it.

use nexus_tests::fake_cdcs::TOKEN;
use nexus_tests::fault::{Fault, Rule};
use serde_json::json;

use super::bench::Bench;

#[test]
fn requests_are_as_the_site_wants_them() {
    let bench = Bench::new();
    bench.carry(&bench.delivery(" r ", "one")).unwrap();
    let requests = bench.site.server.requests();
    let seen: Vec<_> =
        requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert_eq!(
        seen,
        [
            "GET /rest/template-version-manager/global/",
            "POST /rest/data/query/",
            "GET /rest/workspace/read_access/",
            "POST /rest/data/",
        ]
    );
    for request in &requests {
        assert_eq!(request.header("authorization"), Some(format!("Token {TOKEN}").as_str()));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("nexus-cdcs/"));
        let body = (request.method == "POST").then_some("application/json");
        assert_eq!(request.header("content-type"), body);
    }
    assert_eq!(
        requests[1].json().unwrap(),
        json!({"query": {}, "title": "r", "templates": [{"id": 9}, {"id": 12}]})
    );
    let create = requests[3].json().unwrap();
    assert_eq!(
        (&create["title"], &create["template"], &create["workspace"]),
        (&json!("r"), &json!(12), &json!(1))
    );
    assert!(create["xml_content"].as_str().unwrap().starts_with("<?xml"));
}

#[test]
fn the_token_is_in_no_line_and_no_message() {
    for fault in [None, Some(Fault::Html(502)), Some(Fault::DropAfter), Some(Fault::Html(403))] {
        let bench = Bench::new();
        if let Some(fault) = fault {
            bench.site.server.fail(Rule::at("/rest/data/", fault));
        }
        let told = bench.carry(&bench.delivery("r", "one"));
        let told = format!("{told:?}\n{}\n{:?}", bench.logged(), bench.plugin().check(&bench.call()));
        assert!(told.contains("127.0.0.1") && !told.contains(TOKEN), "{told}");
        assert!(bench.logged().contains("POST http://127.0.0.1:"), "{}", bench.logged());
    }
}

#[test]
fn what_is_asked_once_is_asked_once_by_many() {
    let bench = Bench::new();
    let plugin = bench.plugin();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let delivery = bench.delivery(&format!("record-{number}"), "one");
            let (plugin, bench) = (&plugin, &bench);
            scope.spawn(move || bench.carry_with(plugin.as_ref(), &delivery).unwrap());
        }
    });
    assert_eq!(bench.site.records().len(), 8);
    assert_eq!(bench.site.server.requests().len(), 2 + 2 * 8);
}
