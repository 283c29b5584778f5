//! `nexus explain`, over the built program. What it says in every situation is in
//! `nexus-core/src/explain/testdata/situations.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;
use std::process::Command;

use common::Sandbox;
use common::facility::Facility;
use nexus_core::lock::RunLock;
use rusqlite::Connection;
use serde_json::Value;

/// One session of every kind that two microscopes can have.
fn facility() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.log(&[
        "1,TEM,anna,2024-03-05 09:00,2024-03-05 11:00,Grains,yes,",
        "2,SEM,bea,2024-03-05 02:00,2024-03-05 03:00,Refused,no,",
        "3,TEM,bea,2024-03-05 11:00,2024-03-05 12:00,Nothing saved,yes,",
        "4,SEM,anna,2024-03-01 13:00,,In use,yes,",
    ]);
    facility.run(0);
    facility
}

fn explained(facility: &Facility, what: &str) -> String {
    facility.nexus(["explain", what]).done()
}

#[track_caller]
fn says(text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(text.contains(sentence), "no `{sentence}` in\n{text}");
    }
}

/// The lines that stand at the margin: who it is, then the headings.
fn headings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect()
}

/// Runs the command that stands in backticks after some words, as somebody does who copies it.
#[track_caller]
fn copied(sandbox: &Sandbox, text: &str, words: &str) -> String {
    let from = text.find(words).unwrap_or_else(|| panic!("no `{words}` in\n{text}"));
    let command = text[from..].split('`').find(|part| part.starts_with("nexus ")).unwrap();
    let program = env!("CARGO_BIN_EXE_nexus");
    let mut shell = Command::new("sh");
    shell.current_dir(sandbox.path("")).args(["-c", &command.replacen("nexus", &format!("'{program}'"), 1)]);
    sandbox.finish(&mut shell).done()
}

#[test]
fn a_delivered_session_from_beginning_to_end() {
    let facility = facility();
    let text = explained(&facility, "logbook:lab/1");
    assert_eq!(
        headings(&text),
        [
            "logbook:lab/1: COMPLETED",
            "Session",
            "Reservation",
            "Files",
            "Record",
            "Deliveries",
            "Status",
            "What happened",
            "What comes next",
        ]
    );
    says(
        &text,
        &[
            "  anna used Test TEM (TEM) from 2024-03-05 09:00 to 11:00 +01:00, for 2 hours; that ended ",
            "  It is usage event `1` of harvester `log`.\n  It was harvested by run 1, at 20",
            "“Grains”",
            "`[DIR]/instruments/tem` that were last changed from 2024-03-05 09:00 to 11:00 +01:00 and that `[build]` takes.\n  1 \
             file of them went into the record.",
            "It lies in `[DIR]/data/records/uploaded/2024-03-05_TEM_logbook~3alab~2f1.xml`.",
            "  share: The record is there since 20",
            "    Its id there is 2024/TEM/2024-03-05_TEM_logbook~3alab~2f1.xml: file://",
            "strategy `best_effort` one destination must have the record; `share` has it.",
            "Run 1 (nexus ",
            "  It was harvested from log.",
            "  Nexus delivered the record to `share`, as 2024/TEM/",
        ],
    );
    let told = copied(&facility.sandbox, &text, "Nothing more happens.");
    assert_eq!(told, "logbook:lab/1: stays COMPLETED until the next run has built it again\n");
    says(
        &explained(&facility, "logbook:lab/1"),
        &["The next run builds its record again, and delivers it where"],
    );
}

#[test]
fn one_without_files_with_the_command_that_builds_it_after_all() {
    let facility = facility();
    let text = explained(&facility, "logbook:lab/3");
    assert_eq!(headings(&text)[0], "logbook:lab/3: NO_FILES_FOUND");
    says(
        &text,
        &[
            "None was found: no file below `[DIR]/instruments/tem` was written during the session, and the delay is over.",
            "It is NO_FILES_FOUND: the time for files was over",
        ],
    );
    facility.save("tem/late.tif", "2024-03-05T11:30:00+01:00");
    copied(&facility.sandbox, &text, "Nothing more happens by itself.");
    let text = explained(&facility, "logbook:lab/3");
    says(
        &text,
        &[
            "It was settled without a record before (no file below",
            "builds its record, and delivers it to `share`.",
        ],
    );
    facility.run(0);
    assert_eq!(headings(&explained(&facility, "logbook:lab/3"))[0], "logbook:lab/3: COMPLETED");
}

