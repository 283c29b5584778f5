//! `nexus sessions`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::facility::Facility;
use serde_json::{Value, json};

/// Sessions of every kind. The order of their starts differs from that of their wall clocks: 09:30 in Berlin
/// is before 02:00 in Denver.
fn facility() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-05 02:00,2024-03-05 03:00,Refused,no,",
        "3,TEM,bea,2024-03-05 09:30,2024-03-05 11:00,Nothing saved,yes,",
        "4,SEM,anna,2024-03-01 13:00,,In use,yes,",
    ]);
    std::fs::remove_file(facility.sandbox.path("instruments/tem/grain.tif")).unwrap();
    facility.save("tem/grain.tif", "2024-03-05T09:10:00+01:00");
    facility.run(0);
    facility
}

/// The numbers of the sessions listed, in order.
#[track_caller]
fn listed(facility: &Facility, filter: &[&str]) -> Vec<String> {
    let rows = facility.nexus([&["sessions", "list", "--json"], filter].concat()).json();
    let id = |row: &Value| row["session_identifier"].as_str().unwrap().replace("logbook:lab/", "");
    rows.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn the_list_is_newest_first_and_can_be_narrowed() {
    let facility = facility();
    assert_eq!(listed(&facility, &[]), ["2", "3", "1", "4"]);
    assert_eq!(listed(&facility, &["--limit", "2"]), ["2", "3"]);
    assert_eq!(listed(&facility, &["--instrument", "TEM"]), ["3", "1"]);
    assert_eq!(listed(&facility, &["--user", "bea"]), ["2", "3"]);
    assert_eq!(listed(&facility, &["--user", "anna"]), ["1", "4"], "one in use has a user as well");
    assert_eq!(listed(&facility, &["--status", "COMPLETED"]), ["1"]);
    assert_eq!(listed(&facility, &["--status", "no-consent"]), ["2"]);
    assert_eq!(listed(&facility, &["--status", "open"]), ["4"]);
    assert_eq!(listed(&facility, &["--status", "NO_FILES_FOUND", "--instrument", "SEM"]), [""; 0]);
    assert_eq!(listed(&facility, &["--instrument", "SEM", "--status", "OPEN"]), ["4"]);
    assert_eq!(facility.nexus(["sessions", "list", "--user", "nobody"]).done(), "no sessions\n");
}

#[test]
fn a_line_says_where_a_session_stands_and_why() {
    let facility = facility();
    let rows = facility.nexus(["sessions", "list", "--json"]).json();
    assert_eq!(
        rows[2],
        json!({
            "session_identifier": "logbook:lab/1", "instrument": "TEM", "user": "anna",
            "start": "2024-03-05T09:00:00", "end": "2024-03-05T11:00:00", "status": "COMPLETED",
            "record_name": "2024-03-05_TEM_logbook~3alab~2f1", "reason": null,
        })
    );
    assert_eq!(rows[0]["reason"], "the answer to consent is `no` (usage.csv line 3)");
    assert_eq!(rows[3]["status"], "OPEN");
    assert_eq!(rows[3]["end"], Value::Null);
    assert_eq!(rows[3]["user"], "anna");
    let table = facility.nexus(["sessions", "list", "--status", "COMPLETED"]).done();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0].split_whitespace().next(), Some("session"));
    assert!(lines[1].contains("logbook:lab/1") && lines[1].contains(" COMPLETED "), "{table}");
    // One form, with the offset that is meant: this one was stored without, that of one in use in UTC.
    assert!(lines[1].contains(" 2024-03-05 09:00 +01:00 "), "{table}");
    let table = facility.nexus(["sessions", "list", "--status", "OPEN"]).done();
    assert!(table.contains(" 2024-03-01 13:00 -07:00 "), "{table}");
}

#[test]
fn a_status_that_there_is_not_is_refused_with_those_there_are() {
    let outcome = facility().nexus(["sessions", "list", "--status", "DONE"]).code(2);
    assert!(outcome.stderr.contains("DONE") && outcome.stderr.contains("COMPLETED"), "{}", outcome.stderr);
}

