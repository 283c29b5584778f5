//! `nexus db upgrade`, `downgrade` and `stamp` where they work.

use std::fs;

use nexus_core::lock::{DatabaseLock, RunLock};
use rusqlite::Connection;

use crate::common::{Outcome, Sandbox};

const NOTE: &str =
    "note: 2 rows of session_log name a row that instruments does not have, as before: 1048, 1049\n";
const CALENDARS: &str = "gone: 5 values of instruments.calendar_name, still in the backup\n\
                         gone: 4 values of instruments.computer_name, still in the backup\n\
                         gone: 4 values of instruments.computer_ip, still in the backup\n\
                         gone: 4 values of instruments.computer_mount, still in the backup\n";

fn db(sandbox: &Sandbox, verb: &str, name: &str, args: &[&str]) -> Outcome {
    sandbox.nexus([&["db", verb, "--database", name], args].concat())
}

/// With the moment in backups' names replaced.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("_backup_") {
        Some((start, rest)) => {
            let (moment, end) = rest.split_once("_nexus").unwrap();
            assert!(moment.len() >= 15 && moment.bytes().all(|c| c.is_ascii_digit() || c == b'_'), "{line}");
            format!("{start}_backup_MOMENT_nexus{end}\n")
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn upgrade_tells_what_it_did() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0a.sqlite");
    let printed = timeless(&db(&sandbox, "upgrade", "v2_4_0a.sqlite", &[]).done());
    assert_eq!(
        printed,
        format!(
            "backup: [DIR]/v2_4_0a_backup_MOMENT_nexus.sqlite\n\
             rows kept: external_user_identifiers 0, instruments 5, session_log 54, upload_log 5\n\
             {CALENDARS}{NOTE}v2_4_0a -> v2_5_0b\n"
        )
    );
    // Again: nothing to do, so nothing is written and nothing is copied.
    let (before, names) = (fs::read(sandbox.path("v2_4_0a.sqlite")).unwrap(), sandbox.names());
    let again = db(&sandbox, "upgrade", "v2_4_0a.sqlite", &[]).done();
    assert_eq!(again, format!("already at v2_5_0b: nothing to do\n{NOTE}"));
    assert_eq!(fs::read(sandbox.path("v2_4_0a.sqlite")).unwrap(), before);
    assert_eq!(sandbox.names(), names);
}

#[test]
fn downgrade_goes_one_step_and_counts_what_goes() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0b.sqlite");
    let down = |args: &[&str]| timeless(&db(&sandbox, "downgrade", "v2_5_0b.sqlite", args).done());
    assert!(down(&[]).ends_with("v2_5_0b -> v2_5_0a\n"));
    assert_eq!(
        down(&["-2"]),
        format!(
            "backup: [DIR]/v2_5_0b_backup_MOMENT_nexus.sqlite\nrows kept: instruments 5, session_log 54, upload_log 5\n\
             gone: 6 rows of external_user_identifiers, still in the backup\n{NOTE}v2_5_0a -> v2_4_0a\n"
        )
    );
    assert!(down(&["base"]).ends_with("gone: 5 rows of instruments, still in the backup\nv2_4_0a -> none\n"));
    assert_eq!(down(&["base"]), "already at none: nothing to do\n");
    // And up again, from nothing.
    let up = |args: &[&str]| db(&sandbox, "upgrade", "v2_5_0b.sqlite", args).done();
    assert!(up(&["+1"]).ends_with("none -> v1_4_3\n"));
    assert!(up(&["+2"]).ends_with("v1_4_3 -> v2_4_0b\n"));
    assert!(up(&["v2_5_0a"]).ends_with("v2_4_0b -> v2_5_0a\n"));
    assert!(up(&["head"]).ends_with("v2_5_0a -> v2_5_0b\n"));
    assert_eq!(db(&sandbox, "check", "v2_5_0b.sqlite", &[]).done(), "up to date (revision v2_5_0b)\n");
}

#[test]
fn the_report_as_json() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0b.sqlite");
    let json = db(&sandbox, "upgrade", "v2_4_0b.sqlite", &["--json"]).json();
    assert_eq!(json["from"], "v2_4_0b");
    assert_eq!(json["to"], "v2_5_0b");
    assert_eq!(json["steps"], serde_json::json!(["v2_5_0a", "v2_5_0b"]));
    assert_eq!(json["rows"]["session_log"], 54);
    assert_eq!(json["losses"][0], serde_json::json!({ "what": "instruments.calendar_name", "rows": 5 }));
    assert_eq!(json["broken_references"][0]["first"], serde_json::json!([1048, 1049]));
    assert!(json["backup"].as_str().unwrap().starts_with("[DIR]/v2_4_0b_backup_"));
}

#[test]
fn stamp_then_upgrade_a_database_older_than_the_revisions() {
    let sandbox = Sandbox::new();
    sandbox.fixture("pre_2_2.sqlite");
    let stamped = timeless(&db(&sandbox, "stamp", "pre_2_2.sqlite", &["v1_4_3"]).done());
    assert_eq!(
        stamped,
        "backup: [DIR]/pre_2_2_backup_MOMENT_nexus.sqlite\nrows kept: instruments 5, session_log 17\n\
         none -> v1_4_3\nnext: nexus db upgrade\n"
    );
    assert!(db(&sandbox, "upgrade", "pre_2_2.sqlite", &[]).done().ends_with("v1_4_3 -> v2_5_0b\n"));
    assert_eq!(db(&sandbox, "current", "pre_2_2.sqlite", &[]).done(), "v2_5_0b (head)\n");
}

