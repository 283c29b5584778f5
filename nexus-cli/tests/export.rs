//! `nexus export`, over the built program; and that the three steps in a row are one run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::facility::Facility;
use serde_json::{Value, json};

/// What `nexus export list` says when all is done.
const NONE_LEFT: &str = "no delivery is left to do; `--all` shows those that are done\n";

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

/// Two sessions whose records the share refuses.
fn refused() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.sandbox.write("share/2024", "in the way");
    facility.run(4);
    facility
}

#[test]
fn what_is_not_delivered_is_listed_with_the_reason() {
    let facility = refused();
    let table = facility.nexus(["export", "list"]).done();
    assert!(table.contains("logbook:lab/1") && table.contains("logbook:lab/2"), "{table}");
    assert!(table.contains(" failed "), "{table}");
    let list = |options: &[&str]| {
        let args = ["export", "list", "--json"].iter().chain(options);
        facility.nexus(args).json()
    };
    let rows = list(&[]);
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let row = &rows[0];
    assert_eq!(
        (&row["session"], &row["destination"], &row["state"], &row["failure_class"], &row["configured"]),
        (&json!("logbook:lab/1"), &json!("share"), &json!("failed"), &json!("permanent"), &json!(true))
    );
    assert!(row["failure_text"].as_str().unwrap().contains("/share/2024"), "{row}");
    let count = |options: &[&str]| list(options).as_array().unwrap().len();
    assert_eq!(count(&["logbook:lab/2"]), 1);
    assert_eq!(count(&["--class", "permanent"]), 2);
    assert_eq!(count(&["--class", "auth"]), 0);
    assert_eq!(count(&["--state", "due"]), 0);
    assert_eq!(count(&["--since", "2100-01-01"]), 0);
    let nonsense = facility.nexus(["export", "list", "--class", "bad luck"]).code(2);
    assert!(nonsense.stderr.contains("rate_limited"), "{}", nonsense.stderr);
}