#[test]
fn an_instrument_that_there_is_not_is_no_empty_list() {
    let facility = facility();
    let unknown =
        "error: there is no instrument `TEN`\n  hint: `nexus instruments list` shows the identifiers";
    facility.nexus(["sessions", "list", "--instrument", "TEN"]).refused(2, unknown);
    for verb in ["retry", "rebuild"] {
        facility.nexus(["sessions", verb, "--instrument", "TEN"]).refused(2, unknown);
    }
    facility.nexus(["sessions", "skip", "--instrument", "TEN", "--reason", "x"]).refused(2, unknown);
}

#[test]
fn a_session_with_two_starts_is_listed_and_counted_once() {
    let facility = facility();
    let counted = facility.nexus(["status", "--json"]).json()["sessions"].clone();
    facility.sql(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
         SELECT session_identifier, instrument, '2024-03-05T08:59:00', event_type, record_status, user
           FROM session_log WHERE session_identifier = 'logbook:lab/1' AND event_type = 'START'",
    );
    // A build that NexusLIMS began and did not end.
    facility.sql(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
         SELECT session_identifier, instrument, timestamp, 'RECORD_GENERATION', 'WAITING_FOR_END', user
           FROM session_log WHERE session_identifier = 'logbook:lab/2' AND event_type = 'START'",
    );
    assert_eq!(listed(&facility, &[]), ["2", "3", "1", "4"]);
    let rows = facility.nexus(["sessions", "list", "--user", "anna", "--json"]).json();
    assert_eq!(rows[0]["start"], "2024-03-05T08:59:00", "the last one counts: {rows:#}");
    assert_eq!(facility.nexus(["status", "--json"]).json()["sessions"], counted);
}

