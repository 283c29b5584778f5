//! Usage events that change between two runs.

use serde_json::json;

use crate::common::facility::{Facility, SHARE, line, needs_person};

const ID: &str = "logbook:lab/1";
const ONE: &str = "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,";

/// Without files, a session waits; so its event can change before it is built.
fn waiting() -> Facility {
    let facility = Facility::new();
    facility.settings(&format!("{SHARE}[build]\nfile_delay = \"100 years\"\n")).log(&[ONE]);
    facility.run(0);
    assert_eq!(facility.status(ID), "TO_BE_BUILT");
    facility
}

#[test]
fn an_event_in_use_is_remembered_and_built_once_it_has_ended() {
    let facility = Facility::new();
    facility.save("tem/grain.tif", "2024-03-05T09:30:00+01:00");
    facility.log(&["1,TEM,anna,2024-03-05 09:00,,Grains,yes,"]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["opened"], 1);
    assert_eq!(facility.status(ID), "", "a lone START row would never be built");
    assert_eq!(
        facility.rows("SELECT session_identifier, open_since FROM nexus_session"),
        json!([{ "session_identifier": ID, "open_since": "2024-03-05T08:00:00.000000Z" }])
    );
    facility.log(&[ONE]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["new"], 1);
    assert_eq!(line(&report, ID)["result"], "COMPLETED");
    assert_eq!(facility.column("SELECT open_since FROM nexus_session"), [json!(null)]);
}

#[test]
fn a_revision_before_the_build_changes_both_rows() {
    let facility = waiting();
    facility.log(&["1,SEM,bea,2024-03-05 09:15,2024-03-05 12:00,Grains,yes,"]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["revised"], 1);
    assert_eq!(
        facility.rows("SELECT instrument, user, timestamp FROM session_log ORDER BY id_session_log"),
        json!([
            { "instrument": "SEM", "user": "bea", "timestamp": "2024-03-05T09:15:00" },
            { "instrument": "SEM", "user": "bea", "timestamp": "2024-03-05T12:00:00" },
        ])
    );
    // The new window counts, and the new instrument's folder.
    facility.save("sem/late.tif", "2024-03-05T11:30:00-07:00");
    facility.run(0);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(facility.files("share")[1], "2024/SEM/2024-03-05_SEM_logbook~3alab~2f1.xml");
}

#[test]
fn a_revision_after_the_build_is_told_once_and_changes_nothing() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let (log, tree) = (facility.rows("SELECT * FROM session_log"), facility.files("share"));
    let second = "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,";
    facility.log(&["1,TEM,anna,2024-03-05 09:00,2024-03-05 11:45,Grains,yes,", second]);
    let report = facility.run(4);
    assert_eq!(report["harvest"]["log"]["revised_late"], 1);
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(told.contains("changed or went after") && told.contains(ID), "{told}");
    assert_eq!(facility.run(0)["needs_person"], json!([]));
    // Also when the log is read again, because another row is new.
    let revised = "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:45,Grains,yes,";
    facility.log(&[revised, second, "3,SEM,bea,2024-03-07 10:00,,In use,yes,"]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["opened"], 1);
    assert_eq!(report["harvest"]["log"]["unchanged"], 2);
    assert_eq!(facility.rows("SELECT * FROM session_log"), log);
    assert_eq!(facility.files("share"), tree);
    let story = facility.nexus(["sessions", "show", ID]).done();
    assert!(story.contains(" revised_after_build "), "{story}");
}

#[test]
fn a_cancelled_event_settles_unless_its_record_exists() {
    let facility = waiting();
    facility.log(&["1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,yes"]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["gone"], 1);
    assert_eq!(facility.status(ID), "NO_RESERVATION");
    assert_eq!(facility.column("SELECT outcome_code FROM nexus_session"), [json!("event_cancelled")]);

    let facility = Facility::with_two_sessions();
    facility.run(0);
    let second = "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,";
    facility.log(&["1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,yes", second]);
    let report = facility.run(4);
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(told.contains("went after") && told.contains(ID), "{told}");
    assert_eq!(facility.run(0)["needs_person"], json!([]), "it is told once");
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(facility.files("share").len(), 4);
}

#[test]
fn a_row_that_is_gone_from_two_complete_logs_did_not_take_place() {
    let facility = waiting();
    let later = "9,TEM,anna,2024-03-09 09:00,2024-03-09 11:00,,no,";
    let early = "0,TEM,anna,2024-03-01 09:00,2024-03-01 11:00,,no,";
    facility.log(&[early, ONE, later]);
    facility.run(0);
    facility.log(&[early, later]);
    let report = facility.run(0);
    assert_eq!(line(&report, ID)["result"], "WAITING");
    assert_eq!(facility.status(ID), "TO_BE_BUILT", "one answer may be a slip");
    let report = facility.run(0);
    assert_eq!(report["build"]["no_reservation"], 1, "{report:#}");
    assert_eq!(facility.status(ID), "NO_RESERVATION");
    assert_eq!(
        facility.column("SELECT outcome_code FROM nexus_session WHERE external_id = '1'"),
        [json!("event_gone")]
    );
}

