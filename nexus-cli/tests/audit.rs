//! `nexus audit` and `nexus harvest --since`, over the built program: no session is missing, or it is listed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::facility::{Facility, SETTINGS, SHARE};
use serde_json::{Value, json};

/// Events of every kind, from the log's first row on.
const ROWS: [&str; 8] = [
    "0,TEM,anna,2024-02-01 09:00,2024-02-01 10:00,The log begins,yes,",
    "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
    "2,SEM,bea,2024-03-06 10:00,2024-03-06 12:00,Fracture,yes,",
    "3,SEM,bea,2024-03-07 10:00,2024-03-07 12:00,Secret,no,",
    "4,TEM,anna,2024-03-08 10:00,2024-03-08 12:00,Called off,yes,yes",
    "5,Optical bench,anna,2024-03-08 10:00,2024-03-08 12:00,No instrument,yes,",
    "6,TEM,carl,2024-03-09 10:00,,Still going on,yes,",
    "7,Optical bench,anna,2024-02-08 10:00,2024-02-08 12:00,Before March,yes,",
];

/// One more: a log that has not changed says nothing new.
const OTHER: &str = "10,Optical bench,anna,2024-03-10 10:00,2024-03-10 12:00,No instrument,yes,";

const MARCH: [&str; 2] = ["--since", "2024-03-01T00:00Z"];

/// A facility whose run is through: two records, one refusal, one event called off, one in use.
fn through() -> Facility {
    let facility = Facility::new();
    facility.log(&ROWS);
    facility.save("tem/first.tif", "2024-02-01T09:30:00+01:00");
    facility.save("tem/grain.tif", "2024-03-05T09:30:00+01:00");
    facility.save("sem/fracture.tif", "2024-03-06T11:59:59-07:00");
    facility.run(0);
    facility
}

/// What `nexus audit --json` says; its sums are checked.
#[track_caller]
fn audit(facility: &Facility, options: &[&str], code: i32) -> Value {
    let outcome = facility.nexus([&["audit", "--json"], options].concat()).code(code);
    assert_eq!(outcome.stderr, "");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["accounted_for"], json!(code == 0), "{report:#}");
    let mut events = 0;
    for harvester in report["harvesters"].as_array().unwrap() {
        let told = |name: &str| harvester["told"][name].as_u64().unwrap();
        let rows = told("rows") - told("again") - told("beyond") - told("not_chosen");
        assert_eq!(
            total(&harvester["sum"]),
            rows + told("not_an_instrument") + told("rejected"),
            "{report:#}"
        );
        events += total(&harvester["sum"]);
    }
    assert_eq!(report["events"], events, "{report:#}");
    assert_eq!(total(&report["sum"]), events, "{report:#}");
    report
}

/// All classes of a sum together.
fn total(sum: &Value) -> u64 {
    let map = |name: &str| -> u64 {
        sum[name].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
    };
    let plain = ["unfinished", "not_an_instrument", "cancelled", "missing", "unreadable"];
    plain.iter().map(|name| sum[*name].as_u64().unwrap()).sum::<u64>() + map("settled") + map("waiting")
}

/// The lines of a list, one field of each.
fn field<'a>(report: &'a Value, list: &str, name: &str) -> Vec<&'a str> {
    let lines = report[list]["lines"].as_array().unwrap();
    lines.iter().map(|line| line[name].as_str().unwrap()).collect()
}

#[test]
fn every_event_is_accounted_for_in_its_class() {
    let facility = through();
    let (before, tree) = (facility.dump(), facility.tree());
    let report = audit(&facility, &MARCH, 0);
    let sum = json!({
        "unfinished": 1, "settled": { "COMPLETED": 2, "NO_CONSENT": 1 }, "waiting": {}, "not_an_instrument": 1,
        "cancelled": 1, "missing": 0, "unreadable": 0,
    });
    assert_eq!(report["sum"], sum);
    assert_eq!(report["harvesters"][0]["outside"], json!([{ "tool": "Optical bench", "count": 1 }]));
    assert_eq!(report["alone"], json!({ "lines": [], "left_out": 0 }));
    let of = |at: usize| &report["harvesters"][0]["instruments"][at];
    assert_eq!((&of(0)["instrument"], total(&of(0)["sum"])), (&json!("SEM"), 2));
    assert_eq!((&of(1)["instrument"], total(&of(1)["sum"])), (&json!("TEM"), 3));
    assert_eq!(of(1)["proved_from"], "2024-03-01T00:00:00.000000Z");

    let text =
        facility.nexus(["audit", "--since", "2024-03-01T00:00Z", "--until", "2024-04-01T00:00Z"]).done();
    assert!(text.contains(
        "\n5 usage events = 0 unfinished + 3 settled + 0 waiting + 1 not an instrument + 1 cancelled + 0 missing + 0 \
         unreadable\n"
    ), "{text}");
    assert!(
        text.ends_with(
            "\nevery one of 5 usage events from 2024-03-01 00:00 UTC to 2024-04-01 00:00 UTC is accounted for\n"
        ),
        "{text}"
    );
    assert_eq!(facility.dump(), before, "nothing is written");
    assert_eq!(facility.tree(), tree, "nothing is written");
}