#[test]
fn failures_are_tried_again_in_bulk() {
    let facility = refused();
    let due = "logbook:lab/1 → share: failed → due\nlogbook:lab/2 → share: failed → due\n";
    let before = facility.dump();
    assert_eq!(facility.nexus(["export", "retry", "--class", "permanent", "--dry-run"]).done(), due);
    assert_eq!(facility.nexus(["export", "retry", "--dry-run"]).done(), due);
    assert_eq!(facility.dump(), before, "a rehearsal changes nothing");
    assert_eq!(facility.nexus(["export", "retry", "--class", "auth"]).done(), "no deliveries\n");
    assert_eq!(facility.nexus(["export", "retry", "--since", "2100-01-01"]).done(), "no deliveries\n");
    fs::remove_file(facility.sandbox.path("share/2024")).unwrap();
    assert_eq!(facility.nexus(["export", "retry", "--destination", "share"]).done(), due);
    assert_eq!(facility.run(0)["export"]["share"]["delivered"], 2);
    assert_eq!(facility.nexus(["export", "list"]).done(), NONE_LEFT);
    let all = facility.nexus(["export", "list", "--all", "--json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(facility.nexus(["export", "retry", "--destination", "share"]).done(), "no deliveries\n");
    assert_eq!(facility.nexus(["export", "retry"]).done(), "no deliveries\n");
}

#[test]
fn what_nobody_can_tell_is_tried_again_only_by_name() {
    let facility = refused();
    facility.sql("UPDATE nexus_delivery SET state = 'unknown' WHERE session_identifier = 'logbook:lab/2'");
    assert_eq!(
        facility.nexus(["export", "retry", "--destination", "share"]).done(),
        "logbook:lab/1 → share: failed → due\n\
         1 deliveries are unknown and were left alone: look there first, then name their sessions or `--class unknown`\n"
    );
    assert_eq!(
        facility.nexus(["export", "retry", "--class", "unknown"]).done(),
        "logbook:lab/2 → share: unknown → due\n"
    );
}

#[test]
fn deliveries_to_a_destination_that_was_taken_out_are_listed_and_can_be_given_up() {
    let facility = refused();
    facility.settings("[destinations.archive]\nplugin = \"folder\"\npath = \"archive\"\n").folder("archive");
    let rows = facility.nexus(["export", "list", "--json"]).json();
    assert_eq!((&rows[0]["configured"], &rows[0]["destination"]), (&json!(false), &json!("share")));
    let table = facility.nexus(["export", "list"]).done();
    assert!(table.contains("(not") && table.contains("never:"), "{table}");
    let forget = ["export", "forget", "--destination", "share", "--all-open"];
    assert_eq!(
        facility.nexus(forget).done(),
        "logbook:lab/1 → share: failed → not_wanted\nlogbook:lab/2 → share: failed → not_wanted\n"
    );
    assert_eq!(facility.nexus(forget).done(), "no deliveries\n");
    assert_eq!(facility.nexus(["export", "list"]).done(), NONE_LEFT);
}

#[test]
fn a_destination_that_was_added_later_gets_the_records_of_the_past() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
        "3,SEM,bea,2024-03-07 10:00,2024-03-07 12:00,Refused,no,",
    ]);
    facility.run(0);
    let archive = "[destinations.archive]\nplugin = \"folder\"\npath = \"archive\"\n";
    facility.settings(&format!("{}{archive}", common::facility::SHARE)).folder("archive");
    facility.run(0);
    assert!(facility.files("archive").is_empty(), "a run alone sends nothing old");

    let backfill = |options: &[&str]| {
        facility.nexus(["export", "backfill", "--destination", "archive"].iter().chain(options))
    };
    let before = facility.dump();
    assert_eq!(
        backfill(&["--status", "COMPLETED", "--dry-run"]).done(),
        "logbook:lab/1 → archive: the next run delivers it\n\
         logbook:lab/2 → archive: the next run delivers it\n\
         archive: 2 records to deliver, 0 deliveries were there already\n"
    );
    assert_eq!(facility.dump(), before, "a rehearsal changes nothing");
    let told = backfill(&["logbook:lab/1", "logbook:lab/3", "nobody"]).code(4).stdout;
    assert_eq!(
        told,
        "logbook:lab/1 → archive: the next run delivers it\n\
         logbook:lab/3: there is no record of it\n\
         nobody: there is no such session, or another program built it and `nexus adopt` was not said since\n\
         archive: 1 records to deliver, 0 deliveries were there already\n"
    );
    assert_eq!(facility.run(0)["export"]["archive"]["delivered"], 1);
    let one = backfill(&["--instrument", "SEM"]).done();
    assert!(one.ends_with("archive: 1 records to deliver, 0 deliveries were there already\n"), "{one}");
    facility.run(0);
    assert_eq!(facility.files("archive"), facility.files("share"));
    assert_eq!(
        backfill(&["--status", "COMPLETED"]).done(),
        "archive: 0 records to deliver, 2 deliveries were there already\n"
    );
    assert_eq!(facility.statuses()["logbook:lab/1"], "COMPLETED");
    facility.nexus(["export", "backfill", "--destination", "archve", "--status", "COMPLETED"]).refused(
        2,
        "error: there is no [destinations.archve] in the configuration\n  hint: `nexus config show` names them all",
    );
}

#[test]
fn a_destination_that_moved_gets_its_old_records_by_backfill() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let elsewhere = common::facility::SHARE.replace("\"share\"", "\"elsewhere\"");
    facility.settings(&elsewhere).folder("elsewhere");
    facility.run(0);
    assert!(facility.files("elsewhere").is_empty());
    facility.nexus(["export", "backfill", "--destination", "share", "--status", "COMPLETED"]).done();
    facility.run(0);
    assert_eq!(facility.files("elsewhere"), facility.files("share"));
}