#[test]
fn the_story_of_a_session_with_its_delivery() {
    let facility = facility();
    let text = facility.nexus(["sessions", "show", "logbook:lab/1"]).done();
    for part in [
        "session      logbook:lab/1\n",
        "status       COMPLETED\n",
        "record       2024-03-05_TEM_logbook~3alab~2f1\n",
        "files        1\n",
        "share        delivered, id 2024/TEM/2024-03-05_TEM_logbook~3alab~2f1.xml, at file://",
        "what happened (UTC)\n",
        " harvested from log\n",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let json = facility.nexus(["sessions", "show", "logbook:lab/1", "--json"]).json();
    assert_eq!(json["status"], "COMPLETED");
    assert_eq!(json["file_count"], 1);
    assert_eq!(json["deliveries"][0]["destination"], "share");
    assert_eq!(json["deliveries"][0]["origin"], "nexus");
    assert_eq!(json["uploads"].as_array().unwrap().len(), 1);
    let kinds: Vec<&Value> = json["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds[..2], ["harvested", "built"]);
}

#[test]
fn the_story_of_a_session_without_a_record() {
    let facility = facility();
    let text = facility.nexus(["sessions", "show", "logbook:lab/2"]).done();
    assert!(text.contains("reason       the answer to consent is `no` (usage.csv line 3)\n"), "{text}");
    assert!(!text.contains("share"), "{text}");
    let text = facility.nexus(["sessions", "show", "logbook:lab/4"]).done();
    assert!(text.contains("status       OPEN\n") && text.contains("user         anna\n"), "{text}");
}

#[test]
fn who_uses_an_instrument_now_may_change() {
    let facility = facility();
    facility.log(&["4,SEM,carl,2024-03-01 13:00,,In use,yes,"]);
    let report = facility.run(0);
    assert_eq!((&report["harvest"]["log"]["opened"], &report["run_id"]), (&json!(0), &Value::Null));
    assert_eq!(listed(&facility, &["--user", "carl"]), ["4"]);
    assert_eq!(listed(&facility, &["--user", "anna"]), ["1"]);
    let before = facility.dump_without_heartbeat();
    facility.run(0);
    assert_eq!(facility.dump_without_heartbeat(), before);
}

#[test]
fn a_session_is_found_by_the_name_of_its_record() {
    let facility = facility();
    let story = facility.nexus(["sessions", "show", "logbook:lab/1", "--json"]).json();
    let name = "2024-03-05_TEM_logbook~3alab~2f1";
    for given in [name.to_owned(), format!("{name}.xml"), format!("data/records/uploaded/{name}.xml")] {
        assert_eq!(facility.nexus(["sessions", "show", &given, "--json"]).json(), story, "{given}");
    }
    // As long as nobody has noted a name, it is the one that the record would get.
    facility.sql("UPDATE nexus_session SET record_name = NULL");
    let found = facility.nexus(["sessions", "show", &format!("{name}.xml"), "--json"]).json();
    assert_eq!(found["session_identifier"], "logbook:lab/1");
    facility.nexus(["sessions", "show", "2024-03-05_TEM_logbook~3alab~2f9.xml"]).code(2);
    facility.nexus(["sessions", "show", "2024-03-06_TEM_logbook~3alab~2f1.xml"]).code(2);
}

#[test]
fn a_delivery_that_failed_says_why() {
    let facility = Facility::with_two_sessions();
    facility.sandbox.write("share/2024", "in the way");
    facility.run(4);
    let text = facility.nexus(["sessions", "show", "logbook:lab/1"]).done();
    let told: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("share")).take(4).collect();
    assert_eq!(told[0], "share        failed");
    assert!(
        told[1].trim_start().starts_with("failed (permanent): ") && told[1].contains("/share/2024"),
        "{text}"
    );
    assert!(told[2].trim_start().starts_with("tries: 1, last at 20"), "{text}");
    assert_eq!(
        told[3].trim_start(),
        "next: when the configuration or the record changes, or by `nexus export retry`"
    );
    assert!(text.contains("status       BUILT_NOT_EXPORTED\n"), "{text}");
}

#[test]
fn a_session_that_there_is_not() {
    facility().nexus(["sessions", "show", "logbook:lab/99"]).refused(
        2,
        "error: there is no session and no record `logbook:lab/99`\n  \
         hint: `nexus sessions list` shows the identifiers, and the names of the records",
    );
}

#[test]
fn a_session_without_a_record_can_be_tried_again_and_one_with_a_record_cannot() {
    let facility = facility();
    assert_eq!(
        facility.nexus(["sessions", "retry", "logbook:lab/3"]).done(),
        "logbook:lab/3: NO_FILES_FOUND → TO_BE_BUILT; the next run builds it\n"
    );
    assert_eq!(facility.status("logbook:lab/3"), "TO_BE_BUILT");
    facility.save("tem/late.tif", "2024-03-05T10:30:00+01:00");
    facility.run(0);
    assert_eq!(facility.status("logbook:lab/3"), "COMPLETED");
    let refused = facility.nexus(["sessions", "retry", "logbook:lab/1"]).code(4).stdout;
    assert!(refused.contains("may not go from COMPLETED to TO_BE_BUILT"), "{refused}");
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
    let unknown = facility.nexus(["sessions", "retry", "nobody"]).code(4).stdout;
    assert_eq!(unknown, "there is no session `nobody`\n");
}

#[test]
fn deliveries_are_retried_and_forgotten_as_their_state_allows() {
    let facility = facility();
    let retry = ["export", "retry", "logbook:lab/1", "--destination", "share"];
    let retry = facility.nexus(retry).code(4).stdout;
    assert_eq!(retry, "logbook:lab/1 → share: stays delivered: the destination holds the record already\n");
    let forget = ["export", "forget", "logbook:lab/1", "--destination", "share"];
    assert_eq!(facility.nexus(forget).done(), "logbook:lab/1 → share: delivered → not_wanted\n");
    let none = facility.nexus(["export", "retry", "logbook:lab/2"]).code(4).stdout;
    assert_eq!(
        none,
        "logbook:lab/2: there is no such delivery; `nexus export list logbook:lab/2 --all` shows what there is\n"
    );
}

#[test]
fn a_record_is_built_again_when_somebody_asks() {
    let facility = facility();
    let ask = ["sessions", "rebuild", "logbook:lab/1", "logbook:lab/1", "logbook:lab/2", "nobody"];
    let told = facility.nexus(ask).code(4).stdout;
    assert_eq!(
        told,
        "logbook:lab/1: stays COMPLETED until the next run has built it again\n\
         logbook:lab/2: stays NO_CONSENT: it has no record to be built again; `nexus sessions retry` builds its first\n\
         there is no session `nobody`\n"
    );
    assert_eq!(
        facility.nexus(["sessions", "rebuild", "logbook:lab/1"]).done(),
        "logbook:lab/1: a rebuild was asked for already; the next run makes it\n"
    );
    let show = || facility.nexus(["sessions", "show", "logbook:lab/1"]).done();
    assert!(show().contains("a rebuild was asked for\n"), "{}", show());
    facility.save("tem/second.tif", "2024-03-05T09:20:00+01:00");
    let report = facility.run(0);
    assert_eq!(report["build"]["built"], 1);
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
    assert!(show().contains("files        2\n") && !show().contains("a rebuild was asked for"), "{}", show());
    // It was delivered again, in the place of the first.
    assert_eq!(facility.files("share").len(), 2);
    assert_eq!(facility.run(0)["build"]["planned"], 0);
}

#[test]
fn whoever_asks_again_gives_a_session_that_ended_the_program_both_its_tries() {
    let facility = facility();
    let crashed_twice = |id: &str| {
        facility.sql(&format!("UPDATE nexus_session SET attempts = 2 WHERE session_identifier = '{id}'"));
    };
    facility.nexus(["sessions", "rebuild", "logbook:lab/1"]).done();
    facility.nexus(["sessions", "retry", "logbook:lab/3"]).done();
    for id in ["logbook:lab/1", "logbook:lab/3"] {
        crashed_twice(id);
        facility.nexus(["sessions", "rebuild", id]).done();
        assert_eq!(facility.column("SELECT max(attempts) FROM nexus_session"), [0], "{id}");
    }
    facility.save("tem/second.tif", "2024-03-05T09:20:00+01:00");
    facility.save("tem/late.tif", "2024-03-05T10:30:00+01:00");
    assert_eq!(facility.run(0)["build"]["built"], 2);
}

#[test]
fn a_session_that_nobody_wants_is_skipped_until_somebody_does() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
        "4,SEM,anna,2024-03-01 13:00,,In use,yes,",
    ]);
    facility.step("harvest", 0);
    facility.step_with("run", &["--session", "logbook:lab/2"], 0);
    let skip =
        |ids: &[&str]| facility.nexus([&["sessions", "skip"], ids, &["--reason", "a training day"]].concat());
    assert_eq!(
        skip(&["logbook:lab/1"]).done(),
        "logbook:lab/1: TO_BE_BUILT → NO_RESERVATION: skipped; `nexus sessions retry` takes it back\n"
    );
    let refused = skip(&["logbook:lab/1", "logbook:lab/2", "logbook:lab/4", "nobody"]).code(4).stdout;
    assert_eq!(
        refused,
        "logbook:lab/1: stays NO_RESERVATION: it is not to be built anyway\n\
         logbook:lab/2: stays COMPLETED: it has a record, or a record may be at a destination\n\
         logbook:lab/4: has not ended; it can be skipped once a run has seen its end\n\
         there is no session `nobody`\n"
    );
    let story = facility.nexus(["sessions", "show", "logbook:lab/1", "--json"]).json();
    assert_eq!(story["status"], "NO_RESERVATION");
    assert_eq!(story["reason"], "a training day");
    let last = story["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["kind"], &last["detail"]), (&json!("skipped"), &json!("a training day")));
    let generated = "SELECT record_status FROM session_log
                      WHERE event_type = 'RECORD_GENERATION' AND session_identifier = 'logbook:lab/1'";
    assert_eq!(facility.column(generated), [json!("NO_RESERVATION")]);
    assert_eq!(
        facility.column("SELECT outcome_code FROM nexus_session WHERE session_identifier = 'logbook:lab/1'"),
        [json!("skipped")]
    );
    assert_eq!(facility.run(0)["build"]["planned"], 0, "nobody builds it");

    facility.nexus(["sessions", "retry", "logbook:lab/1"]).done();
    assert_eq!(facility.run(0)["build"]["built"], 1);
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
    let outcome = facility.nexus(["sessions", "skip", "logbook:lab/1", "--reason", " "]).code(2);
    assert!(outcome.stderr.contains("say why"), "{}", outcome.stderr);
    facility.nexus(["sessions", "skip", "logbook:lab/1"]).code(2);
}