#[test]
fn one_that_waits_for_files_says_until_when() {
    let facility = Facility::with_two_sessions();
    facility.settings(&format!("{}[build]\nfile_delay = \"100000 days\"\n", common::facility::SHARE));
    fs::remove_file(facility.sandbox.path("instruments/tem/grain.tif")).unwrap();
    facility.run(0);
    let text = explained(&facility, "logbook:lab/1");
    says(
        &text,
        &[
            "The build found no file yet, and waits for some.",
            "They may come until 2297-12-19 11:00 +01:00 (in ",
            "that is `build.file_delay`, 100000 days, after its end.",
            "becomes NO_FILES_FOUND.",
        ],
    );
}

#[test]
fn one_in_use_and_one_without_consent() {
    let facility = facility();
    let text = explained(&facility, "logbook:lab/4");
    assert_eq!(headings(&text), ["logbook:lab/4: OPEN", "Session", "Status", "What comes next"]);
    says(
        &text,
        &["anna uses Test SEM (SEM) since 2024-03-01 13:00 -07:00", "harvests it, and builds its record."],
    );
    let text = explained(&facility, "logbook:lab/2");
    says(&text, &["Consent was not given: the answer to consent is `no` (usage.csv line 3)."]);
}

#[test]
fn a_delivery_whose_end_nobody_can_tell() {
    let facility = facility();
    facility.sql(
        "UPDATE nexus_delivery SET state = 'unknown', can_find = 0, failure_class = 'unknown', failure_effect = 'maybe',
                failure_text = 'the connection was cut', absent_after = '2024-03-06T00:00:00.000000Z'",
    );
    facility.sql("UPDATE session_log SET record_status = 'BUILT_NOT_EXPORTED'");
    let text = explained(&facility, "logbook:lab/1");
    says(
        &text,
        &[
            "    How it ended is not known: the connection was cut.",
            "Nobody can tell whether the destination holds the record: look there.",
            "`share` does not have it yet.",
            "Nexus made it COMPLETED; another program, or a person, has made it BUILT_NOT_EXPORTED since.",
        ],
    );
    let told =
        copied(&facility.sandbox, &text, "Nothing more happens by itself: it takes a look at `share`, then");
    assert_eq!(told, "logbook:lab/1 → share: unknown → due\n");
}

#[test]
fn one_that_ended_the_program_twice() {
    let facility = Facility::with_two_sessions();
    facility.step("harvest", 0);
    facility.sql("UPDATE nexus_session SET attempts = 1 WHERE session_identifier = 'logbook:lab/1'");
    says(&explained(&facility, "logbook:lab/1"), &["builds its record alone, before all others"]);
    facility.sql("UPDATE nexus_session SET attempts = 2 WHERE session_identifier = 'logbook:lab/1'");
    let text = explained(&facility, "logbook:lab/1");
    says(
        &text,
        &[
            "The program ended before its time twice with this session in hand.",
            "The next run makes it ERROR.",
        ],
    );
    facility.sql("UPDATE nexus_session SET attempts = 2 WHERE session_identifier = 'logbook:lab/2'");
    copied(&facility.sandbox, &explained(&facility, "logbook:lab/2"), "The next run makes it ERROR.");
    facility.run(4);
    assert_eq!(facility.status("logbook:lab/2"), "COMPLETED", "somebody had asked for one more try");
    let text = explained(&facility, "logbook:lab/1");
    assert_eq!(headings(&text)[0], "logbook:lab/1: ERROR");
    says(&text, &["It is ERROR because making its record crashed the program 2 times."]);
    copied(&facility.sandbox, &text, "Nothing more happens by itself.");
    facility.run(0);
    assert_eq!(facility.status("logbook:lab/1"), "COMPLETED");
}

#[test]
fn one_that_nexuslims_made_and_nexus_has_not_met() {
    let facility = facility();
    let database = Connection::open(facility.sandbox.path("nexus.db")).unwrap();
    for (event, time) in [("START", "2024-04-01T09:00:00"), ("END", "2024-04-01T10:00:00")] {
        database
            .execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES ('theirs', 'TEM', ?1, ?2, 'COMPLETED', 'carl')",
                [time, event],
            )
            .unwrap();
    }
    database
        .execute(
            "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id, record_url)
             VALUES ('theirs', 'cdcs', 1, '2024-04-01T12:00:00', 'p9', 'https://cdcs.example.org/data?id=p9')",
            [],
        )
        .unwrap();
    for what in ["theirs", "p9", "https://cdcs.example.org/data?id=p9"] {
        let text = explained(&facility, what);
        assert_eq!(headings(&text)[0], "theirs: COMPLETED");
        says(
            &text,
            &[
                "carl used Test TEM (TEM) from 2024-04-01 09:00 to 10:00 +02:00, for 1 hour;",
                "No harvester of the configuration brought it",
                "It is COMPLETED: NexusLIMS built and delivered its record.",
                "NexusLIMS delivered the record to `cdcs`, as p9.",
            ],
        );
    }
}

