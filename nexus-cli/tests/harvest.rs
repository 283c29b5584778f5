//! `nexus harvest`, over the built program: sessions come in, and nothing else happens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::facility::{Facility, needs_person};
use serde_json::json;

#[test]
fn sessions_come_in_and_wait_to_be_built() {
    let facility = Facility::with_two_sessions();
    let report = facility.step("harvest", 0);
    assert_eq!(report["harvest"]["log"]["new"], 2);
    assert_eq!(report["build"]["planned"], 0);
    assert_eq!(report["export"], json!({}));
    let rows = facility.rows(
        "SELECT session_identifier, event_type, record_status FROM session_log ORDER BY id_session_log",
    );
    let row = |id: &str, kind: &str| json!({ "session_identifier": id, "event_type": kind, "record_status": "TO_BE_BUILT" });
    let both = |id: &str| [row(id, "START"), row(id, "END")];
    assert_eq!(rows, json!([both("logbook:lab/1"), both("logbook:lab/2")].concat()));
    assert!(facility.files("share").is_empty() && facility.files("data/records").is_empty());

    // The log is the same: nothing comes in, nothing is written.
    let before = facility.dump_without_heartbeat();
    let text = facility.nexus(["harvest"]).done();
    assert_eq!(
        text,
        "harvest log: 0 events = 0 new + 0 revised + 0 in use + 0 cancelled + 0 unchanged\nnothing to do\n"
    );
    assert_eq!(facility.dump_without_heartbeat(), before);
}

#[test]
fn an_instrument_that_nobody_asks_about_is_told() {
    let facility = Facility::with_two_sessions();
    let settings = common::facility::SETTINGS.replace(", \"SEM\"", "");
    facility.sandbox.write("nexus.toml", format!("{settings}{}", common::facility::SHARE));
    let report = facility.step("harvest", 4);
    assert_eq!(report["harvest"]["log"]["new"], 1);
    assert_eq!(report["harvest"]["log"]["outside"], json!([{ "tool": "SEM", "count": 1 }]));
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(
        told.starts_with(
            "no harvester serves instrument `SEM` (harvester `logbook`, api_url `logbook:SEM`): no sessions come in"
        ),
        "{told}"
    );
}

#[test]
fn instruments_that_nobody_asks_about_are_one_line_with_the_sessions_that_wait() {
    let facility = Facility::with_two_sessions();
    facility.step("harvest", 0);
    let settings = common::facility::SETTINGS.replace("\"TEM\", \"SEM\"", "\"FIB\"");
    facility.sandbox.write("nexus.toml", format!("{settings}{}", common::facility::SHARE));
    for (step, waiting) in [("harvest", ""), ("build", "; 1 session waits"), ("run", "; 1 session waits")] {
        let report = facility.step(step, 4);
        let [told] = needs_person(&report)[..] else { panic!("{step}: {report:#}") };
        let instrument =
            |pid: &str| format!("`{pid}` (harvester `logbook`, api_url `logbook:{pid}`{waiting})");
        let start = format!(
            "no harvester serves instruments {}, {}: no sessions come in",
            instrument("SEM"),
            instrument("TEM")
        );
        assert!(told.starts_with(&start) && told.contains("`nexus instruments edit`"), "{step}: {told}");
    }
    let report = facility.nexus(["run", "--dry-run", "--json"]).code(4).stdout;
    assert_eq!(report.matches("no harvester serves instruments").count(), 1, "{report}");
    assert_eq!(report.matches("; 1 session waits)").count(), 2, "{report}");
    assert_eq!(
        facility.column("SELECT DISTINCT waiting_reason FROM nexus_session"),
        ["no harvester for its instrument"]
    );
}

#[test]
fn the_storage_of_the_instruments_is_not_looked_at() {
    let facility = Facility::with_two_sessions();
    std::fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    assert_eq!(facility.step("harvest", 0)["harvest"]["log"]["new"], 2);
}

/// What a terminal obeys in a name: a sequence of 7 bits, and one of 8, which JSON would take as it is.
const OBEYED: &str = "a\u{1b}[2Jd\u{9b}2Ja";

#[test]
fn what_a_terminal_would_obey_is_shown_in_listings() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        &format!("1,TEM,{OBEYED},2024-03-05 10:00,2024-03-05 12:00,,yes,"),
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,,yes,",
    ]);
    facility.step("harvest", 0);
    let shown = facility.nexus(["sessions", "show", "logbook:lab/1"]).done();
    assert!(shown.contains("a\\u{1b}[2Jd\\u{9b}2Ja") && !shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
    let table = facility.nexus(["sessions", "list"]).done();
    let starts: Vec<_> =
        table.lines().filter_map(|line| line.find("2024-03-0").or(line.find("start"))).collect();
    assert_eq!(starts, [starts[0]; 3], "one below the other:\n{table}");
    let listed = facility.nexus(["sessions", "list", "--json"]).done();
    assert!(!listed.contains(['\u{1b}', '\u{9b}']), "{listed}");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[1]["user"], OBEYED);
    let refused = facility.nexus(["sessions", "show", OBEYED]).code(2).stderr;
    assert!(
        refused.contains("`a\\u{1b}[2Jd\\u{9b}2Ja`") && !refused.contains(['\u{1b}', '\u{9b}']),
        "{refused}"
    );
}
