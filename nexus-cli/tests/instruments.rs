//! `nexus instruments`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::Sandbox;
use serde_json::json;

/// A new, empty database `nexus.db`.
fn empty() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nexus(["db", "init", "--database", "nexus.db"]).code(0);
    sandbox
}

fn run(sandbox: &Sandbox, args: &[&str]) -> common::Outcome {
    sandbox.nexus([&["instruments"], args, &["--database", "nexus.db"]].concat())
}

const TITAN: [&str; 12] = [
    "add",
    "TITAN-1",
    "--api-url",
    "https://nemo.example.org/api/tools/?id=1",
    "--timezone",
    "America/Denver",
    "--filestore-path",
    "Titan/data",
    "--display-name",
    "Titan TEM",
    "--location",
    "Building 2",
];

/// One with the instrument TITAN-1.
fn with_titan() -> Sandbox {
    let sandbox = empty();
    assert_eq!(run(&sandbox, &TITAN).done(), "added TITAN-1 in Building 2\n");
    sandbox
}

const ALPHA: [&str; 10] = [
    "add",
    "ALPHA",
    "--api-url",
    "logbook:alpha",
    "--timezone",
    "UTC",
    "--filestore-path",
    "alpha",
    "--harvester",
    "logbook",
];

#[test]
fn an_instrument_is_added_listed_and_exported() {
    let sandbox = with_titan();
    let added = run(&sandbox, &[&ALPHA[..], &["--json"]].concat()).json();
    assert_eq!(added["instrument_pid"], "ALPHA");
    assert_eq!(added["display_name"], "ALPHA");

    let list = run(&sandbox, &["list", "--json"]).json();
    assert_eq!(
        list,
        json!([
            {
                "instrument_pid": "ALPHA", "display_name": "ALPHA", "location": "", "api_url": "logbook:alpha",
                "harvester": "logbook", "sessions_total": 0, "last_session": null,
            },
            {
                "instrument_pid": "TITAN-1", "display_name": "Titan TEM", "location": "Building 2",
                "api_url": "https://nemo.example.org/api/tools/?id=1", "harvester": "nemo", "sessions_total": 0,
                "last_session": null,
            },
        ])
    );
    let table = run(&sandbox, &["list"]).done();
    let parts = [
        "Last session",
        "TITAN-1",
        "Titan TEM",
        "https://nemo.…pi/tools/?id=1",
        "logbook:alpha",
        " 0 ",
        " - ",
    ];
    for part in parts {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(
        run(&sandbox, &["export"]).done(),
        "instrument_pid,api_url,calendar_url,location,display_name,property_tag,filestore_path,harvester,timezone\n\
         ALPHA,logbook:alpha,,,ALPHA,,alpha,logbook,UTC\n\
         TITAN-1,https://nemo.example.org/api/tools/?id=1,,Building 2,Titan TEM,,Titan/data,nemo,America/Denver\n"
    );
    let exported = run(&sandbox, &["export", "--json"]).json();
    assert_eq!(exported[1]["timezone"], "America/Denver");
    assert_eq!(exported[1].as_object().unwrap().len(), 9);
}

#[test]
fn an_empty_list_says_what_to_do() {
    let sandbox = empty();
    assert_eq!(run(&sandbox, &["list"]).done(), "no instruments yet; `nexus instruments add` adds one\n");
    assert_eq!(run(&sandbox, &["list", "--json"]).json(), json!([]));
}

#[test]
fn sessions_are_counted_and_the_last_one_is_in_the_instruments_zone() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0b.sqlite");
    let list = ["instruments", "list", "--database", "v2_5_0b.sqlite"];
    let lines = sandbox.nexus([&list[..], &["--json"]].concat()).json();
    let line = |pid: &str| {
        let lines = lines.as_array().unwrap();
        lines.iter().find(|line| line["instrument_pid"] == pid).unwrap().clone()
    };
    // Two END rows of one session count once; the last end is the latest, not the one with the largest row id.
    assert_eq!(line("Borealis-TEM-012345")["sessions_total"], 7);
    assert_eq!(line("Borealis-TEM-012345")["last_session"], "2026-05-06T10:00:00-04:00");
    assert_eq!(line("Old-TEM-555555")["last_session"], "2021-03-14T04:00:00-06:00");
    assert_eq!(line("Island-FIB-444444")["last_session"], "2026-04-05T01:50:00.000001+10:30");
    let table = sandbox.nexus(list).done();
    assert!(table.contains("2026-05-06"), "{table}");
    assert!(table.contains("EDT"), "{table}");
}

