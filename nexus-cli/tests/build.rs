//! `nexus build`, over the built program: records are made, and nothing is delivered.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::facility::{Facility, line};
use serde_json::json;

#[test]
fn records_are_made_and_wait_in_their_folder() {
    let facility = Facility::with_two_sessions();
    assert_eq!(facility.step("build", 0)["build"]["planned"], 0, "nothing was harvested");
    facility.step("harvest", 0);
    let report = facility.step("build", 0);
    assert_eq!(report["harvest"], json!({}));
    assert_eq!(report["export"], json!({}));
    assert_eq!(line(&report, "logbook:lab/1")["result"], "BUILT_NOT_EXPORTED");
    assert_eq!(
        facility.files("data/records"),
        ["2024-03-05_TEM_logbook~3alab~2f1.xml", "2024-03-06_SEM_logbook~3alab~2f2.xml"]
    );
    assert_eq!(facility.column("SELECT DISTINCT state FROM nexus_delivery"), [json!("due")]);
    assert!(facility.files("share").is_empty());
    let xml = fs::read_to_string(facility.sandbox.path("data/records/2024-03-05_TEM_logbook~3alab~2f1.xml"))
        .unwrap();
    for part in ["Grains", "Test TEM", "tem/grain.tif"] {
        assert!(xml.contains(part), "no {part} in\n{xml}");
    }

    let before = (facility.dump_without_heartbeat(), facility.tree());
    assert_eq!(facility.nexus(["build"]).done(), "nothing to do\n");
    assert_eq!((facility.dump_without_heartbeat(), facility.tree()), before);
}

#[test]
fn records_go_where_the_settings_say() {
    let facility = Facility::with_two_sessions();
    let settings = common::facility::SETTINGS
        .replace("data = \"data\"", "data = \"data\"\nrecords = \"elsewhere/records\"");
    facility.sandbox.write("nexus.toml", format!("{settings}{}", common::facility::SHARE));
    facility.step("harvest", 0);
    facility.step("build", 0);
    assert_eq!(facility.files("elsewhere/records").len(), 2);
    facility.step("export", 0);
    assert!(facility.files("elsewhere/records").iter().all(|name| name.starts_with("uploaded/")));
}

#[test]
fn a_records_folder_that_cannot_be_made_costs_no_session() {
    let facility = Facility::with_two_sessions();
    facility.step("harvest", 0);
    facility.sandbox.write("data/records", "a file in the way");
    let report = facility.step("build", 4);
    assert_eq!(line(&report, "logbook:lab/1")["result"], "WAITING");
    assert_eq!(facility.status("logbook:lab/1"), "TO_BE_BUILT");
    fs::remove_file(facility.sandbox.path("data/records")).unwrap();
    facility.step("build", 0);
    assert_eq!(facility.status("logbook:lab/1"), "BUILT_NOT_EXPORTED");
}

/// The files of a session are those written in it, at the places its settings ask for.
#[test]
fn only_the_files_of_the_session_are_in_its_record() {
    let facility = Facility::with_two_sessions();
    facility
        .save("tem/first.dm3", "2024-03-05T09:00:01+01:00")
        // The start itself is outside, the end inside: as NexusLIMS has it.
        .save("tem/on-the-start.dm3", "2024-03-05T09:00:00+01:00")
        .save("tem/last.DM3", "2024-03-05T11:00:00+01:00")
        .save("tem/before.dm3", "2024-03-05T08:59:59+01:00")
        .save("tem/after.dm3", "2024-03-05T11:00:01+01:00")
        .save("tem/notes.txt", "2024-03-05T10:00:00+01:00")
        .save("tem/map.mib", "2024-03-05T10:00:00+01:00")
        .save("sem/other.tif", "2024-03-05T10:00:00+01:00");
    facility.step("harvest", 0);
    let report = facility.step("build", 0);
    let files = line(&report, "logbook:lab/1")["files"].as_u64().unwrap();
    let xml = fs::read_to_string(facility.sandbox.path("data/records/2024-03-05_TEM_logbook~3alab~2f1.xml"))
        .unwrap();
    let held = |name: &str| xml.contains(name);
    assert!(held("tem/first.dm3") && held("tem/last.DM3") && held("tem/grain.tif"), "{xml}");
    for name in
        ["before.dm3", "on-the-start.dm3", "after.dm3", "notes.txt", "map.mib", "other.tif", "old.tif"]
    {
        assert!(!held(name), "{name} is in\n{xml}");
    }
    assert_eq!(files, 3);
}
