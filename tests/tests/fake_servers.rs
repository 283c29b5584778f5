//! The fake servers answer, refuse and fail as documented; without that, the tests that use them prove nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;

use chrono::{Duration, TimeZone, Utc};
use chrono_tz::Tz;
use nexus_tests::fake_cdcs::{self, FakeCdcs, Role};
use nexus_tests::fake_nemo::{self, FakeNemo, Person, Reservation, UsageEvent, questions};
use nexus_tests::fault::{Fault, Gate, Rule};
use serde_json::{Value, json};

/// Status and body of one request on a connection of its own; `None` when no answer came.
fn ask(base: &str, method: &str, target: &str, token: &str, body: &str) -> Option<(u16, String)> {
    let (status, _, body) = ask_whole(base, method, target, token, body)?;
    Some((status, body))
}

fn ask_whole(
    base: &str,
    method: &str,
    target: &str,
    token: &str,
    body: &str,
) -> Option<(u16, String, String)> {
    let host = base.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {token}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_owned(), body.to_owned()))
}

fn nemo() -> FakeNemo {
    let nemo = FakeNemo::start(Tz::America__New_York);
    nemo.add_tool(1, "Borealis TEM");
    nemo.add_tool(2, "Linden SEM");
    nemo.add_user(Person::new(3, "k.ito", "純", "伊藤"));
    let start = Utc.with_ymd_and_hms(2026, 5, 6, 13, 0, 0).unwrap();
    for (id, tool) in [(7, 1), (8, 2), (9, 1)] {
        let start = start + Duration::days(i64::try_from(id).unwrap());
        nemo.put_event(UsageEvent::new(id, tool, 3, start, Duration::hours(1)));
    }
    let running =
        UsageEvent { end: None, ..UsageEvent::new(10, 2, 3, start + Duration::days(20), Duration::zero()) };
    nemo.put_event(running.with_run_data(&questions("Agree", "Grain size")));
    nemo
}

