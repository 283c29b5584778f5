//! `nexus harvesters`, over the built program: names that change, and names that go. (`list` and `rebase` need a server: their tests
//! stand with those of NEMO.)

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::facility::{Facility, SETTINGS, SHARE, needs_person};
use serde_json::{Value, json};

/// Another table of the configuration: nothing proves that its log is the one of `log`, since all identifiers differ.
const MAIN: (&str, &str) = (
    "[harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\nname = \"lab\"",
    "[harvesters.main]\nplugin = \"logbook\"\npath = \"usage.csv\"\nname = \"main\"",
);

/// Event 1 has ended, event 3 is in use; harvester `log` brought both.
fn facility() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.log(&["1,TEM,ada,2024-03-05 10:00,2024-03-05 12:00,,yes,", "3,TEM,ada,2024-03-07 10:00,,,yes,"]);
    facility.step("harvest", 0);
    facility
}

fn configure(facility: &Facility, (from, to): (&str, &str)) {
    assert!(SETTINGS.contains(from), "{from}");
    facility.sandbox.write("nexus.toml", format!("{}{SHARE}", SETTINGS.replace(from, to)));
}

#[test]
fn a_harvester_with_another_name_goes_on_and_one_that_was_taken_out_can_be_retired() {
    let facility = facility();
    let names = || facility.rows("SELECT DISTINCT harvester FROM nexus_session");
    configure(&facility, ("[harvesters.log]", "[harvesters.book]"));
    let report = facility.step("harvest", 0);
    assert!(report["warnings"][0].as_str().unwrap().contains("the same source as `log` was"), "{report:#}");
    assert_eq!(names(), json!([{ "harvester": "book" }]));

    facility.nexus(["harvesters", "retire", "book"]).refused(
        1,
        "error: harvester `book` is in the configuration and is asked by every run: nothing was changed\n  \
         hint: remove the table [harvesters.book] first",
    );
    // Another log, with another name in its identifiers: nothing proves that it is the same one.
    configure(&facility, MAIN);
    facility.log(&["7,SEM,ada,2024-03-07 10:00,2024-03-07 11:00,,yes,"]);
    for _ in 0..2 {
        let report = facility.step("harvest", 4);
        let told = needs_person(&report);
        for command in ["`nexus harvesters retire book`", "`nexus harvesters rename book NEW`"] {
            assert!(told.iter().any(|line| line.contains(command)), "{told:?}");
        }
    }
    let held = std::fs::File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    held.lock().unwrap();
    facility.nexus(["harvesters", "retire", "book"]).code(5);
    drop(held);
    let done = facility.nexus(["harvesters", "retire", "book"]).done();
    assert_eq!(
        done,
        "harvester `book` is retired: open usage events given up: 1, instruments it had read: 2\n"
    );
    facility.step("harvest", 0);
    let again = facility.nexus(["harvesters", "retire", "book"]).done();
    assert_eq!(again, "nothing is open or remembered under the name `book`\n");
}

#[test]
fn a_harvester_goes_on_under_the_name_that_a_person_gives_it() {
    let facility = facility();
    configure(&facility, MAIN);
    let before = facility.dump_without_heartbeat();
    assert_eq!(
        facility.nexus(["harvesters", "rename", "log", "main", "--dry-run"]).done(),
        "what harvester `log` brought would become that of `main`: sessions: 2 (1 of them in use when last asked)\n  \
         read on from where `log` had read: SEM, TEM\n\
         nothing was changed: this was a dry run\n"
    );
    assert_eq!(facility.dump_without_heartbeat(), before);
    let held = std::fs::File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    held.lock().unwrap();
    facility.nexus(["harvesters", "rename", "log", "main"]).code(5);
    assert_eq!(facility.dump_without_heartbeat(), before);
    drop(held);
    let done = facility.nexus(["harvesters", "rename", "log", "main", "--json"]).json();
    let renamed = json!({ "sessions": 2, "open": 1, "instruments": ["SEM", "TEM"], "already_read": [] });
    assert_eq!(done, json!({ "from": "log", "to": "main", "renamed": renamed, "dry_run": false }));
    assert_eq!(
        facility.rows("SELECT harvester, instrument_pid FROM nexus_cursor ORDER BY instrument_pid"),
        json!([{ "harvester": "main", "instrument_pid": "SEM" }, { "harvester": "main", "instrument_pid": "TEM" }])
    );

    // The log tells of both events once more, under identifiers that nobody knows: they are the same ones.
    facility.log(&[
        "1,TEM,ada,2024-03-05 10:00,2024-03-05 12:00,,yes,",
        "3,TEM,ada,2024-03-07 10:00,2024-03-07 11:00,,yes,",
    ]);
    let report = facility.step("harvest", 0);
    assert_eq!(report["harvest"]["main"]["new"], 1, "{report:#}");
    let sessions = facility.column("SELECT session_identifier FROM nexus_session ORDER BY 1");
    assert_eq!(sessions, ["logbook:lab/1", "logbook:lab/3"]);
    assert_eq!(facility.status("logbook:lab/3"), "TO_BE_BUILT");
    let audit = facility.nexus(["audit", "--since", "2024-03-06", "--until", "2024-03-31", "--json"]).json();
    let sum = &audit["harvesters"][0]["sum"];
    assert_eq!((&sum["waiting"]["not built yet"], &sum["missing"]), (&json!(1), &json!(0)), "{audit:#}");
    let told = facility.nexus(["explain", "logbook:lab/3"]).done();
    assert!(told.contains("`main`") && !told.contains("`log`"), "{told}");
}

#[test]
fn a_name_that_cannot_be_given_is_refused_and_nothing_is_changed() {
    let facility = facility();
    let refused = |facility: &Facility, old: &str, new: &str, text: &str| {
        let before = facility.dump_without_heartbeat();
        facility.nexus(["harvesters", "rename", old, new]).refused(1, text);
        facility.nexus(["harvesters", "rename", old, new, "--dry-run"]).refused(1, text);
        assert_eq!(facility.dump_without_heartbeat(), before);
    };
    refused(
        &facility,
        "log",
        "main",
        "error: harvester `log` is in the configuration: what it brought is its own, and nothing was changed\n  \
         hint: rename the table [harvesters.log] first",
    );
    configure(&facility, MAIN);
    refused(
        &facility,
        "log",
        "mian",
        "error: no harvester `mian` is in the configuration: nothing was changed\n  \
         hint: its harvesters: `main`",
    );
    refused(
        &facility,
        "lgo",
        "main",
        "error: nothing is known of a harvester `lgo`: no session, and no instrument that it has read\n  \
         hint: `nexus db query \"SELECT DISTINCT harvester FROM nexus_session\"` lists the names that brought sessions",
    );
    // A run before the rename brings everything once more.
    facility.step("harvest", 4);
    refused(
        &facility,
        "log",
        "main",
        "error: harvesters `log` and `main` both brought usage events `1` (sessions `logbook:lab/1` and `logbook:main/1`), `3` \
         (sessions `logbook:lab/3` and `logbook:main/3`)\n  \
         hint: nothing was changed: one event cannot have two sessions; if they are two sources, `nexus harvesters retire log` \
         gives up what was in use",
    );
    let names: Vec<Value> = facility.column("SELECT DISTINCT harvester FROM nexus_session ORDER BY 1");
    assert_eq!(names, ["log", "main"]);
}