#[test]
fn one_that_nexuslims_could_not_build_with_the_command_that_has_nexus_try() {
    let facility = facility();
    facility.sql(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
         VALUES ('theirs', 'TEM', '2024-04-01T09:00:00', 'START', 'ERROR', 'carl'),
                ('theirs', 'TEM', '2024-04-01T10:00:00', 'END', 'ERROR', 'carl')",
    );
    let text = explained(&facility, "theirs");
    says(&text, &["It is ERROR: NexusLIMS could not build it; its log tells why."]);
    for expected in ["ERROR → TO_BE_BUILT; the next run builds it", "is TO_BE_BUILT already"] {
        let told = copied(&facility.sandbox, &text, "Nothing more happens by itself.");
        assert_eq!(told, format!("theirs: {expected}\n"));
    }
    assert_eq!(facility.status("theirs"), "TO_BE_BUILT");
}

#[test]
fn a_database_that_was_never_adopted() {
    let facility = Facility::new();
    fs::copy(facility.sandbox.fixture("v2_5_0b.sqlite"), facility.sandbox.path("nexus.db")).unwrap();
    let before = fs::read(facility.sandbox.path("nexus.db")).unwrap();
    let id = "https://nemo.example.org/api/usage_events/?id=107";
    let text = explained(&facility, id);
    assert_eq!(headings(&text)[0], format!("{id}: BUILT_NOT_EXPORTED"));
    says(
        &text,
        &[
            "Nexus has not worked on this database yet: all of this is what NexusLIMS wrote.",
            "Its record is `2026-02-03_Linden-SEM-222222_107`; NexusLIMS built it.",
            "NexusLIMS tried ",
            "No run of nexus touches it before `nexus adopt`.",
        ],
    );
    assert_eq!(explained(&facility, "2026-02-03_Linden-SEM-222222_107.xml"), text);
    assert!(fs::read(facility.sandbox.path("nexus.db")).unwrap() == before, "the database was changed");
}

#[test]
fn every_session_that_nexuslims_left_can_be_explained_whatever_is_in_its_rows() {
    for name in ["v2_5_0b.sqlite", "broken_rows.sqlite"] {
        let facility = Facility::new();
        let path = facility.sandbox.path("nexus.db");
        fs::copy(facility.sandbox.fixture(name), &path).unwrap();
        let database = Connection::open(&path).unwrap();
        let mut statement = database.prepare("SELECT DISTINCT session_identifier FROM session_log").unwrap();
        let ids: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(ids.len() >= 8, "{ids:?}");
        for adopted in [false, true] {
            for id in &ids {
                let text = explained(&facility, id);
                assert_eq!(text.contains("before `nexus adopt`."), !adopted, "{text}");
                says(&text, &["\nSession\n  ", "\nStatus\n  It is ", "\nWhat comes next\n  "]);
            }
            facility.nexus(["adopt"]);
        }
    }
}

#[test]
fn nothing_is_changed_and_a_run_that_is_under_way_is_no_hindrance() {
    let facility = facility();
    let before = (facility.dump(), facility.tree());
    explained(&facility, "logbook:lab/3");
    facility.nexus(["explain", "nobody"]).code(2);
    assert!((facility.dump(), facility.tree()) == before, "something was changed");
    facility.sql("UPDATE nexus_session SET rebuild_requested = 1");
    let _at_work = RunLock::try_acquire(&facility.sandbox.path("data")).unwrap();
    says(&explained(&facility, "logbook:lab/1"), &["A run is under way now, and may be at it already."]);
}

#[test]
fn a_session_is_found_by_whatever_one_has_in_hand() {
    let facility = facility();
    let first = |text: &str| headings(text)[0].to_owned();
    let url = facility.column("SELECT remote_url FROM nexus_delivery")[0].as_str().unwrap().to_owned();
    let id = facility.column("SELECT remote_id FROM nexus_delivery")[0].as_str().unwrap().to_owned();
    // What the query prints has the true name of the folder in its place.
    let url = url.replace(
        "[DIR]",
        facility.sandbox.path("").canonicalize().unwrap().to_str().unwrap().trim_end_matches('/'),
    );
    for what in
        ["2024-03-05_TEM_logbook~3alab~2f1", "data/2024-03-05_TEM_logbook~3alab~2f1.xml", &url, &id, "1"]
    {
        assert_eq!(first(&explained(&facility, what)), "logbook:lab/1: COMPLETED", "{what}");
    }
    facility.nexus(["explain", "77"]).refused(
        2,
        "error: nothing is known of `77`: it is no session, no record, no id and no link of one at a destination, and no \
         usage event that was harvested\n  hint: `nexus sessions list --instrument PID --since DATE` shows the sessions; a \
         usage event that never arrived is found by `nexus audit --since DATE`",
    );
    facility.sql(
        "INSERT INTO nexus_session (session_identifier, record_key, harvester, external_id, instrument_pid)
         VALUES ('other', 'k', 'south', '1', 'TEM')",
    );
    let several = facility.nexus(["explain", "1"]).code(2);
    assert_eq!(
        several.stderr,
        "error: `1` may mean 2 sessions\n  hint: name one of them: `nexus explain ID`\n"
    );
    says(
        &several.stdout,
        &["logbook:lab/1", "a usage event of harvester `log`", "a usage event of harvester `south`"],
    );
    let several = facility.nexus(["explain", "1", "--json"]).code(2);
    let listed: Value = serde_json::from_str(&several.stdout).unwrap();
    assert_eq!(listed[1]["session_identifier"], "other");
}

