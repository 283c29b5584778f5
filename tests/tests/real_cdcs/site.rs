//! The site answers as the sites that records go to, and the proxy before it hides answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::proxy::Proxy;
use nexus_tests::real_cdcs::{ORDINARY, OTHER_TEMPLATE_TITLE, RealCdcs, STAFF, TEMPLATE_TITLE};
use serde_json::json;

#[test]
fn the_wrong_template_and_the_private_workspace_are_listed_first() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let (status, managers) = cdcs.ask("GET", "rest/template-version-manager/global/", None);
    let titles: Vec<_> =
        managers.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!((status, titles), (200, vec![OTHER_TEMPLATE_TITLE, TEMPLATE_TITLE]));
    let (status, spaces) = cdcs.ask("GET", "rest/workspace/read_access/", None);
    let public: Vec<_> =
        spaces.as_array().unwrap().iter().map(|one| one["is_public"].as_bool().unwrap()).collect();
    assert_eq!((status, public), (200, vec![false, true]));
    for (token, users, admin) in [(ORDINARY, 403, 403), (STAFF, 200, 403)] {
        assert_eq!(cdcs.ask_as(token, "GET", "rest/user/", None).0, users);
        assert_eq!(cdcs.ask_as(token, "GET", "rest/admin/data/?title=none", None).0, admin);
    }
    let (status, answer) = cdcs.ask_as(&"4".repeat(40), "GET", "rest/core-settings/", None);
    assert_eq!((status, answer), (403, json!({ "detail": "Invalid token." })));
    let body = json!({ "template": cdcs.template(), "title": "t", "xml_content": "<none/>" });
    let (status, answer) = cdcs.ask("POST", "rest/data/", Some(&body));
    assert_eq!(status, 500, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("No matching global declaration"), "{answer}");
}

#[test]
fn a_proxy_hides_the_answer_or_comes_too_late_and_the_record_is_there() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let proxy = Proxy::before(&cdcs.url());
    let managers = cdcs.ask("GET", "rest/template-version-manager/global/", None).1;
    let notes = managers.as_array().unwrap().iter().find(|one| one["title"] == OTHER_TEMPLATE_TITLE).unwrap();
    let note = |title: &str| {
        let body = json!({ "template": notes["current"], "title": title, "xml_content": "<note>n</note>" });
        let (body, host) = (body.to_string(), proxy.url());
        let host = host.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut stream = TcpStream::connect(&host).unwrap();
        write!(
            stream,
            "POST /rest/data/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {ORDINARY}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    };
    let answer = |mut stream: TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(answer(note("passed")).starts_with("HTTP/1.1 201"));

    proxy.server.fail(Rule::on("/rest/data/", Fault::DropAfter).times(1));
    assert_eq!(answer(note("cut")), "");
    assert_eq!(cdcs.titles(), ["cut", "passed"]);

    let gate = Gate::new();
    proxy.server.fail(Rule::on("/rest/data/", Fault::HoldBefore(gate.clone())).times(1));
    drop(note("late"));
    gate.wait_for_arrivals(1);
    assert_eq!(cdcs.titles(), ["cut", "passed"]);
    gate.open();
    proxy.wait_for_answers(3);
    assert_eq!(cdcs.titles(), ["cut", "late", "passed"]);
}
