//! `--dry-run`: everything told, nothing changed.

use std::fs;

use serde_json::{Value, json};

use crate::common::facility::Facility;

/// Sessions of every kind; the first has two bursts of files.
fn facility() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
        "3,SEM,bea,2024-03-07 10:00,2024-03-07 12:00,Refused,no,",
        "4,SEM,bea,2024-03-08 10:00,2024-03-08 12:00,Empty,yes,",
    ]);
    facility
}

#[test]
fn a_dry_run_tells_what_the_run_then_does_and_changes_nothing() {
    let facility = facility();
    let before = (facility.dump(), facility.tree());
    let text = facility.nexus(["run", "--dry-run"]).done();
    assert_eq!((facility.dump(), facility.tree()), before);
    for part in [
        "logbook:lab/1  TEM  anna\n  time         2024-03-05 09:00 +01:00 to 2024-03-05 11:00 +01:00\n  \
         would be     BUILD: 2024-03-05_TEM_logbook~3alab~2f1\n",
        "  activity 1   from 09:30:00, 1 file\n    tem/grain.tif\n  to           share\n",
        "  would be     NO_CONSENT: the answer to consent is `no` (usage.csv line 4)\n",
        "  would be     NO_FILES_FOUND: no file below ",
        "would harvest log: 4 events = 4 new + ",
        "of 4 to be built would be: 2 BUILD + 1 NO_CONSENT + 1 NO_FILES_FOUND\n",
        "\nThis was a dry run: nothing was changed, written or delivered.\n",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }

    let brief = facility.nexus(["run", "--dry-run", "--brief"]).done();
    assert!(brief.starts_with("would harvest log: ") && text.ends_with(&brief), "{brief}");
    let told = facility.nexus(["run", "--dry-run", "--json"]).json();
    assert_eq!((facility.dump(), facility.tree()), before);
    assert_eq!(told["planned"], json!({ "BUILD": 2, "NO_CONSENT": 1, "NO_FILES_FOUND": 1 }));
    assert_eq!(told["report"]["build"]["planned"], 4);
    let sessions = told["sessions"].as_array().unwrap();
    assert_eq!(sessions[0]["destinations"], json!(["share"]));
    assert_eq!(sessions[1]["activities"][0]["files"], json!(["sem/deep/fracture.tif"]));

    let report = facility.run(0);
    let results = |lines: &Value| -> Vec<(String, String)> {
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().replace("BUILD", "COMPLETED");
        lines.as_array().unwrap().iter().map(|line| (text(line, "session"), text(line, "result"))).collect()
    };
    assert_eq!(results(&told["sessions"]), results(&report["sessions"]));
}

#[test]
fn a_dry_run_takes_the_same_choice() {
    let facility = facility();
    let told = facility.nexus(["run", "--dry-run", "--json", "--limit", "1", "--instrument", "SEM"]).json();
    assert_eq!(told["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(told["sessions"][0]["session"], "logbook:lab/2");
    assert_eq!(told["report"]["build"]["beyond_limit"], 2);
    // Nothing was harvested yet.
    let nothing = facility.nexus(["build", "--dry-run", "--json"]).json();
    assert_eq!(nothing["sessions"], json!([]));
    assert_eq!(nothing["planned"], json!({}));
}

#[test]
fn what_needs_a_person_is_told_beforehand() {
    let facility = facility();
    fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    let before = (facility.dump(), facility.tree());
    let text = facility.nexus(["run", "--dry-run"]).code(4).stdout;
    assert_eq!((facility.dump(), facility.tree()), before);
    assert!(text.contains("  would be     WAITING: "), "{text}");
    assert!(text.contains("\nneeds a person:\n  - "), "{text}");
    facility.nexus(["run", "--dry-run", "--session", "nobody", "--json"]).code(4);
}
