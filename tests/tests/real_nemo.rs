//! The NEMO plugin against NEMO-CE itself, and the fake server held against the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "nemo/bench.rs"]
#[allow(dead_code, reason = "shared with the tests against the fake server")]
mod bench;
#[path = "real_nemo/changes.rs"]
mod changes;
#[path = "nemo/table.rs"]
mod table;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bench::{Bench, Harvest};
use chrono::Duration;
use nexus_plugin_api::{Call, CheckResult, HarvestRequest, ReservationAnswer, SessionRef};
use nexus_tests::fake_nemo::{Reservation, TOKEN, UsageEvent, questions};
use nexus_tests::nemo_facility::NemoFacility;
use nexus_tests::real_nemo::RealNemo;
use serde_json::{Value, json};

const RIGHTS: [&str; 4] = ["usage_events", "reservations", "tools", "users"];

/// A fake server with the rows of the table and their sessions, more tools, an event in use and so many more events.
fn facility(more: u64) -> (Bench, Vec<table::Row>, Vec<SessionRef>) {
    let bench = Bench::new();
    bench.nemo.add_tool(9, "Sputter coater");
    let rows = table::rows();
    let sessions = table::put(&bench, &rows);
    for id in 0..more {
        let start = bench::origin() + Duration::minutes(90 * i64::try_from(id).unwrap());
        let tool = if id % 10 == 0 { 9 } else { 2 };
        bench.nemo.put_event(UsageEvent::new(10_000 + id, tool, 3 + id % 2, start, Duration::minutes(45)));
    }
    let start = bench::origin() + Duration::days(400);
    let running = UsageEvent::new(20_000, 2, 3, start, Duration::zero());
    bench.nemo.put_event(UsageEvent { end: None, ..running });
    (bench, rows, sessions)
}

/// The same questions, put to the real server.
fn at(bench: &mut Bench, real: &RealNemo) {
    bench.settings["address"] = json!(real.api());
}

fn harvest(bench: &Bench, api: &str, tools: &[u64]) -> Harvest {
    let mut request = bench.question(tools, None);
    for (query, tool) in request.instruments.iter_mut().zip(tools) {
        query.instrument.api_url = format!("{api}tools/?id={tool}");
    }
    bench.harvest(&request).unwrap()
}

/// What was brought, without the address.
fn brought(harvest: &Harvest, api: &str) -> Vec<String> {
    let mut events: Vec<String> =
        harvest.events().iter().map(|event| format!("{event:?}").replace(api, "<api>")).collect();
    events.sort();
    events
}

#[test]
fn the_table_holds_and_both_servers_bring_the_same() {
    let (mut bench, rows, mut sessions) = facility(1_000);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let fake = bench.nemo.api();
    let of_fake = harvest(&bench, &fake, &[1, 77, 2]);
    at(&mut bench, &real);
    let of_real = harvest(&bench, &real.api(), &[1, 77, 2]);
    assert_eq!(brought(&of_real, &real.api()), brought(&of_fake, &fake));
    assert_eq!(of_real.ids().len(), rows.len() + 900 + 1);
    assert_eq!(of_real.outside(), of_fake.outside());
    let progress = |harvest: &Harvest| format!("{:?}", harvest.last().instruments);
    assert_eq!(progress(&of_real), progress(&of_fake));
    assert_eq!(of_real.rejected().replace(&real.api(), "<api>"), of_fake.rejected().replace(&fake, "<api>"));

    for session in &mut sessions {
        session.instrument.api_url = format!("{}tools/?id=1", real.api());
    }
    table::compare(&rows, bench.answers(&sessions));
}

#[test]
fn a_whole_run_leaves_what_the_table_says() {
    let bench = Bench::new();
    let rows = table::rows();
    table::put(&bench, &rows);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let facility = NemoFacility::new(&real.api(), &[table::TOOL]);
    facility.put_files(&rows);
    let report = facility.run();
    assert_eq!(report.build.planned, rows.len() as u64);
    table::compare_outcomes(&rows, &facility.outcomes(&rows));
    let audit = facility.audit(bench::origin() - Duration::days(3_000));
    // Of one, the server cannot show the booking: it waits.
    assert_eq!((audit.events, audit.sum.all_waiting()), (rows.len() as u64, 1));
    assert!(audit.accounted_for, "{audit:?}");
}