#[test]
fn an_edit_shows_what_changed_and_keeps_the_rest() {
    let sandbox = with_titan();
    assert_eq!(
        run(&sandbox, &["edit", "TITAN-1", "--location", "Building 5", "--timezone", "UTC"]).done(),
        "changed TITAN-1\n  location: `Building 2` -> `Building 5`\n  timezone: `America/Denver` -> `UTC`\n"
    );
    assert_eq!(
        run(&sandbox, &["edit", "TITAN-1", "--location", "Building 5"]).done(),
        "TITAN-1 has these values already: nothing to do\n"
    );
    let edited = run(&sandbox, &["edit", "TITAN-1", "--location", "", "--json"]).json();
    assert_eq!((edited["location"].as_str(), edited["display_name"].as_str()), (Some(""), Some("Titan TEM")));
    let outcome = run(&sandbox, &["edit", "TITAN-1"]).code(2);
    assert!(outcome.stderr.contains("required arguments were not provided"), "{}", outcome.stderr);
}

#[test]
fn wrong_values_are_refused_by_field_and_instrument() {
    let sandbox = with_titan();
    run(&sandbox, &["edit", "TITAN-1", "--timezone", "America/Boulder", "--filestore-path", "../x"]).refused(
        2,
        "error: instrument `TITAN-1`: filestore_path `../x` leads out of the storage with `..`; timezone is an unknown \
         time zone `America/Boulder`; use a name of the IANA database such as America/Denver",
    );
    run(&sandbox, &["edit", "TITAN-1", "--api-url", "tool 7"]).refused(
        2,
        "error: instrument `TITAN-1`: api_url `tool 7` is not an address; use one such as \
         https://nemo.example.org/api/tools/?id=7 or logbook:microscope-1",
    );
    run(&sandbox, &TITAN).refused(1, "error: instrument `TITAN-1` is there already; edit it instead");
    let mut second = TITAN;
    second[1] = "TITAN-2";
    run(&sandbox, &second).refused(
        1,
        "error: instrument `TITAN-2`: api_url `https://nemo.example.org/api/tools/?id=1` belongs to instrument \
         `TITAN-1`; it must be unique",
    );
    run(&sandbox, &["edit", "TITAN1", "--location", "x"])
        .refused(1, "error: there is no instrument `TITAN1`; did you mean `TITAN-1`?");
    run(&sandbox, &["remove", "XRD"]).refused(
        1,
        "error: there is no instrument `XRD`\n  hint: `nexus instruments list` prints those there are",
    );
    let list = run(&sandbox, &["list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn an_instrument_is_removed_unless_a_session_names_it() {
    let sandbox = with_titan();
    assert_eq!(run(&sandbox, &["remove", "TITAN-1"]).done(), "removed TITAN-1 in Building 2\n");
    assert_eq!(run(&sandbox, &["list", "--json"]).json(), json!([]));

    sandbox.fixture("v2_5_0b.sqlite");
    let used = ["instruments", "remove", "Old-TEM-555555", "--database", "v2_5_0b.sqlite"];
    sandbox.nexus(used).refused(
        1,
        "error: instrument `Old-TEM-555555` cannot be removed: 7 rows of session_log name it, and they would be left \
         without an instrument\n  hint: instruments whose sessions are on record stay; `nexus instruments edit` changes \
         their values",
    );
}

#[test]
fn what_is_exported_can_be_imported_as_csv_and_as_json() {
    let sandbox = with_titan();
    run(&sandbox, &ALPHA).code(0);
    for (format, file) in [("csv", "all.csv"), ("json", "all.json")] {
        let text = run(&sandbox, &["export", "--format", format]).done();
        sandbox.write(file, text);
        let other = format!("{format}.db");
        sandbox.nexus(["db", "init", "--database", &other]).code(0);
        let import = || sandbox.nexus(["instruments", "import", file, "--database", &other]).done();
        assert_eq!(import(), "added: ALPHA, TITAN-1\n");
        assert_eq!(import(), "unchanged: ALPHA, TITAN-1\n");
        let copy = sandbox.nexus(["instruments", "export", "--database", &other]).done();
        assert_eq!(copy, run(&sandbox, &["export"]).done());
    }
}

#[test]
fn an_import_stores_all_or_nothing_and_lists_every_mistake_by_line() {
    let sandbox = with_titan();
    sandbox.write(
        "bad.csv",
        "instrument_pid,timezone,api_url,filestore_path,location\n\
         GOOD,UTC,logbook:good,good,\"two\nlines\"\n\
         BAD,Mars/Olympus,logbook:bad,/bad,\n\
         GOOD,UTC,logbook:again,good,\n\
         TITAN-1,UTC,logbook:titan,titan,\n\
         SHORT,UTC\n\
         SAME,UTC,https://nemo.example.org/api/tools/?id=1,same,\n",
    );
    run(&sandbox, &["import", "bad.csv"]).refused(
        1,
        "error: nothing was imported from `bad.csv`\n  \
         line 2: instrument `GOOD`: location `two\\nlines` holds the control character '\\n'\n  \
         line 4: instrument `BAD`: filestore_path `/bad` is absolute; it must be relative to the storage of all \
         instruments; timezone is an unknown time zone `Mars/Olympus`; use a name of the IANA database such as \
         America/Denver\n  \
         line 5: instrument `GOOD` is in line 2 already\n  \
         line 6: instrument `TITAN-1` is there with other values; --update replaces them\n  \
         line 7: 2 values for 5 columns\n  \
         line 8: instrument `SAME`: api_url `https://nemo.example.org/api/tools/?id=1` belongs to instrument \
         `TITAN-1`; it must be unique",
    );
    let list = run(&sandbox, &["list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn an_import_updates_when_asked_and_a_dry_run_stores_nothing() {
    let sandbox = with_titan();
    sandbox.write(
        "new.csv",
        "instrument_pid,timezone,api_url,filestore_path\n\
         TITAN-1,UTC,logbook:titan,titan\n\
         BETA,UTC,logbook:beta,beta\n",
    );
    let before = run(&sandbox, &["export"]).done();
    assert_eq!(
        run(&sandbox, &["import", "new.csv", "--update", "--dry-run"]).done(),
        "added: BETA\nupdated: TITAN-1\nnothing was stored: this was a dry run\n"
    );
    assert_eq!(run(&sandbox, &["export"]).done(), before);
    assert_eq!(
        run(&sandbox, &["import", "new.csv", "--update", "--json"]).json(),
        json!({"added": ["BETA"], "updated": ["TITAN-1"], "unchanged": [], "dry_run": false})
    );
    assert!(run(&sandbox, &["export"]).done().contains("\nTITAN-1,logbook:titan,"));
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let sandbox = empty();
    let refused = |name: &str, content: &[u8], what: &str| {
        sandbox.write(name, content);
        run(&sandbox, &["import", name])
            .refused(1, &format!("error: nothing was imported from `{name}`\n  {what}"));
    };
    refused("a.csv", b"", "line 1: the file is empty; its first line names the columns");
    refused(
        "b.csv",
        b"instrument_pid;api_url\nA;b\n",
        "line 1: the columns are not separated by commas; save the file with commas",
    );
    refused(
        "c.csv",
        b"instrument_pid,api_url,filestore_path,time zone\n",
        "line 1: `time zone` is not a field of an instrument; known: instrument_pid, api_url, calendar_url, location, \
         display_name, property_tag, filestore_path, harvester, timezone\n  line 1: column `timezone` is missing",
    );
    refused(
        "d.csv",
        b"instrument_pid,api_url,filestore_path,timezone,api_url\n",
        "line 1: column `api_url` is there twice",
    );
    refused(
        "e.json",
        b"[\n {\"instrument_pid\": \"A\",}\n]",
        "line 2: this is not JSON: trailing comma (column 25)",
    );
    refused(
        "f.json",
        b"{\"a\": 1}",
        "line 1: the file is no list of instruments: [ { \u{2026} }, { \u{2026} } ]",
    );
    refused(
        "g.json",
        b"[\n {\"instrument_pid\": \"A\", \"timezone\": 7},\n {\"instrument_pid\": \"B\", \"zone\": \"UTC\"},\n 5,\n {\"instrument_pid\": \"C\"}\n]",
        "line 2: timezone is `7`, not a text\n  \
         line 3: `zone` is not a field of an instrument; known: instrument_pid, api_url, calendar_url, location, \
         display_name, property_tag, filestore_path, harvester, timezone\n  \
         line 4: `5` is no instrument: an object is expected\n  \
         line 5: missing: api_url, filestore_path, timezone",
    );
    sandbox.write("h.csv", b"instrument_pid\nA\xff\n");
    run(&sandbox, &["import", "h.csv"])
        .refused(1, "error: `h.csv` is not UTF-8 text: line 2 has a byte that is none");
    let outcome = run(&sandbox, &["import", "none.csv"]).code(1);
    assert!(
        outcome.stderr.starts_with("error: failed to read `none.csv`\n  because: "),
        "{}",
        outcome.stderr
    );
    sandbox.write("i.csv", "instrument_pid,api_url,filestore_path,timezone\n");
    assert_eq!(run(&sandbox, &["import", "i.csv"]).done(), "the file holds no instrument\n");
}

#[test]
fn standard_input_is_read_for_a_dash() {
    use std::io::Write as _;
    use std::process::Stdio;
    let sandbox = empty();
    let args = ["instruments", "import", "-", "--format", "json", "--database", "nexus.db"];
    let mut child = sandbox.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = r#"[{"instrument_pid": "A", "api_url": "a:1", "filestore_path": "a", "timezone": "UTC"}]"#;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "added: A\n");
}

#[test]
fn databases_that_cannot_be_used_are_refused_and_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.nexus(["instruments", "list"]).refused(
        2,
        "error: no database named: there is no --database, NX_DB_PATH is not set, and there is no `nexus.toml`\n  \
         hint: name it: --database PATH, or NX_DB_PATH=PATH, or run this where nexus.toml is",
    );
    let outcome = run(&sandbox, &ALPHA).code(6);
    assert!(outcome.stderr.contains("nexus.db` does not exist"), "{}", outcome.stderr);
    sandbox.fixture("v2_4_0b.sqlite");
    for verb in [&["list"][..], &["export"], &ALPHA] {
        let args = [&["instruments"], verb, &["--database", "v2_4_0b.sqlite"]].concat();
        let outcome = sandbox.nexus(args).code(6);
        assert!(outcome.stderr.contains("nexus db upgrade"), "{}", outcome.stderr);
    }
    assert_eq!(sandbox.names(), ["v2_4_0b.sqlite"]);
}

#[test]
fn the_environment_and_the_configuration_name_the_database() {
    let sandbox = with_titan();
    let listed =
        |command: &mut std::process::Command| sandbox.finish(command).json().as_array().unwrap().len();
    let list = ["instruments", "list", "--json"];
    assert_eq!(listed(sandbox.command(list).env("NX_DB_PATH", "nexus.db")), 1);
    sandbox.write(
        "nexus.toml",
        "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"in\"\ndata = \"out\"\n",
    );
    assert_eq!(listed(&mut sandbox.command(list)), 1);
    sandbox.write("nexus.toml", "[databse]\npath = \"nexus.db\"\n");
    let outcome = sandbox.nexus(list).code(3);
    assert!(outcome.stderr.contains("nexus.toml:1:"), "{}", outcome.stderr);
}

#[test]
fn a_writing_command_waits_for_nobody_who_holds_the_lock() {
    let sandbox = with_titan();
    let lock = nexus_core::lock::DatabaseLock::try_acquire(&sandbox.path("nexus.db")).unwrap();
    let outcome = run(&sandbox, &ALPHA).code(5);
    assert!(outcome.stderr.contains("nexus.db.lock` is locked by"), "{}", outcome.stderr);
    assert_eq!(run(&sandbox, &["list", "--json"]).json().as_array().unwrap().len(), 1);
    drop(lock);
    run(&sandbox, &ALPHA).code(0);
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    let sandbox = Sandbox::new();
    for verb in ["list", "add", "edit", "remove", "import", "export"] {
        let help = sandbox.nexus(["instruments", verb, "--help"]).done();
        assert!(help.contains("Examples:") && help.contains(&format!("nexus instruments {verb}")), "{help}");
    }
    let help = sandbox.nexus(["instruments", "--help"]).done();
    assert!(help.contains("Exit codes: 0 done"), "{help}");
}