#[test]
fn under_all_a_session_is_completed_when_what_is_missing_is_given_up() {
    let facility = Facility::with_two_sessions();
    let archive =
        "[destinations.archive]\nplugin = \"folder\"\npath = \"archive\"\n[export]\nstrategy = \"all\"\n";
    facility.settings(&format!("{}{archive}", common::facility::SHARE)).folder("archive");
    facility.sandbox.write("archive/2024", "in the way");
    facility.run(4);
    assert_eq!(facility.status("logbook:lab/1"), "BUILT_NOT_EXPORTED");
    facility.nexus(["export", "forget", "logbook:lab/1", "--destination", "archive"]).done();
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
    assert_eq!(facility.status("logbook:lab/2"), "BUILT_NOT_EXPORTED");
}

#[test]
fn a_name_that_nobody_knows_is_no_empty_list() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let unknown = "error: there is no [destinations.shar] in the configuration, and no delivery to one of that name\n  \
                   hint: `nexus status` names those that have deliveries";
    facility.nexus(["export", "list", "--destination", "shar"]).refused(2, unknown);
    facility.nexus(["export", "retry", "--destination", "shar"]).refused(2, unknown);
    facility.nexus(["export", "forget", "--destination", "shar", "--all-open"]).refused(2, unknown);
    facility.nexus(["export", "list", "logbook:lab/9"]).refused(
        2,
        "error: there is no session `logbook:lab/9`\n  hint: `nexus sessions list` shows the identifiers",
    );
    // What is done for one session says nothing of the others.
    let one = facility.nexus(["export", "list", "logbook:lab/1"]).done();
    assert_eq!(one, "no such delivery is left to do; `--all` shows those that are done\n");
    assert_eq!(facility.nexus(["export", "list"]).done(), NONE_LEFT);
    // One that was taken out of the configuration is known by what was delivered to it.
    facility.settings("[destinations.other]\nplugin = \"folder\"\npath = \"share\"\n");
    assert_eq!(facility.nexus(["export", "retry", "--destination", "share"]).done(), "no deliveries\n");
}

#[test]
fn a_long_list_ends_with_its_sum_and_has_a_line_for_each() {
    let facility = Facility::with_sessions(25, 60);
    facility.sandbox.write("share/2024", "in the way");
    facility.run(4);
    let lines = |args: &[&str]| {
        let said = facility.nexus(args).done();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    // No terminal is there to be wide enough.
    let listed = lines(&["sessions", "list"]);
    assert_eq!(listed.len(), 1 + 25, "{listed:#?}");
    assert!(listed[25].contains("logbook:lab/1 ") && listed[25].contains(&"u".repeat(60)), "{listed:#?}");
    assert_eq!(lines(&["export", "list"]).len(), 1 + 25);

    let rehearsed = lines(&["export", "retry", "--dry-run"]);
    assert_eq!((rehearsed.len(), rehearsed[25].as_str()), (26, "25 deliveries: 25 done, 0 refused"));
    assert_eq!(lines(&["export", "retry"]), rehearsed);
    let forgotten = lines(&["export", "forget", "--destination", "share", "--all-open"]);
    assert_eq!(forgotten.last().unwrap(), "25 deliveries: 25 done, 0 refused");
    let rebuilt = lines(&["sessions", "rebuild", "--instrument", "TEM"]);
    assert_eq!((rebuilt.len(), rebuilt[25].as_str()), (26, "25 sessions: 25 done, 0 refused"));
    let ids: Vec<String> = (1..=21).map(|number| format!("logbook:lab/{number}")).collect();
    let args: Vec<&str> =
        ["sessions", "retry", "nobody"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let refused = facility.nexus(args).code(4).stdout;
    assert!(refused.ends_with("\n22 sessions: 0 done, 22 refused\n"), "{refused}");
    let few = lines(&["sessions", "rebuild", "logbook:lab/1", "logbook:lab/2"]);
    assert_eq!(few.len(), 2, "{few:?}");
}