#[test]
fn what_waits_is_told_with_what_it_waits_for() {
    let facility = Facility::new();
    facility.log(&ROWS);
    // Nothing was harvested yet.
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["sum"]["waiting"], json!({ "not harvested yet: the next run brings it": 3 }));
    facility.step("harvest", 0);
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["sum"]["waiting"], json!({ "not built yet": 3 }));
    facility.step("build", 0);
    // The file delay is over, so one has no files; none was delivered.
    let facility = Facility::with_two_sessions();
    facility.step("harvest", 0);
    facility.step("build", 0);
    let report = audit(&facility, &["--since", "2024-03-05T10:00Z"], 0);
    assert_eq!(report["sum"]["waiting"], json!({ "built, delivered nowhere yet": 2 }));
}

#[test]
fn an_event_whose_rows_were_deleted_is_missing_until_it_is_harvested_again() {
    let facility = through();
    facility.sql("DELETE FROM session_log WHERE session_identifier = 'logbook:lab/3'");
    let report = audit(&facility, &MARCH, 4);
    assert_eq!(report["sum"]["missing"], 1);
    let missing = json!({
        "harvester": "log", "external_id": "3", "session_identifier": "logbook:lab/3", "instrument": "SEM",
        "user": "bea", "start": "2024-03-07T10:00:00-07:00", "end": "2024-03-07T12:00:00-07:00", "why": "rows_gone",
        "detail": "it was harvested, but its rows are gone from session_log, and no run to come brings it",
    });
    assert_eq!(report["missing"]["lines"], json!([missing]));
    let remedy = "nexus harvest --since 2024-03-07T19:00Z --until 2024-03-07T19:01Z";
    assert_eq!(report["remedy"], remedy);
    let text = facility.nexus(["audit", "--since", "2024-03-01T00:00Z"]).code(4).stdout;
    assert!(
        text.contains("usage event 3 of harvester `log` (SEM, bea, 2024-03-07 10:00 -07:00 to "),
        "{text}"
    );
    assert!(text.contains(&format!("`{remedy}` brings what a harvest can bring")), "{text}");
    assert!(text.contains(": 1 missing\n"), "{text}");

    // The next run does not bring it, as was said.
    facility.run(0);
    assert_eq!(facility.status("logbook:lab/3"), "");
    let cursors = facility.rows("SELECT * FROM nexus_cursor");
    let words: Vec<&str> = remedy.split(' ').collect();
    let options = &words[2..];
    let report = facility.step_with("harvest", options, 0);
    assert_eq!(
        (&report["harvest"]["log"]["events"], &report["harvest"]["log"]["new"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(facility.rows("SELECT * FROM nexus_cursor"), cursors);
    facility.run(0);
    assert_eq!(facility.status("logbook:lab/3"), "NO_CONSENT");
    assert_eq!(audit(&facility, &MARCH, 0)["missing"]["lines"], json!([]));
}

#[test]
fn an_event_that_the_cursor_has_passed_is_missing() {
    let facility = through();
    for table in ["session_log", "nexus_session"] {
        facility.sql(&format!("DELETE FROM {table} WHERE session_identifier = 'logbook:lab/3'"));
    }
    let report = audit(&facility, &MARCH, 4);
    assert_eq!(field(&report, "missing", "why"), ["passed"]);
    let detail = field(&report, "missing", "detail")[0];
    assert!(
        detail.starts_with("its harvester has read on past it (its instrument's cursor last moved 2"),
        "{detail}"
    );
    facility.step_with("harvest", &["--since", "2024-03-07", "--until", "2024-03-08"], 0);
    assert_eq!(audit(&facility, &MARCH, 0)["sum"]["waiting"], json!({ "not built yet": 1 }));
}

#[test]
fn a_delivered_session_without_rows_is_missing_and_no_harvest_is_advised() {
    let facility = through();
    facility.sql("DELETE FROM session_log WHERE session_identifier = 'logbook:lab/1'");
    let report = audit(&facility, &MARCH, 4);
    assert_eq!(field(&report, "missing", "why"), ["record_exists"]);
    assert!(field(&report, "missing", "detail")[0].ends_with("take them from a backup of the database"));
    assert_eq!(report["remedy"], Value::Null);
    // As a run would have it: its record must not be made a second time.
    facility.step_with("harvest", &["--since", "2024-03-05", "--until", "2024-03-06"], 4);
    assert_eq!(facility.status("logbook:lab/1"), "");
}

#[test]
fn an_event_that_was_entered_late_comes_with_the_next_run() {
    let facility = through();
    let late = "8,TEM,anna,2024-03-02 09:00,2024-03-02 11:00,Entered late,yes,";
    facility.log(&[&ROWS[..], &[late]].concat());
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["sum"]["waiting"], json!({ "not harvested yet: the next run brings it": 1 }));
    facility.step("harvest", 0);
    assert_eq!(audit(&facility, &MARCH, 0)["sum"]["waiting"], json!({ "not built yet": 1 }));
}

#[test]
fn a_harvest_of_a_span_takes_nothing_as_gone_and_moves_no_cursor() {
    let facility = through();
    facility.sql(
        "UPDATE session_log SET record_status = 'TO_BE_BUILT' WHERE session_identifier = 'logbook:lab/3'",
    );
    facility.sql(
        "UPDATE nexus_session SET last_status = 'TO_BE_BUILT' WHERE session_identifier = 'logbook:lab/3'",
    );
    let rows: Vec<&str> = ROWS.iter().copied().filter(|row| !row.starts_with('3')).collect();
    facility.log(&rows);
    let cursors = facility.rows("SELECT * FROM nexus_cursor");
    for _ in 0..3 {
        let report = facility.step_with("harvest", &["--since", "2024-01-01"], 0);
        assert_eq!(
            (&report["harvest"]["log"]["gone"], &report["harvest"]["log"]["events"]),
            (&json!(0), &json!(5))
        );
    }
    assert_eq!(facility.status("logbook:lab/3"), "TO_BE_BUILT");
    assert_eq!(
        facility.column("SELECT gone_since FROM nexus_session WHERE external_id = '3'"),
        [Value::Null]
    );
    assert_eq!(facility.rows("SELECT * FROM nexus_cursor"), cursors);
    // The usual harvest does.
    facility.step("harvest", 0);
    facility.log(&[&rows[..], &[OTHER]].concat());
    let report = facility.step("harvest", 0);
    assert_eq!(report["harvest"]["log"]["gone"], 1);
    assert_eq!(facility.status("logbook:lab/3"), "NO_RESERVATION");

    facility.nexus(["harvest", "--since", "2024-03-05T10:00Z", "--until", "2024-03-05T10:00Z"]).refused(
        2,
        "error: no usage event can have ended at 2024-03-05 10:00:00 UTC or later and before 2024-03-05 10:00:00 \
         UTC\n  hint: --since takes the earlier moment, --until the later one",
    );
    facility.nexus(["harvest", "--until", "2024-03-05"]).code(2);
}

#[test]
fn rows_that_cannot_be_read_are_listed_and_prove_nothing() {
    let facility = through();
    facility.log(&[&ROWS[..], &["9,TEM,anna,yesterday,2024-03-02 11:00,No time,yes,"]].concat());
    let report = audit(&facility, &MARCH, 4);
    assert_eq!(report["sum"]["unreadable"], 1);
    assert_eq!(field(&report, "unreadable", "place"), ["usage.csv line 10"]);
    let [not_proved] = &report["not_proved"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(not_proved["instruments"], json!(["TEM"]));
    assert!(not_proved["why"].as_str().unwrap().starts_with("its answer is not complete"), "{report:#}");
    assert_eq!(report["harvesters"][0]["instruments"][1]["proved_from"], Value::Null);
    let text = facility.nexus(["audit", "--since", "2024-03-01T00:00Z"]).code(4).stdout;
    assert!(text.contains(
        "cannot be read; to be corrected at the source:\n  - harvester `log`: usage.csv line 10: "
    ));
    assert!(text.ends_with(": 1 unreadable, not everything is proved\n"), "{text}");
}

#[test]
fn a_harvester_that_fails_proves_nothing_and_no_session_is_blamed() {
    let facility = through();
    std::fs::rename(facility.sandbox.path("usage.csv"), facility.sandbox.path("away.csv")).unwrap();
    let report = audit(&facility, &MARCH, 4);
    assert_eq!((&report["events"], &report["not_judged"]), (&json!(0), &json!(3)));
    assert_eq!(report["alone_by_kind"], json!({}));
    let [not_proved] = &report["not_proved"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(not_proved["instruments"], json!(["SEM", "TEM"]));
    assert!(not_proved["why"].as_str().unwrap().starts_with("it failed: "), "{report:#}");
    assert!(report["harvesters"][0]["failed"].as_str().unwrap().contains("usage.csv"), "{report:#}");
}

#[test]
fn the_time_before_a_source_begins_is_not_proved_where_it_matters() {
    let facility = through();
    let since = ["--since", "2024-01-01T00:00Z"];
    let report = audit(&facility, &since, 4);
    let not_proved = report["not_proved"][0]["why"].as_str().unwrap();
    assert_eq!(not_proved, "it tells nothing of what ended before 2024-02-01 09:00 UTC");
    // Nobody asked for that time, and nobody knows anything of it.
    let recent = |days_ago: i64| {
        let start = chrono::Utc::now() - chrono::TimeDelta::days(days_ago);
        let end = start + chrono::TimeDelta::hours(1);
        format!("{days_ago},TEM,anna,{},{},,no,", start.to_rfc3339(), end.to_rfc3339())
    };
    let facility = Facility::new();
    facility.log(&[&recent(5), &recent(3)]);
    facility.run(0);
    let report = audit(&facility, &[], 0);
    assert_eq!((&report["events"], report["notes"].as_array().unwrap().len()), (&json!(2), 1));
    // A session from then: the log was cut, and what is left does not tell of it.
    facility.log(&[&recent(3)]);
    let report = audit(&facility, &[], 4);
    assert_eq!(report["not_judged"], 1);
    assert!(
        report["not_proved"][0]["why"].as_str().unwrap().starts_with("it tells nothing of what"),
        "{report:#}"
    );
}

#[test]
fn a_renamed_harvester_knows_its_sessions_by_their_identifiers() {
    let facility = through();
    let settings = format!("{SETTINGS}{SHARE}").replace("[harvesters.log]", "[harvesters.book]");
    facility.sandbox.write("nexus.toml", &settings);
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["sum"]["settled"], json!({ "COMPLETED": 2, "NO_CONSENT": 1 }));
    // What its old name brought and its source does not have any more.
    let rows: Vec<&str> = ROWS.iter().copied().filter(|row| !row.starts_with('3')).collect();
    facility.log(&rows);
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["alone_by_kind"], json!({ "harvester_gone": 1 }));
}

#[test]
fn sessions_without_an_event_are_listed_by_kind_and_change_no_sum() {
    let facility = through();
    let events = audit(&facility, &MARCH, 0)["events"].clone();
    for (id, instrument, kind, time) in [
        ("theirs", "TEM", "START", "2024-03-15T09:00:00"),
        ("theirs", "TEM", "END", "2024-03-15T10:00:00"),
        ("endless", "SEM", "START", "2024-03-16T09:00:00"),
        ("before", "TEM", "START", "2024-02-15T09:00:00"),
        ("before", "TEM", "END", "2024-02-15T10:00:00"),
    ] {
        facility.sql(&format!(
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
             VALUES ('{id}', '{instrument}', '{time}', '{kind}', 'COMPLETED')"
        ));
    }
    let rows: Vec<&str> = ROWS.iter().copied().filter(|row| !row.starts_with('2')).collect();
    facility.log(&rows);
    let report = audit(&facility, &MARCH, 0);
    assert_eq!(report["alone_by_kind"], json!({ "event_gone": 1, "other_program": 1, "no_end": 1 }));
    assert_eq!(report["events"], json!(events.as_u64().unwrap() - 1));
    assert_eq!(field(&report, "alone", "session"), ["logbook:lab/2", "theirs", "endless"]);
    assert!(field(&report, "alone", "detail")[0].starts_with("its event is not at its source"), "{report:#}");
    facility.step("harvest", 0);
    let report = audit(&facility, &MARCH, 0);
    assert!(field(&report, "alone", "detail")[0].contains("a run has noticed"), "{report:#}");
    facility.log(&[&rows[..], &[OTHER]].concat());
    facility.step("harvest", 4);
    let report = audit(&facility, &MARCH, 0);
    assert!(field(&report, "alone", "detail")[0].contains("reported by a run"), "{report:#}");

    let text = facility.nexus(["audit", "--since", "2024-03-01T00:00Z"]).done();
    assert!(text.contains("sessions without a usage event (not part of the sum):\n"), "{text}");
    assert!(
        text.contains("\n  - theirs (TEM, 2024-03-15T10:00:00, COMPLETED): NexusLIMS or another"),
        "{text}"
    );
    let brief = facility.nexus(["audit", "--since", "2024-03-01T00:00Z", "--brief"]).done();
    assert!(!brief.contains("theirs") && brief.contains("1 × another program brought it"), "{brief}");
}

#[test]
fn an_event_that_was_moved_to_another_time_is_not_gone() {
    let facility = through();
    let moved = "2,SEM,bea,2024-04-06 10:00,2024-04-06 12:00,Fracture,yes,";
    let rows: Vec<&str> = ROWS.iter().map(|row| if row.starts_with('2') { moved } else { *row }).collect();
    facility.log(&rows);
    let report = audit(&facility, &["--since", "2024-03-01T00:00Z", "--until", "2024-04-01T00:00Z"], 0);
    assert_eq!(report["alone_by_kind"], json!({}), "{report:#}");
}

#[test]
fn one_instrument_alone() {
    let facility = through();
    facility.sql("DELETE FROM session_log WHERE session_identifier = 'logbook:lab/3'");
    let report = audit(&facility, &[&MARCH[..], &["--instrument", "TEM"]].concat(), 0);
    assert_eq!(
        report["sum"],
        json!({
            "unfinished": 1, "settled": { "COMPLETED": 1 }, "waiting": {}, "not_an_instrument": 0, "cancelled": 1,
            "missing": 0, "unreadable": 0,
        })
    );
    audit(&facility, &[&MARCH[..], &["--instrument", "SEM", "--harvester", "log"]].concat(), 4);
    facility.nexus(["audit", "--instrument", "FIB"]).refused(
        2,
        "error: there is no instrument `FIB`\n  hint: `nexus instruments list` shows the identifiers",
    );
    facility.nexus(["audit", "--harvester", "nemo"]).refused(
        2,
        "error: there is no harvester `nemo`\n  hint: `nexus harvesters list` shows those of the configuration",
    );
    facility.nexus(["audit", "--since", "2024-03-02", "--until", "2024-02-01"]).code(2);
}

#[test]
fn an_instrument_that_nobody_serves_is_not_proved() {
    let facility = through();
    let settings = format!("{}{SHARE}", SETTINGS.replace(", \"SEM\"", ""));
    facility.sandbox.write("nexus.toml", settings);
    let report = audit(&facility, &MARCH, 4);
    let why = report["not_proved"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("no harvester serves instrument `SEM`"), "{why}");
    assert_eq!(report["alone_by_kind"], json!({ "unserved": 2 }));
    // Its rows are no instrument's by now.
    assert_eq!(report["sum"]["not_an_instrument"], 3);
    audit(&facility, &[&MARCH[..], &["--harvester", "log"]].concat(), 0);
}

#[test]
fn where_nobody_is_asked_nothing_is_proved() {
    let facility = Facility::new();
    facility.sandbox.write("nexus.toml", SETTINGS.split("[harvesters").next().unwrap());
    facility.sql("DELETE FROM instruments");
    let report = audit(&facility, &MARCH, 4);
    let why = report["not_proved"][0]["why"].as_str().unwrap();
    assert!(why.ends_with("so nobody was asked"), "{why}");
}

#[test]
fn a_run_under_way_is_no_obstacle() {
    let facility = through();
    let lock = nexus_core::lock::RunLock::try_acquire(&facility.sandbox.path("data")).unwrap();
    audit(&facility, &MARCH, 0);
    drop(lock);
}

#[test]
fn the_demo_is_accounted_for() {
    let sandbox = common::Sandbox::new();
    sandbox.nexus(["demo"]).done();
    let config = sandbox.path("nexus-demo/nexus.toml");
    let audited = |options: &[&str]| {
        sandbox.nexus([&["--config", config.to_str().unwrap(), "audit"], options].concat()).done()
    };
    let text = audited(&[]);
    assert!(text.trim_end().ends_with(" is accounted for"), "{text}");
    let text = audited(&["--since", "2024-10-22T00:00Z", "--until", "2024-12-01T00:00Z"]);
    assert!(
        text.ends_with(
            "every one of 10 usage events from 2024-10-22 00:00 UTC to 2024-12-01 00:00 UTC is accounted for\n"
        ),
        "{text}"
    );
}

#[test]
fn files_that_came_late_are_found_with_what_to_do() {
    let facility = through();
    // A session without files, and files that are in no session.
    facility.log(&[&ROWS[..], &["8,SEM,bea,2024-03-11 10:00,2024-03-11 12:00,Nothing,yes,"]].concat());
    facility.run(0);
    assert_eq!(facility.status("logbook:lab/8"), "NO_FILES_FOUND");
    let files =
        |options: &[&str], code| audit(&facility, &[&MARCH[..], &["--files"], options].concat(), code);
    let tree = facility.tree();
    let report = files(&[], 0);
    assert_eq!(report["files"], json!({ "late": { "lines": [], "left_out": 0 }, "orphans": [] }));
    assert_eq!(facility.tree(), tree);

    facility.save("sem/late.tif", "2024-03-11T11:00:00-06:00");
    facility.save("tem/more.tif", "2024-03-05T10:00:00+01:00");
    facility.save("tem/notes.txt", "2024-03-05T10:00:00+01:00");
    for (name, at) in [("a/1.tif", "01"), ("a/2.tif", "03"), ("b/1.tif", "02"), ("loose.tif", "04")] {
        facility.save(&format!("sem/{name}"), &format!("2024-03-20T{at}:00:00Z"));
    }
    let report = files(&[], 4);
    assert_eq!(report["sum"]["missing"], 0);
    let late = &report["files"]["late"]["lines"];
    let expected = |id: &str, why: &str, command: &str, in_record: Value, now: u64| {
        let one = late.as_array().unwrap().iter().find(|one| one["session"] == id).unwrap();
        assert_eq!((&one["why"], &one["command"]), (&json!(why), &json!(command)));
        assert_eq!((&one["in_record"], &one["now"]), (&in_record, &json!(now)));
        one["example"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    };
    let example =
        expected("logbook:lab/8", "no_record", "nexus sessions retry 'logbook:lab/8'", Value::Null, 1);
    assert_eq!(example, "late.tif");
    let example =
        expected("logbook:lab/1", "more_files", "nexus sessions rebuild 'logbook:lab/1'", json!(1), 2);
    assert_eq!(example, "more.tif", "the new one, and not one that does not count");
    assert_eq!(late.as_array().unwrap().len(), 2);
    let folder = |name: &str, files: u64, bytes: u64, first: &str, last: &str| {
        let at = |hour: &str| format!("2024-03-20T{hour}:00:00.000000Z");
        json!({ "folder": name, "files": files, "bytes": bytes, "first": at(first), "last": at(last) })
    };
    let size = |name: &str| format!("file sem/{name}").len() as u64;
    let orphans = &report["files"]["orphans"];
    assert_eq!(
        orphans[0]["folders"]["lines"],
        json!([
            folder("a", 2, 2 * size("a/1.tif"), "01", "03"),
            folder(".", 1, size("loose.tif"), "04", "04"),
            folder("b", 1, size("b/1.tif"), "02", "02"),
        ])
    );
    assert_eq!((&orphans[0]["files"], &orphans[0]["instrument"]), (&json!(4), &json!("SEM")));
    assert_eq!(orphans.as_array().unwrap().len(), 1, "{orphans:#}");

    let text = facility.nexus(["audit", "--files", "--since", "2024-03-01T00:00Z"]).code(4).stdout;
    assert!(text.contains("files that came late, in 2 sessions:\n"), "{text}");
    assert!(text.contains("in no session: 4 files of SEM ("), "{text}");
    assert!(text.ends_with(": 2 with late files\n"), "{text}");
    assert!(!text.contains("not proved"), "{text}");

    // What is advised helps, and orphans alone ask for nothing.
    facility.nexus(["sessions", "retry", "logbook:lab/8"]).code(0);
    facility.nexus(["sessions", "rebuild", "logbook:lab/1"]).code(0);
    facility.run(0);
    let report = files(&[], 0);
    assert_eq!(report["files"]["orphans"][0]["files"], 4);

    // As many files as in the record, and another one among them.
    std::fs::remove_file(facility.sandbox.path("instruments/tem/more.tif")).unwrap();
    assert_eq!(files(&[], 0)["files"]["late"]["left_out"], 0, "a file that is gone is not a new one");
    facility.save("tem/other.tif", "2024-03-05T10:30:00+01:00");
    let report = files(&["--instrument", "TEM"], 4);
    assert_eq!(report["files"]["late"]["lines"][0]["why"], "other_files");
    assert!(report["files"]["late"]["lines"][0]["example"].as_str().unwrap().ends_with("/other.tif"));
}

#[test]
fn a_use_that_is_missing_or_goes_on_leaves_no_orphans() {
    let facility = through();
    facility.save("tem/now.tif", "2024-03-09T11:00:00+01:00");
    facility.save("tem/called-off.tif", "2024-03-08T11:00:00+01:00");
    facility.sql("DELETE FROM session_log WHERE session_identifier = 'logbook:lab/2'");
    let report = audit(&facility, &[&MARCH[..], &["--files"]].concat(), 4);
    assert_eq!(report["sum"]["missing"], 1);
    let orphans = report["files"]["orphans"].as_array().unwrap();
    assert_eq!(orphans.len(), 1, "{orphans:#?}");
    assert_eq!((&orphans[0]["instrument"], &orphans[0]["files"]), (&json!("TEM"), &json!(1)));
    // Of a time that is over nobody tells what is still in use: the database knows it.
    let until = ["--until", "2024-03-20T00:00Z", "--files"];
    let report = audit(&facility, &[&MARCH[..], &until].concat(), 4);
    assert_eq!(report["sum"]["unfinished"], 0);
    assert_eq!(report["files"]["orphans"].as_array().unwrap(), orphans);
}

#[test]
fn a_storage_that_is_away_is_said_and_nothing_else_of_its_instrument() {
    let facility = through();
    facility.save("sem/orphan.tif", "2024-03-20T00:00:00Z");
    facility.save("tem/orphan.tif", "2024-03-20T00:00:00Z");
    std::fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    let report = audit(&facility, &[&MARCH[..], &["--files"]].concat(), 4);
    let [not_proved] = &report["not_proved"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(not_proved["instruments"], json!(["TEM"]));
    let why = not_proved["why"].as_str().unwrap();
    assert!(
        why.starts_with("its files were not looked at: instrument folder ") && why.contains("does not exist")
    );
    assert_eq!(report["files"]["orphans"].as_array().unwrap().len(), 1);
    std::fs::rename(facility.sandbox.path("away"), facility.sandbox.path("instruments/tem")).unwrap();
    let remembered = facility.column("SELECT value FROM nexus_meta WHERE key = 'storage'")[0].to_string();
    assert!(remembered.contains("kind"), "{remembered}");
    facility.sql("UPDATE nexus_meta SET value = replace(value, '\"kind\":\"', '\"kind\":\"other-') WHERE key = 'storage'");
    let report = audit(&facility, &[&MARCH[..], &["--files"]].concat(), 4);
    assert_eq!(
        (
            report["files"]["orphans"].as_array().unwrap().len(),
            report["not_proved"].as_array().unwrap().len()
        ),
        (0, 2)
    );
    assert!(report["not_proved"][0]["why"].as_str().unwrap().contains(" was on other-"), "{report:#}");
    facility.sql("UPDATE nexus_meta SET value = replace(value, 'other-', '') WHERE key = 'storage'");
    std::fs::rename(facility.sandbox.path("instruments/tem"), facility.sandbox.path("away")).unwrap();
    // An empty mount point is no storage.
    facility.folder("instruments/tem");
    let report = audit(&facility, &[&MARCH[..], &["--files"]].concat(), 4);
    let why = report["not_proved"][0]["why"].as_str().unwrap();
    assert!(why.ends_with("holds no file at all: is the storage mounted?"), "{why}");
    audit(&facility, &MARCH, 0);
}
