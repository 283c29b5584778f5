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
    assert!(
        times.contains(" UTC, exit code 0\nlast looked: ") && times.ends_with(" UTC, 0 minutes ago\n"),
        "{times}"
    );

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
    assert!(text.contains(" UTC, interrupted; the next run goes on with the rest\n"), "{text}");
    assert!(!text.contains("at work now"), "{text}");
    assert_eq!(facility.nexus(["status", "--json"]).json()["last_run"]["ended_at"], Value::Null);
}

#[test]
fn a_run_under_way_is_told_and_its_length_is_nothing_to_look_at() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    facility.sql("UPDATE nexus_run SET ended_at = NULL, exit_code = NULL");
    facility.sql("UPDATE nexus_meta SET value = '2024-03-05T00:00:00.000000Z' WHERE key = 'heartbeat'");
    // Details of a run that was killed, under a number that is another process's by now: ours.
    let holder = json!({
        "pid": std::process::id(), "host": fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim(),
        "command": "nexus run", "started_at": "2024-03-05T00:00:00Z",
    });
    facility.sandbox.write("data/.builder.lock.holder", holder.to_string());
    let stale = facility.nexus(["status", "--json"]).json();
    assert_eq!(stale["under_way"], Value::Null);
    assert_eq!(stale["needs_person"].as_array().unwrap().len(), 1, "{stale:#}");

    let lock = fs::File::create(facility.sandbox.path("data/.builder.lock")).unwrap();
    lock.lock().unwrap();
    let text = facility.nexus(["status"]).done();
    assert!(
        text.contains(" UTC, still under way\n") && text.contains("\nat work now: `nexus run` (process "),
        "{text}"
    );
    assert!(!text.contains("needs a person"), "{text}");
}

#[test]
fn a_timer_that_stopped_is_told() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    assert_eq!(facility.nexus(["status", "--json"]).json()["needs_person"], json!([]));
    facility.sql("UPDATE nexus_meta SET value = '2024-03-05T00:00:00.000000Z' WHERE key = 'heartbeat'");
    let text = facility.nexus(["status"]).done();
    assert!(text.contains("\nlast looked: 2024-03-05 00:00 UTC, "), "{text}");
    let (_, told) = text.split_once("\nneeds a person:\n  - ").unwrap();
    assert!(
        told.starts_with("no run has come to its end for ") && told.contains("`systemctl list-timers`"),
        "{told}"
    );
    facility.run(0);
    assert!(!facility.nexus(["status"]).done().contains("needs a person"));
}

#[test]
fn a_harvester_that_fails_run_after_run_is_told_until_it_is_well() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    fs::rename(facility.sandbox.path("usage.csv"), facility.sandbox.path("moved.csv")).unwrap();
    facility.run(4);
    let told = |facility: &Facility| facility.nexus(["status", "--json"]).json()["needs_person"].clone();
    let first = told(&facility);
    assert!(first[0].as_str().unwrap().starts_with("harvester `log` failed in the last run: "), "{first:#}");
    assert!(first[0].as_str().unwrap().contains("/usage.csv`"), "{first:#}");
    facility.step("harvest", 4);
    // These ask no harvester for events, and so know nothing of it.
    facility.step("build", 0);
    facility.step("export", 0);
    let third = facility.nexus(["status"]).done();
    assert!(third.contains("  - harvester `log` failed in each of the last 2 runs, since 2"), "{third}");

    // It is no harvester of ours any more.
    let settings = fs::read_to_string(facility.sandbox.path("nexus.toml")).unwrap();
    facility.sandbox.write("nexus.toml", settings.replace("[harvesters.log]", "[harvesters.other]"));
    assert_eq!(told(&facility), json!([]));
    facility.sandbox.write("nexus.toml", settings);

    fs::rename(facility.sandbox.path("moved.csv"), facility.sandbox.path("usage.csv")).unwrap();
    facility.run(0);
    assert_eq!(told(&facility), json!([]));
}

#[test]
fn deliveries_that_nobody_goes_on_with_are_told_as_the_run_tells_them() {
    let facility = Facility::with_two_sessions();
    facility.sandbox.write("share/2024", "in the way");
    facility.run(4);
    let second = facility.run(4);
    let told = "destination `share`: 2 deliveries wait for somebody; `nexus export list --destination share` tells why and \
                what to do";
    assert_eq!(second["needs_person"], json!([told]));
    assert_eq!(facility.nexus(["status", "--json"]).json()["needs_person"], json!([told]));
    facility.nexus(["export", "forget", "--destination", "share", "--all-open"]).done();
    assert_eq!(facility.nexus(["status", "--json"]).json()["needs_person"], json!([]));
}

#[test]
fn records_that_are_to_be_built_again_are_told_apart_from_first_ones() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    facility.nexus(["sessions", "rebuild", "--instrument", "TEM"]).done();
    let text = facility.nexus(["status"]).done();
    assert!(text.contains("  1 have a record and are to be built again\ndeliveries\n"), "{text}");
    fs::rename(facility.sandbox.path("usage.csv"), facility.sandbox.path("moved.csv")).unwrap();
    facility.run(4);
    let text = facility.nexus(["status"]).done();
    let waiting = "  1 have a record and are to be built again\n  of these, 1 wait: no usable answer from harvester `log`\n";
    assert!(text.contains(waiting) && !text.contains("of TO_BE_BUILT"), "{text}");
    let json = facility.nexus(["status", "--json"]).json();
    assert_eq!((&json["waiting"], &json["to_rebuild"]), (&json!({}), &json!(1)));
    fs::rename(facility.sandbox.path("moved.csv"), facility.sandbox.path("usage.csv")).unwrap();
    facility.run(0);
    assert_eq!(facility.nexus(["status", "--json"]).json()["to_rebuild"], 0);
}