fn get_nemo(nemo: &FakeNemo, target: &str) -> (u16, Value) {
    let (status, body) = ask(&nemo.api(), "GET", target, fake_nemo::TOKEN, "").unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[test]
fn nemo_lists_newest_first_in_its_own_zone() {
    let nemo = nemo();
    let (status, events) = get_nemo(&nemo, "/api/usage_events/");
    assert_eq!(status, 200);
    assert_eq!(ids(&events), [10, 9, 8, 7]);
    assert_eq!(events[3]["start"], "2026-05-13T09:00:00-04:00");
    assert_eq!(events[0]["end"], Value::Null);
    assert!(events[0]["run_data"].is_string(), "answers of an event are text that holds JSON");
}

#[test]
fn nemo_filters_as_the_server_does() {
    let nemo = nemo();
    let cases: [(&str, &[u64]); 9] = [
        ("id=7", &[7]),
        ("id__in=9,7,,99", &[9, 7]),
        ("tool_id=2", &[10, 8]),
        ("tool_id__in=1%2C2", &[10, 9, 8, 7]),
        ("start__gte=2026-05-14T13:00:00Z", &[10, 9, 8]),
        ("start__gte=2026-05-14T09:00:00.000001-04:00", &[10, 9]),
        ("end__lte=2026-05-14T10:00:00-04:00", &[8, 7]),
        ("end__isnull=true", &[10]),
        ("id=&nonsense=1", &[10, 9, 8, 7]),
    ];
    for (query, expected) in cases {
        let (status, events) = get_nemo(&nemo, &format!("/api/usage_events/?{query}"));
        assert_eq!((status, ids(&events).as_slice()), (200, expected), "{query}");
    }
}

#[test]
fn nemo_shapes_rows_as_the_server_does() {
    let nemo = nemo();
    let row = |query: &str| get_nemo(&nemo, &format!("/api/usage_events/?id=7&{query}")).1[0].clone();
    assert_eq!(row("fields=id,user"), json!({"id": 7, "user": 3}));
    assert_eq!(row("fields=id,user.username,nothing"), json!({"id": 7, "user": 3}), "not expanded");
    assert_eq!(
        row("expand=user,nothing&fields=id,user.id,user.username"),
        json!({"id": 7, "user": {"id": 3, "username": "k.ito"}})
    );
    assert_eq!(
        row("expand=user.projects&fields=user.projects.id"),
        json!({"user": {"projects": [{"id": 1}]}})
    );
    assert_eq!(row("fields=id,start&omit=start"), json!({"id": 7}));
    assert_eq!(
        row("expand=~all&fields=tool.name,user.id"),
        json!({"tool": {"name": "Borealis TEM"}, "user": {"id": 3}})
    );
}

#[test]
fn nemo_fails_when_it_should_show_answers_that_are_no_json() {
    let nemo = nemo();
    let start = Utc.with_ymd_and_hms(2026, 5, 6, 13, 0, 0).unwrap();
    for id in [1, 2] {
        let booking = Reservation::new(id, 1, 3, start, Duration::hours(2));
        nemo.put_reservation(Reservation { broken: id == 2, ..booking });
    }
    let status = |query: &str| get_nemo(&nemo, &format!("/api/reservations/?{query}")).0;
    assert_eq!(status("tool_id=1"), 500);
    assert_eq!((status("id=1"), status("id=2")), (200, 500));
    assert_eq!(
        (status("omit=question_data"), status("fields=id"), status("fields=id,question_data")),
        (200, 200, 500)
    );
}

#[test]
fn nemo_refuses_as_the_server_does() {
    let nemo = nemo();
    for (query, parameter) in [
        ("id=x", "id"),
        ("tool_id__in=1,99", "tool_id__in"),
        ("start__gte=2026-05-14T09:00:00+02:00", "start__gte"),
    ] {
        let (status, body) = get_nemo(&nemo, &format!("/api/usage_events/?{query}"));
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body[parameter].is_array(), "{query}: {body}");
    }
    assert_eq!(get_nemo(&nemo, "/api/nothing/").0, 404);
    let (status, head, _) = ask_whole(&nemo.api(), "GET", "/api/tools?id=1", fake_nemo::TOKEN, "").unwrap();
    assert_eq!(status, 301);
    assert!(head.contains("Location: /api/tools/?id=1"), "{head}");
    let (status, body) = ask(&nemo.api(), "GET", "/api/", "wrong", "").unwrap();
    assert_eq!((status, body.as_str()), (403, r#"{"detail":"Invalid token."}"#));
}

#[test]
fn nemo_pages_only_when_asked() {
    let nemo = nemo();
    let (_, page) = get_nemo(&nemo, "/api/usage_events/?page_size=3&page=2");
    assert_eq!(page["count"], 4);
    assert_eq!(ids(&page["results"]), [7]);
    assert_eq!(page["next"], Value::Null);
    assert_eq!(get_nemo(&nemo, "/api/usage_events/?page_size=3&page=3").0, 404);
    assert_eq!(ids(&get_nemo(&nemo, "/api/usage_events/?page=2").1), [10, 9, 8, 7]);
}

#[test]
fn nemo_keeps_cancelled_reservations_apart() {
    let nemo = nemo();
    let start = Utc.with_ymd_and_hms(2026, 5, 6, 13, 0, 0).unwrap();
    for (id, cancelled) in [(1, false), (2, true)] {
        let booking = Reservation::new(id, 1, 3, start, Duration::hours(2));
        let booking = booking.with_answers(questions("Agree", "Grain size"));
        nemo.put_reservation(Reservation { cancelled, ..booking });
    }
    let (_, rows) = get_nemo(&nemo, "/api/reservations/?tool_id=1&cancelled=False");
    assert_eq!(ids(&rows), [1]);
    assert!(rows[0]["question_data"].is_object(), "answers of a reservation are an object");
}

fn ask_cdcs(cdcs: &FakeCdcs, method: &str, target: &str, body: &Value) -> Option<(u16, Value)> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, body) = ask(&cdcs.url(), method, target, fake_cdcs::TOKEN, &body)?;
    Some((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
}

fn record(title: &str) -> Value {
    json!({ "template": "12", "title": title, "xml_content": "<Experiment/>" })
}

#[test]
fn cdcs_takes_a_record_through_its_life() {
    let cdcs = FakeCdcs::start();
    let (status, made) = ask_cdcs(&cdcs, "POST", "/rest/data/", &record(" a title ")).unwrap();
    assert_eq!((status, &made["id"], &made["title"]), (201, &json!(1), &json!("a title")));
    assert_eq!(
        ask_cdcs(&cdcs, "POST", "/rest/data/", &record("a title")).unwrap().0,
        201,
        "titles may repeat"
    );

    let query =
        json!({ "query": {}, "title": "a title", "templates": [{ "id": 9 }, { "id": 12 }], "all": true });
    let (_, found) = ask_cdcs(&cdcs, "POST", "/rest/data/query/", &query).unwrap();
    assert_eq!(ids(&found), [2, 1]);

    assert_eq!(ask_cdcs(&cdcs, "PATCH", "/rest/data/1/assign/1", &Value::Null).unwrap().0, 200);
    assert_eq!(ask_cdcs(&cdcs, "PATCH", "/rest/data/1/assign/1/", &Value::Null).unwrap().0, 404);
    assert_eq!(ask_cdcs(&cdcs, "PATCH", "/rest/data/1/assign/None", &Value::Null).unwrap().0, 500);

    let change = json!({ "xml_content": "<Experiment>2</Experiment>", "workspace": 99 });
    let (_, changed) = ask_cdcs(&cdcs, "PATCH", "/rest/data/1/", &change).unwrap();
    assert_eq!((&changed["xml_content"], &changed["workspace"]), (&change["xml_content"], &json!(1)));

    assert_eq!(ask_cdcs(&cdcs, "DELETE", "/rest/data/2/", &Value::Null).unwrap().0, 204);
    assert_eq!(ask_cdcs(&cdcs, "DELETE", "/rest/data/2/", &Value::Null).unwrap().0, 404);
    assert_eq!(cdcs.records().len(), 1);
}

#[test]
fn cdcs_refuses_as_the_server_does() {
    let cdcs = FakeCdcs::start();
    let empty = json!({ "template": 12, "title": "t", "xml_content": "" });
    let unknown = json!({ "template": 99, "title": "t", "xml_content": "<a/>" });
    assert_eq!(ask_cdcs(&cdcs, "POST", "/rest/data/", &empty).unwrap().0, 500);
    assert_eq!(ask_cdcs(&cdcs, "POST", "/rest/data/", &unknown).unwrap().0, 400);
    assert_eq!(ask_cdcs(&cdcs, "POST", "/rest/data/", &record("")).unwrap().0, 400);
    assert_eq!(ask_cdcs(&cdcs, "POST", "/rest/data/query/", &json!({})).unwrap().0, 400);
    assert_eq!(ask_cdcs(&cdcs, "PUT", "/rest/data/1/", &Value::Null).unwrap().0, 405);
    cdcs.change_token("another");
    let (status, body) = ask_cdcs(&cdcs, "GET", "/rest/core-settings/", &Value::Null).unwrap();
    assert_eq!((status, &body["detail"]), (403, &json!("Invalid token.")));
    assert_eq!(cdcs.records().len(), 0);
}

#[test]
fn cdcs_shows_others_only_what_is_public() {
    let cdcs = FakeCdcs::start();
    cdcs.add_account("ada", "adas-token", Role::Ordinary);
    ask_cdcs(&cdcs, "POST", "/rest/data/", &record("private")).unwrap();
    let read = || ask(&cdcs.url(), "GET", "/rest/data/1/", "adas-token", "").unwrap().0;
    assert_eq!(read(), 403);
    ask_cdcs(&cdcs, "PATCH", "/rest/data/1/assign/1", &Value::Null).unwrap();
    assert_eq!(read(), 200);
    assert_eq!(ask(&cdcs.url(), "DELETE", "/rest/data/1/", "adas-token", "").unwrap().0, 403);
    assert_eq!(ask(&cdcs.url(), "GET", "/rest/user/", "adas-token", "").unwrap().0, 403);
}

#[test]
fn faults_hit_what_they_are_for_and_as_often_as_they_should() {
    let cdcs = FakeCdcs::start();
    let create = |title| ask_cdcs(&cdcs, "POST", "/rest/data/", &record(title)).map(|(status, _)| status);

    cdcs.server.fail(Rule::on("/rest/data/", Fault::DropAfter).method("POST").times(1));
    assert_eq!(create("stored, but no answer"), None);
    assert_eq!(cdcs.records().len(), 1);

    cdcs.server.fail(Rule::on("/rest/data/", Fault::DropBefore).times(1));
    assert_eq!(create("never stored"), None);
    assert_eq!(cdcs.records().len(), 1);

    cdcs.server.fail(Rule::on("/rest/data/", Fault::Json(500, r#"{"message":"no"}"#.into())).times(1));
    cdcs.server.fail(Rule::on("/rest/data/", Fault::Html(502)).times(1));
    cdcs.server.fail(Rule::on("/rest/data/", Fault::Garbage).times(1));
    assert_eq!([create("a"), create("b"), create("c")], [Some(500), Some(502), Some(200)]);
    assert_eq!(cdcs.records().len(), 1);

    cdcs.server.fail(Rule::on("/rest/data/", Fault::Truncate).times(1));
    let (_, body) = ask_cdcs(&cdcs, "POST", "/rest/data/", &record("cut off")).unwrap();
    assert!(body.is_string(), "half an answer is no JSON: {body}");
    assert_eq!(cdcs.records().len(), 2);

    assert_eq!(create("d"), Some(201), "every fault was used up");
    assert_eq!(cdcs.server.count("POST", "/rest/data/"), 7);
    cdcs.server.fail(Rule::on("/", Fault::DropBefore));
    cdcs.server.heal();
    assert_eq!(create("e"), Some(201));
}

#[test]
fn a_held_request_is_carried_out_when_its_gate_says() {
    let cdcs = FakeCdcs::start();
    let (before, after) = (Gate::new(), Gate::new());
    cdcs.server.fail(Rule::on("/rest/data/", Fault::HoldBefore(before.clone())).times(1));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_cdcs(&cdcs, "POST", "/rest/data/", &record("held")).unwrap().0);
        before.wait_for_arrivals(1);
        assert_eq!(cdcs.records().len(), 0);
        before.open();
        assert_eq!(asking.join().unwrap(), 201);

        cdcs.server.fail(Rule::on("/rest/data/", Fault::HoldAfter(after.clone())).times(1));
        let asking = scope.spawn(|| ask_cdcs(&cdcs, "POST", "/rest/data/", &record("held")).unwrap().0);
        after.wait_for_arrivals(1);
        assert_eq!(cdcs.records().len(), 2);
        after.open();
        assert_eq!(asking.join().unwrap(), 201);
    });
}

#[test]
fn cdcs_looks_into_content() {
    let cdcs = FakeCdcs::start();
    cdcs.put_record("a", 1, "<Experiment pid=\"p-1\"><id>session-42</id><n>7</n><x/><x/></Experiment>");
    cdcs.put_record(
        "b",
        1,
        "<nx:Experiment xmlns:nx=\"u\"><nx:id s=\"1\">session-42</nx:id></nx:Experiment>",
    );
    let titles = |query: Value| {
        let body = json!({"query": query, "all": true});
        let (status, found) = ask_cdcs(&cdcs, "POST", "/rest/data/query/", &body).unwrap();
        let title = |row: &Value| row["title"].as_str().unwrap().to_owned();
        (status, found.as_array().map(|rows| rows.iter().map(title).collect::<Vec<_>>()).unwrap_or_default())
    };
    for (query, expected) in [
        (json!({"Experiment.id": "session-42"}), vec!["a"]),
        (json!({"nx:Experiment.nx:id.#text": "session-42"}), vec!["b"]),
        (json!({"Experiment.@pid": "p-1", "Experiment.n": 7}), vec!["a"]),
        (json!({"Experiment.n": "7"}), vec![]),
        (json!({"Experiment.x": ""}), vec![]),
        (json!({"Experiment.id": "session"}), vec![]),
    ] {
        assert_eq!(
            titles(query.clone()),
            (200, expected.into_iter().map(str::to_owned).collect()),
            "{query}"
        );
    }
    assert_eq!(titles(json!({"$or": []})).0, 501);
}

#[test]
fn cdcs_keeps_templates_and_their_versions() {
    let cdcs = FakeCdcs::start();
    let ask = |method: &str, target: &str, body: Value| ask_cdcs(&cdcs, method, target, &body).unwrap();
    let schema = "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"/>";
    let body = json!({"title": "T", "filename": "t.xsd", "content": schema});
    let (status, made) = ask("POST", "/rest/template/global/", body.clone());
    assert_eq!((status, made["content"].as_str()), (201, Some(schema)));
    assert_eq!(ask("POST", "/rest/template/global/", body).0, 400, "the title is taken");
    let (_, listed) = ask("GET", "/rest/template-version-manager/global/?title=T", Value::Null);
    let path = format!("/rest/template-version-manager/{}/version/", listed[0]["id"]);
    let (status, version) = ask("POST", &path, json!({"filename": "t.xsd", "content": schema}));
    assert_eq!((status, cdcs.current_version("T")), (201, made["id"].as_u64()), "not yet current");
    ask("PATCH", &format!("/rest/template/version/{}/current/", version["id"]), Value::Null);
    assert_eq!(cdcs.current_version("T"), version["id"].as_u64());
    assert_eq!(ask("POST", "/rest/template/global/", json!({"title": "U", "content": "<a/>"})).0, 400);
    cdcs.add_account("ada", "adas", Role::Ordinary);
    let refused = ask_whole(&cdcs.url(), "POST", "/rest/template/global/", "adas", "{}").unwrap();
    assert_eq!(refused.0, 403);
}
