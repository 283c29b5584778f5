//! Every way a session can end, or wait.

use std::fs;

use serde_json::json;

use crate::common::facility::{Facility, SHARE, line, needs_person};

const ONE: &str = "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,";
const ID: &str = "logbook:lab/1";

#[test]
fn consent_is_only_ever_explicit() {
    let facility = Facility::new();
    let answers = ["yes", "I agree", "no", "", "maybe", "not yet: yes?"];
    let rows: Vec<String> = answers
        .iter()
        .enumerate()
        .map(|(at, answer)| format!("{at},TEM,anna,2024-03-0{0} 09:00,2024-03-0{0} 11:00,,{answer},", at + 1))
        .collect();
    for day in 1..=answers.len() {
        facility.save(&format!("tem/{day}.tif"), &format!("2024-03-0{day}T09:30:00+01:00"));
    }
    facility.log(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let report = facility.run(0);
    assert_eq!(report["build"]["built"], 2);
    assert_eq!(report["build"]["no_consent"], 4);
    let refused = line(&report, "logbook:lab/4");
    assert_eq!(refused["result"], "NO_CONSENT");
    assert_eq!(refused["detail"], "the answer to consent is `maybe` (usage.csv line 6)");
    assert_eq!(facility.status("logbook:lab/2"), "NO_CONSENT");
    assert_eq!(facility.status("logbook:lab/3"), "NO_CONSENT");
    assert_eq!(facility.status("logbook:lab/5"), "NO_CONSENT");
    assert_eq!(facility.column("SELECT count(*) FROM upload_log"), [json!(2)]);
}

#[test]
fn without_files_a_session_waits_for_the_delay_and_then_settles() {
    let facility = Facility::new();
    facility.log(&[ONE]).settings(&format!("{SHARE}[build]\nfile_delay = \"100 years\"\n"));
    let report = facility.run(0);
    assert_eq!(report["build"]["waiting"], json!({ "no files yet": 1 }));
    assert_eq!(line(&report, ID)["detail"], "no files yet; they may still arrive");
    assert_eq!(facility.status(ID), "TO_BE_BUILT");
    // Waiting is no news the second time.
    let before = facility.dump_without_heartbeat();
    facility.run(0);
    assert_eq!(facility.dump_without_heartbeat(), before);

    // They arrive.
    facility.save("tem/late.tif", "2024-03-05T10:59:59+01:00");
    let report = facility.run(0);
    assert_eq!(line(&report, ID)["result"], "COMPLETED");
    assert_eq!(facility.column("SELECT waiting_reason FROM nexus_session"), [json!(null)]);

    // They do not arrive.
    let facility = Facility::new();
    facility
        .log(&[ONE])
        .save("tem/before.tif", "2024-03-05T08:59:00+01:00")
        .save("tem/after.tif", "2024-03-05T11:00:01+01:00");
    let report = facility.run(0);
    assert_eq!(report["build"]["no_files"], 1);
    assert_eq!(facility.status(ID), "NO_FILES_FOUND");
    let why = facility.column("SELECT outcome_text FROM nexus_session").remove(0);
    let why = why.as_str().unwrap();
    assert!(why.ends_with("instruments/tem` was written during the session, and the delay is over"), "{why}");
    assert!(facility.files("data/records").is_empty());
}

#[test]
fn storage_that_is_away_settles_nothing() {
    let facility = Facility::new();
    facility.log(&[ONE]);
    let tem = facility.sandbox.path("instruments/tem");

    // The folder of the instrument is not there.
    fs::rename(&tem, facility.sandbox.path("away")).unwrap();
    let report = facility.run(4);
    assert_eq!(report["build"]["waiting"], json!({ "storage cannot be read": 1 }));
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(told.contains("/instruments/tem`") && told.ends_with("(1 session waits)"), "{told}");
    assert_eq!(facility.status(ID), "TO_BE_BUILT");

    // It is there and holds nothing, as an empty mount point does.
    fs::create_dir(&tem).unwrap();
    let report = facility.run(4);
    assert_eq!(report["build"]["waiting"], json!({ "storage looks empty": 1 }));
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(
        told.ends_with("/instruments/tem` holds no file at all: is the storage mounted? (1 session waits)"),
        "{told}"
    );
    assert_eq!(facility.status(ID), "TO_BE_BUILT");

    // It is mounted again.
    fs::remove_dir(&tem).unwrap();
    fs::rename(facility.sandbox.path("away"), &tem).unwrap();
    facility.save("tem/grain.tif", "2024-03-05T09:30:00+01:00");
    let report = facility.run(0);
    assert_eq!(line(&report, ID)["result"], "COMPLETED");
    assert_eq!(facility.statuses().len(), 1);
}

#[test]
fn one_instrument_that_is_away_holds_up_no_other() {
    let facility = Facility::with_two_sessions();
    fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    let report = facility.run(4);
    assert_eq!(line(&report, ID)["result"], "WAITING");
    assert_eq!(line(&report, "logbook:lab/2")["result"], "COMPLETED");
    let text = facility.nexus(["run"]).code(4).stdout;
    assert!(text.contains("  waiting: 1 × storage cannot be read\n"), "{text}");
    assert!(text.contains("\nneeds a person:\n  - "), "{text}");
}

#[test]
fn a_log_that_cannot_be_read_settles_nothing() {
    let facility = Facility::new();
    // Harvested, and waiting for files.
    facility.log(&[ONE]).settings(&format!("{SHARE}[build]\nfile_delay = \"100 years\"\n"));
    facility.run(0);
    facility.settings(SHARE);
    fs::rename(facility.sandbox.path("usage.csv"), facility.sandbox.path("moved.csv")).unwrap();
    let before = facility.statuses();
    let report = facility.run(4);
    let told = needs_person(&report).join("\n");
    assert!(told.contains("harvester `log` did not finish: ") && told.contains("/usage.csv`"), "{told}");
    assert!(told.ends_with("(1 session waits)"), "{told}");
    assert_eq!(needs_person(&report).len(), 1, "it is said once: {told}");
    assert_eq!(line(&report, ID)["result"], "WAITING");
    assert_eq!(facility.statuses(), before);

    fs::rename(facility.sandbox.path("moved.csv"), facility.sandbox.path("usage.csv")).unwrap();
    facility.run(0);
    assert_eq!(facility.status(ID), "NO_FILES_FOUND");
}

#[test]
fn bad_rows_are_named_by_line_and_cost_only_themselves() {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        ONE,
        "7,TEM,anna,5.3.2024,2024-03-05 11:00,,yes,",
        "8,TEM,anna,2024-03-05 12:00,2024-03-05 11:00,,yes,",
        "9,XRD-9,anna,2024-03-05 12:00,2024-03-05 13:00,,yes,",
    ]);
    let text = facility.nexus(["run"]).code(4).stdout;
    for part in [
        "  not an instrument: `XRD-9` (1 events)\n",
        "  cannot be read: usage.csv line 3: `start` is `5.3.2024`; it takes a time such as 2024-03-05 09:10",
        "  cannot be read: usage.csv line 4: ",
        "needs a person:\n  - harvester `log`: 2 rows cannot be read\n",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    assert_eq!(
        facility.statuses().into_iter().collect::<Vec<_>>(),
        [(ID.to_owned(), "COMPLETED".to_owned())]
    );
}
