//! `nexus status`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::facility::Facility;
use serde_json::{Value, json};

#[test]
fn counts_of_sessions_and_deliveries_and_the_last_run() {
    let facility = Facility::with_two_sessions();
    let nothing = facility.nexus(["status"]).done();
    assert_eq!(
        nothing,
        "sessions\n  (in use)                    0\ndeliveries\nno run has changed anything yet\n"
    );
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Refused,no,",
        "3,SEM,bea,2024-03-06 13:00,,In use,yes,",
        "4,SEM,bea,2024-03-07 13:00,2024-03-07 14:00,No files yet,yes,",
    ]);
    facility.settings(&format!("{}[build]\nfile_delay = \"100 years\"\n", common::facility::SHARE));
    facility.run(0);
    let text = facility.nexus(["status"]).done();
    let (counts, times) = text.split_once("last run that changed something: ").unwrap();
    assert_eq!(
        counts,
        "sessions\n  COMPLETED                   1\n  NO_CONSENT                  1\n  TO_BE_BUILT                 1\n  \
         (in use)                    1\n  of TO_BE_BUILT, 1 wait: no files yet\n\
         deliveries\n  share                1 delivered\n"
    );
    assert!(times.contains(" UTC, exit code 0\nlast looked: "), "{times}");

    let json = facility.nexus(["status", "--json"]).json();
    assert_eq!(json["sessions"], json!({ "COMPLETED": 1, "NO_CONSENT": 1, "TO_BE_BUILT": 1 }));
    assert_eq!(json["open"], 1);
    assert_eq!(json["waiting"], json!({ "no files yet": 1 }));
    assert_eq!(json["deliveries"], json!({ "share": { "delivered": 1 } }));
    assert_eq!(json["last_run"]["id"], 1);
    assert_eq!(json["last_run"]["exit_code"], 0);

    // A run that changes nothing was here, and leaves no other trace.
    facility.run(0);
    let later = facility.nexus(["status", "--json"]).json();
    assert_eq!(later["last_run"], json["last_run"]);
    assert!(later["last_heartbeat"].as_str().unwrap() > json["last_heartbeat"].as_str().unwrap());
}

#[test]
fn what_a_destination_still_owes_and_how_the_run_ended() {
    let facility = Facility::with_two_sessions();
    fs::remove_dir(facility.sandbox.path("share")).unwrap();
    facility.run(4);
    let json = facility.nexus(["status", "--json"]).json();
    assert_eq!(json["sessions"], json!({ "BUILT_NOT_EXPORTED": 2 }));
    assert_eq!(json["deliveries"], json!({ "share": { "due": 2 } }));
    assert_eq!(json["last_run"]["exit_code"], 4);
}

#[test]
fn looking_changes_nothing_also_while_a_run_is_at_work() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let lock = fs::File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    lock.lock().unwrap();
    let before = (facility.dump(), facility.tree());
    facility.nexus(["status"]).done();
    facility.nexus(["sessions", "list"]).done();
    facility.nexus(["sessions", "show", "logbook:lab/1"]).done();
    assert_eq!((facility.dump(), facility.tree()), before);
}

#[test]
fn what_cannot_be_looked_at() {
    let facility = Facility::new();
    let database = facility.sandbox.path("nexus.db");
    for args in [&["status"][..], &["sessions", "list"], &["sessions", "show", "x"]] {
        fs::copy(facility.sandbox.fixture("v2_5_0b.sqlite"), &database).unwrap();
        facility.nexus(args).refused(
            6,
            "error: nexus has not worked on `[DIR]/nexus.db` yet\n  \
             hint: `nexus adopt --dry-run` shows what it holds; `nexus adopt` takes it on",
        );
        fs::copy(facility.sandbox.fixture("v1_4_3.sqlite"), &database).unwrap();
        facility.nexus(args).refused(
            6,
            "error: database `[DIR]/nexus.db` is at revision v1_4_3, v2_5_0b is needed; run `nexus db upgrade`",
        );
        fs::remove_file(&database).unwrap();
        facility.nexus(args).refused(
            6,
            "error: database `[DIR]/nexus.db` does not exist; make one with `nexus db init`, or correct the path",
        );
        assert!(!database.exists());
    }
    fs::remove_file(facility.sandbox.path("nexus.toml")).unwrap();
    facility.nexus(["status"]).code(3);
}

#[test]
fn a_run_that_was_interrupted_is_told() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let connection = rusqlite::Connection::open(facility.sandbox.path("nexus.db")).unwrap();
    connection.execute("UPDATE nexus_run SET ended_at = NULL, exit_code = NULL", []).unwrap();
    drop(connection);
    let text = facility.nexus(["status"]).done();
    assert!(text.contains(" UTC, interrupted, or still under way\n"), "{text}");
    assert_eq!(facility.nexus(["status", "--json"]).json()["last_run"]["ended_at"], Value::Null);
}