#[test]
fn the_server_s_own_log_counts_a_handful_of_requests() {
    let (mut bench, rows, _) = facility(1_000);
    let booked: Vec<u64> = (10_000..10_100).filter(|id| id % 10 != 0).collect();
    for id in &booked {
        let start = bench::origin() + Duration::minutes(90 * (i64::try_from(*id).unwrap() - 10_000));
        let booking = Reservation::new(*id, 2, 3 + id % 2, start, Duration::minutes(50));
        bench.nemo.put_reservation(booking.with_answers(questions("Agree", &format!("Title {id}"))));
    }
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    at(&mut bench, &real);
    let mut seen = 0;
    let mut asked = |what: &str, most: usize| {
        let log = real.site.requests();
        let new = &log[seen..];
        assert!(new.len() <= most, "{what}: {new:#?}");
        println!("{what}: {} requests", new.len());
        seen = log.len();
    };
    let mut request = bench.question(&[1, 2], None);
    let local = |request: &mut HarvestRequest| {
        for query in &mut request.instruments {
            query.instrument.api_url = query.instrument.api_url.replace(&bench.nemo.api(), &real.api());
        }
    };
    local(&mut request);
    let first = bench.harvest(&request).unwrap();
    assert_eq!(first.ids().len(), rows.len() + 900 + 1);
    asked("a thousand new events", 10);

    let mut request = bench.question(&[1, 2], Some(&first));
    local(&mut request);
    bench.harvest(&request).unwrap();
    asked("nothing new", 3);

    let sessions: Vec<_> = booked
        .iter()
        .map(|id| {
            let start = bench::origin() + Duration::minutes(90 * (i64::try_from(*id).unwrap() - 10_000));
            let mut session = bench.session(&UsageEvent::new(*id, 2, 3, start, Duration::minutes(45)));
            session.session_identifier = format!("{}usage_events/?id={id}", real.api());
            session.instrument.api_url = format!("{}tools/?id=2", real.api());
            session.user = Some(if id % 2 == 0 { "k.ito" } else { "staff" }.into());
            session
        })
        .collect();
    for (id, answer) in booked.iter().zip(bench.answers(&sessions)) {
        let ReservationAnswer::Reservation(found) = answer else { panic!("{id}: {answer:?}") };
        assert_eq!(found.title, Some(format!("Title {id}")));
    }
    asked("reservations of ninety sessions", 2);
}

#[test]
fn a_check_tells_what_is_missing() {
    let (mut bench, ..) = facility(0);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&["usage_events", "tools", "users"])) else { return };
    at(&mut bench, &real);
    let report = bench.plugin().check(&Call::unlimited("/nowhere")).unwrap();
    let failed: Vec<_> = report.items.iter().filter(|item| item.result != CheckResult::Ok).collect();
    let [only] = &failed[..] else { panic!("{report:?}") };
    assert!(only.name.contains("reservations") && only.detail.contains("NEMO.view_reservation"), "{only:?}");
    assert!(
        report.items.iter().any(|item| item.name == "version" && item.detail.starts_with("8.")),
        "{report:?}"
    );
    let bench = bench.with("token", json!("f".repeat(40)));
    let report = bench.plugin().check(&Call::unlimited("/nowhere")).unwrap();
    let last = report.items.last().unwrap();
    assert!(last.name == "token accepted" && last.detail.contains("Invalid token"), "{report:?}");
}

#[test]
fn the_fake_server_answers_as_the_real_one() {
    let (bench, ..) = facility(30);
    let Some(real) = RealNemo::start(&bench.nemo.dump(&RIGHTS)) else { return };
    let person = "user.id,user.username,user.first_name,user.last_name,user.email";
    for question in [
        "tools/?fields=id,name,_location,_category".to_owned(),
        "tools/?id__in=1,99,,2&fields=id,name".into(),
        "users/?id=3&fields=id,username,first_name,last_name,email".into(),
        "usage_events/?id=7&fields=id,start,end,tool,user,operator,run_data,pre_run_data,has_ended".into(),
        "usage_events/?id=&nonsense=1&fields=id".into(),
        "usage_events/?id=x".into(),
        "usage_events/?id=999999".into(),
        "usage_events/?tool_id__in=1,99".into(),
        "usage_events/?tool_id__in=9&fields=id,start,end".into(),
        "usage_events/?end__isnull=true&fields=id,end".into(),
        "usage_events/?end__isnull=1&fields=id&tool_id=9".into(),
        "usage_events/?end__gte=2026-06-01T00:00:00Z&tool_id=1&fields=id".into(),
        "usage_events/?end__gte=2026-06-01T00:00:00+02:00".into(),
        "usage_events/?end__lte=2026-06-01T00:00:00Z&tool_id=9&page_size=2&fields=id".into(),
        "usage_events/?tool_id=9&page_size=2&page=2&fields=id,start".into(),
        "usage_events/?tool_id=9&page_size=2&page=99&fields=id".into(),
        "usage_events/?tool_id=9&page_size=0&fields=id".into(),
        format!("usage_events/?id__in=3,5&expand=user&fields=id,start,end,tool,{person}"),
        "usage_events/?id=3&expand=user,nothing&fields=id,user.username&omit=user.username".into(),
        "usage_events/?id=3&fields=id,user.username".into(),
        "usage_events/?id=3&expand=tool&fields=tool.name,id".into(),
        "usage_events/?id=3&fields=id,start&omit=start".into(),
        format!(
            "reservations/?tool_id__in=1&cancelled=false&end__gte=2026-11-01T00:00:00Z&expand=user,creator&fields=id,start,end,creation_time,cancelled,tool,creator.username,{person}"
        ),
        "reservations/?cancelled=true&fields=id,cancelled,question_data".into(),
        "reservations/?fields=id&omit=question_data".into(),
        "reservations/?tool_id=1".into(),
        "nothing/".into(),
    ] {
        let of = |api: &str| {
            let (status, body) = ask(api, &question);
            let mut json: Value = serde_json::from_str(&body).unwrap_or_default();
            // The order of parameters in a link is nobody's business.
            for link in ["next", "previous"] {
                if let Some(link) = json.get_mut(link) {
                    *link = json!(!link.is_null());
                }
            }
            (status, json.to_string().replace(api, "<api>"))
        };
        assert_eq!(of(&bench.nemo.api()), of(&real.api()), "{question}");
    }
}

/// Status and body of one question.
fn ask(api: &str, question: &str) -> (u16, String) {
    let host = api.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /api/{question} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {TOKEN}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