#[test]
fn a_row_that_comes_back_is_built() {
    let facility = waiting();
    let early = "0,TEM,anna,2024-03-01 09:00,2024-03-01 11:00,,no,";
    facility.log(&[early, ONE]).run(0);
    facility.log(&[early, "2,TEM,anna,2024-03-09 09:00,2024-03-09 11:00,,no,"]).run(0);
    facility.log(&[early, ONE]).save("tem/grain.tif", "2024-03-05T09:30:00+01:00");
    facility.run(0);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(
        facility.column("SELECT gone_since FROM nexus_session WHERE external_id = '1'"),
        [json!(null)]
    );
}

#[test]
fn a_change_that_was_told_is_followed_by_the_command_that_the_run_names() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    facility.save("tem/late.tif", "2024-03-05T11:30:00+01:00");
    let second = "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,";
    facility.log(&["1,TEM,bea,2024-03-05 09:00,2024-03-05 11:45,Grains,yes,", second]);
    let report = facility.run(4);
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(told.contains("`nexus sessions rebuild`"), "{told}");
    let story = facility.nexus(["explain", ID]).done();
    let tells = "there it is now that bea used `TEM` from 2024-03-05 09:00 to 11:45 +01:00.";
    assert!(story.contains(tells), "{story}");
    assert!(
        story.contains("; `nexus sessions rebuild logbook:lab/1` has both follow the change."),
        "{story}"
    );
    let said = facility.nexus(["sessions", "rebuild", ID]).done();
    assert_eq!(
        said,
        "logbook:lab/1: stays COMPLETED until the next run has built it again, from what its usage event was changed to\n"
    );
    let again = facility.nexus(["sessions", "rebuild", ID]).done();
    assert_eq!(again, "logbook:lab/1: a rebuild was asked for already; the next run makes it\n");
    let story = facility.nexus(["explain", ID]).done();
    assert!(story.contains("The record is built again from that"), "{story}");
    assert_eq!(facility.status(ID), "COMPLETED");
    let tree = facility.files("share");
    let report = facility.run(0);
    assert_eq!(line(&report, ID)["files"], 2);
    assert_eq!(facility.files("share"), tree, "in place");
    assert_eq!(
        facility.rows(
            "SELECT user, timestamp FROM session_log WHERE session_identifier = 'logbook:lab/1' ORDER BY id_session_log LIMIT 2"
        ),
        json!([
            { "user": "bea", "timestamp": "2024-03-05T09:00:00" },
            { "user": "bea", "timestamp": "2024-03-05T11:45:00" },
        ])
    );
    let story = facility.nexus(["explain", ID]).done();
    assert!(story.contains("Record and session follow the change of its usage event"), "{story}");
    assert!(!story.contains("was changed at its source after"), "{story}");
    facility.nexus(["audit", "--since", "2024-03-05T10:45:00Z"]).done();
}

#[test]
fn with_on_revision_rebuild_the_run_that_sees_a_change_follows_it() {
    let facility = Facility::with_two_sessions();
    facility.settings(&format!("{SHARE}[build]\non_revision = \"rebuild\"\n"));
    facility.run(0);
    let tree = facility.files("share");
    facility.save("tem/late.tif", "2024-03-05T11:30:00+01:00");
    let second = "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,";
    facility.log(&["1,TEM,anna,2024-03-05 09:00,2024-03-05 11:45,Grains,yes,", second]);
    let report = facility.run(0);
    assert_eq!(report["harvest"]["log"]["follow"], 1);
    assert_eq!((&line(&report, ID)["result"], &line(&report, ID)["files"]), (&json!("COMPLETED"), &json!(2)));
    assert_eq!(facility.files("share"), tree);
    assert_eq!(facility.run(0)["build"]["planned"], 0);
}

#[test]
fn a_session_without_a_record_follows_when_it_is_retried() {
    let facility = Facility::new();
    facility.log(&[ONE]).save("tem/early.tif", "2024-03-05T08:30:00+01:00");
    facility.run(0);
    assert_eq!(facility.status(ID), "NO_FILES_FOUND");
    facility.log(&["1,TEM,anna,2024-03-05 08:00,2024-03-05 11:00,Grains,yes,"]);
    facility.run(4);
    let story = facility.nexus(["explain", ID]).done();
    assert!(story.contains("`nexus sessions retry logbook:lab/1` has it built from the change."), "{story}");
    // Not by the harvest of the next run: that reads nothing, since the log is the same.
    let said = facility.nexus(["sessions", "retry", ID]).done();
    let expected = "logbook:lab/1: NO_FILES_FOUND → TO_BE_BUILT, with what its usage event was changed to; the next run builds it\n";
    assert_eq!(said, expected);
    let start = "SELECT timestamp FROM session_log WHERE event_type = 'START'";
    assert_eq!(facility.column(start), [json!("2024-03-05T08:00:00")]);
    facility.run(0);
    assert_eq!(facility.status(ID), "COMPLETED");
}

#[test]
fn a_change_to_an_instrument_that_was_removed_is_refused_and_named() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    facility.sql(
        r#"UPDATE nexus_session SET pending_revision = '{"instrument":"GONE","user":null,"start":"2024-03-05T09:00:00",
           "end":"2024-03-05T11:00:00"}' WHERE session_identifier = 'logbook:lab/1'"#,
    );
    let said = facility.nexus(["sessions", "rebuild", ID]).code(4).stdout;
    assert!(
        said.contains("instrument `GONE`, which is not in the table of instruments; add it first"),
        "{said}"
    );
    assert_eq!(facility.column("SELECT max(rebuild_requested) FROM nexus_session"), [json!(0)]);
}