#[test]
fn a_session_is_found_by_instrument_and_time() {
    let facility = facility();
    let at = |time: &str| facility.nexus(["explain", "--instrument", "TEM", "--at", time]);
    // 10:30 in Berlin, whatever the zone of this computer.
    for time in ["2024-03-05 10:30", "2024-03-05T10:30:00+01:00", "2024-03-05T09:30Z"] {
        assert_eq!(headings(&at(time).done())[0], "logbook:lab/1: COMPLETED", "{time}");
    }
    let both = at("2024-03-05 11:00").code(2);
    says(&both.stdout, &["logbook:lab/1", "logbook:lab/3", "2024-03-05 11:00 +01:00"]);
    assert_eq!(
        both.stderr,
        "error: 2 sessions of `TEM` hold 2024-03-05 11:00 +01:00\n  hint: name one of them: `nexus explain ID`\n"
    );
    at("2024-03-05 13:00").refused(
        2,
        "error: nobody used `TEM` at 2024-03-05 13:00 +01:00, as far as is known; the session before is `logbook:lab/3`, until \
         2024-03-05 12:00 +01:00\n  hint: `nexus sessions list --instrument TEM` shows its sessions; a usage event that \
         never arrived is found by `nexus audit --since DATE`",
    );
    at("2024-03-05")
        .refused(2, "error: --at: `2024-03-05` is a whole day; it takes a time, such as 2024-03-05T09:10");
    facility.nexus(["explain", "--instrument", "TEN", "--at", "2024-03-05 13:00"]).code(2);
    for wrong in
        [&["explain"][..], &["explain", "--at", "2024-03-05 13:00"], &["explain", "1", "--instrument", "TEM"]]
    {
        facility.nexus(wrong).code(2);
    }
}

#[test]
fn for_a_script_there_are_chapters_and_the_facts_behind_them() {
    let facility = facility();
    let json = facility.nexus(["explain", "logbook:lab/1", "--json"]).json();
    assert_eq!(json["session_identifier"], "logbook:lab/1");
    let subjects: Vec<&str> =
        json["chapters"].as_array().unwrap().iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(
        subjects,
        ["session", "reservation", "files", "record", "deliveries", "status", "happened", "next"]
    );
    assert_eq!(json["chapters"][4]["paragraphs"][0]["about"], "share");
    let facts = &json["facts"];
    assert_eq!(facts["status"], "COMPLETED");
    assert_eq!(facts["start"], "2024-03-05T08:00:00.000000Z");
    assert_eq!(facts["deliveries"][0]["state"], "delivered");
    assert_eq!(facts["remembered"]["file_count"], 1);
    assert_eq!(facts["happened"][0]["what"], "run");
    assert_eq!(facts["log"].as_array().unwrap().len(), 3);
}

#[test]
fn every_session_of_the_demo_can_be_explained() {
    let sandbox = Sandbox::new();
    let uses = sandbox.nexus(["--json", "demo"]).json()["uses"].clone();
    let mut told = 0;
    for line in uses.as_array().unwrap() {
        let (id, status) = (line["id"].as_str().unwrap(), line["status"].as_str().unwrap());
        let asked = sandbox.nexus(["--config", "nexus-demo/nexus.toml", "explain", id]);
        if id == "2024-111" {
            // Of a tool that is no instrument of the facility.
            asked.code(2);
            continue;
        }
        if id == "2024-110" {
            says(&asked.done(), &["Helios FIB (demo) (Demo-Helios-FIB) that never entered the session log."]);
            continue;
        }
        let text = asked.done();
        assert!(headings(&text)[0].ends_with(&format!("/{id}: {status}")), "{text}");
        assert!(!text.contains("{}") && text.contains("\nWhat comes next\n  "), "{text}");
        told += 1;
    }
    assert_eq!(told, 11);
}