#[test]
fn a_session_that_waits_is_skipped_too() {
    let facility = Facility::new();
    facility
        .log(&["1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,"])
        .settings(&format!("{}[build]\nfile_delay = \"100 years\"\n", common::facility::SHARE));
    assert_eq!(facility.run(0)["build"]["waiting"], json!({ "no files yet": 1 }));
    facility.nexus(["sessions", "skip", "logbook:lab/1", "--reason", "nothing was saved"]).done();
    assert_eq!(facility.column("SELECT waiting_reason FROM nexus_session"), [json!(null)]);
    assert_eq!(facility.run(0)["build"]["planned"], 0);
}

#[test]
fn sessions_are_named_by_what_they_have_in_common() {
    let facility = facility();
    let dates = |from: &str, to: &str| listed(&facility, &["--since", from, "--until", to]);
    assert_eq!(dates("2024-03-05T00:00+00:00", "2024-03-05T08:15+00:00"), ["1"]);
    assert_eq!(dates("2024-03-05T08:30Z", "2024-03-06T00:00Z"), ["2", "3"]);
    assert_eq!(listed(&facility, &["--until", "2024-03-03"]), ["4"]);

    let all_of_bea = ["sessions", "retry", "--since", "2024-03-05T08:30Z"];
    assert_eq!(
        facility.nexus(all_of_bea).done(),
        "logbook:lab/3: NO_FILES_FOUND → TO_BE_BUILT; the next run builds it\n\
         logbook:lab/2: NO_CONSENT → TO_BE_BUILT; the next run builds it\n"
    );
    assert_eq!(
        facility.nexus(["sessions", "skip", "--instrument", "SEM", "--reason", "no"]).done(),
        "logbook:lab/2: TO_BE_BUILT → NO_RESERVATION: skipped; `nexus sessions retry` takes it back\n"
    );
    assert_eq!(
        facility.nexus(["sessions", "rebuild", "--instrument", "TEM"]).done(),
        "logbook:lab/1: stays COMPLETED until the next run has built it again\n"
    );
    assert_eq!(facility.nexus(["sessions", "rebuild", "--status", "ERROR"]).done(), "no sessions\n");
    facility.nexus(["sessions", "retry"]).code(2);
    facility.nexus(["sessions", "retry", "logbook:lab/2", "--instrument", "SEM"]).code(2);
}

#[test]
fn a_session_whose_rows_disagree_is_not_said_to_be_retried() {
    let facility = facility();
    for (status, word) in
        [("'COMPLETED'", "another one is COMPLETED"), ("x'00ff'", "has a status that is none")]
    {
        let database = rusqlite::Connection::open(facility.sandbox.path("nexus.db")).unwrap();
        let sql = format!(
            "PRAGMA ignore_check_constraints = 1;
             UPDATE session_log SET record_status = {status} WHERE event_type = 'END'
                AND session_identifier = 'logbook:lab/2'"
        );
        database.execute_batch(&sql).unwrap();
        drop(database);
        let told = facility.nexus(["sessions", "retry", "logbook:lab/2"]).code(4).stdout;
        assert!(told.contains(word), "{told}");
    }
}
