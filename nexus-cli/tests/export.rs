//! `nexus export`, over the built program; and that the three steps in a row are one run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::facility::Facility;
use serde_json::{Value, json};

#[test]
fn what_is_due_is_delivered_and_nothing_is_built() {
    let facility = Facility::with_two_sessions();
    assert_eq!(
        facility.nexus(["export"]).done(),
        "export share: 0 delivered, 0 failed, 0 unknown, 0 due later, 0 stuck\nnothing to do\n"
    );
    facility.step("harvest", 0);
    facility.step("build", 0);
    // Sessions that came in meanwhile are left alone.
    facility.log(&["3,TEM,anna,2024-03-09 09:00,2024-03-09 11:00,Later,yes,"]).step("harvest", 0);
    let report = facility.step("export", 0);
    assert_eq!(report["build"]["planned"], 0);
    assert_eq!(report["export"]["share"]["delivered"], 2);
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
    assert_eq!(facility.status("logbook:lab/3"), "TO_BE_BUILT");
    let before = (facility.dump_without_heartbeat(), facility.tree());
    facility.step("export", 0);
    assert_eq!((facility.dump_without_heartbeat(), facility.tree()), before);
}

/// What a database says with everything left out that differs between two facilities that did the same.
fn essence(facility: &Facility) -> Vec<Value> {
    let queries = [
        "SELECT session_identifier, instrument, event_type, record_status, user,
                CASE event_type WHEN 'RECORD_GENERATION' THEN NULL ELSE timestamp END AS at
           FROM session_log ORDER BY session_identifier, event_type",
        "SELECT session_identifier, destination_name, success, record_id, metadata_json FROM upload_log
          ORDER BY session_identifier",
        "SELECT session_identifier, record_key, harvester, external_id, instrument_pid, record_name, open_since,
                last_status, outcome_code, reservation, content_sha256, record_version, file_count, attempts
           FROM nexus_session ORDER BY session_identifier",
        "SELECT session_identifier, destination, state, wanted_sha256, delivered_sha256, remote_id, attempt, origin
           FROM nexus_delivery ORDER BY session_identifier",
        "SELECT session_identifier, kind FROM nexus_event ORDER BY session_identifier, id",
    ];
    queries.iter().map(|sql| facility.rows(sql)).collect()
}

#[test]
fn harvest_build_and_export_in_a_row_are_one_run() {
    let rows = [
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
        "3,SEM,bea,2024-03-07 10:00,2024-03-07 12:00,Refused,no,",
        "4,SEM,bea,2024-03-08 10:00,2024-03-08 12:00,Nothing saved,yes,",
        "5,TEM,bea,2024-03-09 10:00,,In use,yes,",
    ];
    let at_once = Facility::with_two_sessions();
    at_once.log(&rows).run(0);
    let in_steps = Facility::with_two_sessions();
    in_steps.log(&rows);
    for step in ["harvest", "build", "export"] {
        in_steps.step(step, 0);
    }
    assert_eq!(essence(&in_steps), essence(&at_once));
    assert_eq!(in_steps.statuses().len(), 4);
    assert_eq!(in_steps.files("share"), at_once.files("share"));
    assert_eq!(in_steps.files("data/records"), at_once.files("data/records"));
}

#[test]
fn records_that_were_tampered_with_are_not_delivered_but_built_again() {
    let facility = Facility::with_two_sessions();
    facility.step("harvest", 0);
    facility.step("build", 0);
    let names = ["2024-03-05_TEM_logbook~3alab~2f1.xml", "2024-03-06_SEM_logbook~3alab~2f2.xml"];
    let record = |name: &str| facility.sandbox.path("data/records").join(name);
    fs::write(record(names[0]), "<not-it/>").unwrap();
    fs::remove_file(record(names[1])).unwrap();
    let report = facility.step("export", 0);
    assert_eq!(report["export"]["share"]["delivered"], 0);
    assert_eq!(report["export"]["share"]["due"], 2);
    assert_eq!(report["export"]["share"]["paused"], Value::Null, "the destination is not to blame");
    assert_eq!(
        facility.column("SELECT DISTINCT error_message FROM upload_log ORDER BY session_identifier"),
        [
            json!(format!(
                "record `{}` is not the file that was built; it will be built again by the next run",
                names[0]
            )),
            json!(format!(
                "record `{}` is gone from the records folder; it will be built again by the next run",
                names[1]
            )),
        ]
    );
    assert_eq!(facility.column("SELECT rebuild_requested FROM nexus_session"), [json!(1), json!(1)]);
    facility.step("build", 0);
    assert_eq!(facility.column("SELECT rebuild_requested FROM nexus_session"), [json!(0), json!(0)]);
    assert_eq!(facility.column("SELECT record_version FROM nexus_session"), [json!(2), json!(2)]);
    for name in names {
        assert!(fs::read_to_string(record(name)).unwrap().contains("</Experiment>"));
    }
}