#[test]
fn sql_is_printed_and_not_run() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_4_0a.sqlite");
    let before = fs::read(&path).unwrap();
    let up = db(&sandbox, "upgrade", "v2_4_0a.sqlite", &["--sql"]).done();
    assert!(up.starts_with("-- upgrade from v2_4_0a to v2_5_0b\n"), "{up}");
    let down = db(&sandbox, "downgrade", "v2_4_0a.sqlite", &["-1", "--sql"]).done();
    assert!(down.starts_with("-- downgrade from v2_4_0a to v1_4_3\n"), "{down}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(sandbox.names(), ["v2_4_0a.sqlite"]);

    // The same text without any database, and both do what they say when somebody runs them by hand.
    assert_eq!(sandbox.nexus(["db", "upgrade", "--sql", "v2_4_0a:head"]).done(), up);
    assert_eq!(sandbox.nexus(["db", "downgrade", "--sql", "v2_4_0a:v1_4_3"]).done(), down);
    for (script, reached) in [(&down, "v1_4_3\n"), (&up, "v2_4_0a\n")] {
        fs::write(&path, &before).unwrap();
        Connection::open(&path).unwrap().execute_batch(script).unwrap();
        if reached == "v1_4_3\n" {
            assert_eq!(db(&sandbox, "current", "v2_4_0a.sqlite", &[]).done(), reached);
        } else {
            assert_eq!(db(&sandbox, "current", "v2_4_0a.sqlite", &[]).done(), "v2_5_0b (head)\n");
        }
    }
    let whole = sandbox.nexus(["db", "upgrade", "--sql", "base:head"]).done();
    Connection::open(sandbox.path("new.db")).unwrap().execute_batch(&whole).unwrap();
    assert_eq!(db(&sandbox, "current", "new.db", &[]).done(), "v2_5_0b (head)\n");
    assert!(sandbox.nexus(["db", "upgrade", "--sql", "head:head"]).done().contains("nothing to do"));
}

#[test]
fn a_goal_that_cannot_be_meant() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_5_0a.sqlite");
    let before = fs::read(&path).unwrap();
    let other = |to: &str, hint: &str| {
        format!(
            "error: database `[DIR]/v2_5_0a.sqlite` is at v2_5_0a, and {to} lies the other way\n  hint: nexus db {hint}"
        )
    };
    let sql_only =
        "error: FROM:TO is for --sql; a database knows where it is\n  hint: give only where to go: nexus db ";
    let cases = [
        ("upgrade", "v2_4_0a", other("v2_4_0a", "downgrade v2_4_0a")),
        ("upgrade", "base", other("base", "downgrade base")),
        ("upgrade", "-1", other("v2_4_0b", "downgrade v2_4_0b")),
        ("downgrade", "head", other("v2_5_0b", "upgrade v2_5_0b")),
        (
            "upgrade",
            "+2",
            "error: +2 goes too far: the database is at v2_5_0a, and v2_5_0b is 1 revision away".into(),
        ),
        (
            "downgrade",
            "-5",
            "error: -5 goes too far: the database is at v2_5_0a, and base is 4 revisions away".into(),
        ),
        ("upgrade", "v2_4_0a:head", format!("{sql_only}upgrade v2_5_0b")),
        ("downgrade", "head:base", format!("{sql_only}downgrade base")),
    ];
    for (verb, to, text) in cases {
        db(&sandbox, verb, "v2_5_0a.sqlite", &[to]).refused(2, &text);
    }
    for (verb, to) in [("upgrade", "v9_9_9"), ("downgrade", "v2_5_0"), ("stamp", "head")] {
        let outcome = db(&sandbox, verb, "v2_5_0a.sqlite", &[to]).code(2);
        let text =
            format!("`{to}` is no revision; the revisions are v1_4_3, v2_4_0a, v2_4_0b, v2_5_0a and v2_5_0b");
        assert!(outcome.stderr.contains(&text), "{}", outcome.stderr);
    }
    sandbox.nexus(["db", "upgrade", "--sql", "head:v1_4_3"]).refused(
        2,
        "error: from v2_5_0b to v1_4_3 is no upgrade\n  hint: nexus db downgrade --sql v2_5_0b:v1_4_3",
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(sandbox.names(), ["v2_5_0a.sqlite"]);
}

#[test]
fn both_locks_are_taken() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_5_0a.sqlite");
    let before = fs::read(&path).unwrap();
    let refused = |name: &str| {
        for verb in [&["upgrade"][..], &["downgrade"], &["stamp", "v2_5_0a"]] {
            let args = [&["db"], verb, &["--database", "v2_5_0a.sqlite"]].concat();
            let outcome = sandbox.finish(sandbox.command(args).env("NX_DATA_PATH", "data")).code(5);
            assert!(
                outcome.stderr.starts_with(&format!("error: `{name}` is locked by `")),
                "{}",
                outcome.stderr
            );
            assert!(outcome.stderr.ends_with("\n  hint: wait until it is done, then try again\n"));
        }
    };
    fs::create_dir(sandbox.path("data")).unwrap();
    let run = RunLock::try_acquire(&sandbox.path("data")).unwrap();
    refused("data/.builder.lock");
    drop(run);
    let writing = DatabaseLock::try_acquire(&path).unwrap();
    refused("[DIR]/v2_5_0a.sqlite.lock");
    // Looking is always possible.
    assert_eq!(db(&sandbox, "current", "v2_5_0a.sqlite", &[]).done(), "v2_5_0a\n");
    drop(writing);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(db(&sandbox, "upgrade", "v2_5_0a.sqlite", &[]).done().ends_with("v2_5_0a -> v2_5_0b\n"));
}
