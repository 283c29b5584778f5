//! Files that cannot be used: what is said of them, and that they stay as they are, byte for byte.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::common::Sandbox;

const LOOKING: &[&[&str]] = &[&["current"], &["check"], &["history"], &["query", "SELECT 1"]];
const MOVING: &[&[&str]] =
    &[&["upgrade"], &["upgrade", "+1"], &["downgrade"], &["upgrade", "--sql"], &["stamp", "v2_5_0b"]];

/// Each verb ends with the code and the text; the file keeps its bytes, and nothing appears beside it but a lock.
#[track_caller]
fn refused(sandbox: &Sandbox, name: &str, verbs: &[&[&str]], code: i32, text: &str) {
    let path = sandbox.path(name);
    let read = |path: &Path| if path.is_file() { fs::read(path).ok() } else { None };
    let before = read(&path);
    for verb in verbs {
        let args = [&["db"], *verb, &["--wait", "0s", "--database", name]].concat();
        let outcome = sandbox.nexus(args);
        eprintln!("{verb:?}");
        outcome.refused(code, text);
        assert!(read(&path) == before, "{verb:?} changed the file");
    }
    let beside = |other: &String| other != name && *other != format!("{name}.lock");
    assert_eq!(sandbox.names().into_iter().filter(beside).collect::<Vec<_>>(), [""; 0]);
}

/// A database with something wrong in it.
fn spoilt(fixture: &str, sql: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture(fixture);
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
    sandbox
}

#[test]
fn no_file() {
    let sandbox = Sandbox::new();
    let text =
        "error: database `[DIR]/none.db` does not exist; make one with `nexus db init`, or correct the path";
    for verbs in [LOOKING, MOVING, &[&["backup"]]] {
        refused(&sandbox, "none.db", verbs, 6, text);
    }
    assert!(sandbox.names().is_empty());
}

#[test]
fn a_folder() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("dir.db")).unwrap();
    let text = "error: `[DIR]/dir.db` is a folder, not a database file; name the file itself";
    for verbs in [LOOKING, MOVING, &[&["backup"]]] {
        refused(&sandbox, "dir.db", verbs, 6, text);
    }
}

#[test]
fn not_sqlite() {
    let sandbox = Sandbox::new();
    sandbox.write("text.db", "id,name\n1,a\n");
    let text = "error: `[DIR]/text.db` is not a SQLite database: file is not a database; check the path, or restore a backup";
    for verbs in [LOOKING, MOVING, &[&["backup"]]] {
        refused(&sandbox, "text.db", verbs, 6, text);
    }
}

#[test]
fn damaged() {
    let sandbox = Sandbox::new();
    let mut content = fs::read(sandbox.fixture("v2_5_0a.sqlite")).unwrap();
    fs::remove_file(sandbox.path("v2_5_0a.sqlite")).unwrap();
    for byte in &mut content[100..] {
        *byte = 0x5a;
    }
    sandbox.write("bad.db", content);
    let text = "error: `[DIR]/bad.db` is not a SQLite database: database disk image is malformed; check the path, or restore a backup";
    refused(&sandbox, "bad.db", &[&["current"], &["upgrade"], &["backup"]], 6, text);
}

#[test]
fn a_newer_or_unknown_revision() {
    for revision in ["v9_0_0a", "3f2b9c"] {
        let sandbox =
            spoilt("v2_5_0b.sqlite", &format!("UPDATE alembic_version SET version_num = '{revision}'"));
        let text = format!(
            "error: database `[DIR]/v2_5_0b.sqlite` is at revision `{revision}`, which this program does not know (it \
             knows up to v2_5_0b); the file is newer than this program or not of this kind: install a newer nexus, or \
             restore a backup"
        );
        for verbs in [LOOKING, MOVING] {
            refused(&sandbox, "v2_5_0b.sqlite", verbs, 6, &text);
        }
    }
}

#[test]
fn own_tables_of_a_newer_nexus() {
    let sandbox = Sandbox::new();
    sandbox.nexus(["db", "init", "--database", "new.db"]).done();
    Connection::open(sandbox.path("new.db"))
        .unwrap()
        .execute("INSERT INTO nexus_schema_history (version, name) VALUES (99, 'later')", [])
        .unwrap();
    let text = "error: database `[DIR]/new.db` was written by a newer nexus (its own tables are at 99, this program knows up to 2); install that version";
    for verbs in [LOOKING, MOVING] {
        refused(&sandbox, "new.db", verbs, 6, text);
    }
}

#[test]
fn several_revisions() {
    let sandbox = spoilt("v2_5_0b.sqlite", "INSERT INTO alembic_version VALUES ('v1_4_3')");
    let text = "error: database `[DIR]/v2_5_0b.sqlite` has no single revision: the table alembic_version holds several rows: v1_4_3, v2_5_0b; ";
    for verb in [LOOKING, &MOVING[..4]].concat() {
        let args = [&["db"], verb, &["--database", "v2_5_0b.sqlite"]].concat();
        let outcome = sandbox.nexus(args).code(6);
        assert!(outcome.stderr.starts_with(text), "{}", outcome.stderr);
    }
    // Somebody who knows which one is right says so.
    let stamped = sandbox.nexus(["db", "stamp", "v2_5_0b", "--database", "v2_5_0b.sqlite"]).done();
    assert!(stamped.ends_with("none -> v2_5_0b\n"), "{stamped}");
    assert_eq!(sandbox.nexus(["db", "current", "--database", "v2_5_0b.sqlite"]).done(), "v2_5_0b (head)\n");
}

#[test]
fn without_a_revision() {
    let sandbox = Sandbox::new();
    sandbox.fixture("pre_2_2_unstamped.sqlite");
    let text = "error: database `[DIR]/pre_2_2_unstamped.sqlite` has no revision (its tables look like those of v1_4_3); \
                if it is what it looks like, run `nexus db stamp v1_4_3`, then `nexus db upgrade`";
    refused(&sandbox, "pre_2_2_unstamped.sqlite", &MOVING[..4], 6, text);
    let wrong = "error: `[DIR]/pre_2_2_unstamped.sqlite` cannot be stamped v2_5_0b: ";
    let args = ["db", "stamp", "v2_5_0b", "--database", "pre_2_2_unstamped.sqlite"];
    let outcome = sandbox.nexus(args).code(6);
    assert!(outcome.stderr.starts_with(wrong), "{}", outcome.stderr);
}

#[test]
fn tables_of_something_else() {
    let sandbox = Sandbox::new();
    Connection::open(sandbox.path("other.db")).unwrap().execute_batch("CREATE TABLE cookies (a)").unwrap();
    let text = "error: database `[DIR]/other.db` has no revision (it holds other tables: cookies); check that this is the right file";
    refused(&sandbox, "other.db", &MOVING[..4], 6, text);
}

#[test]
fn a_migration_that_stopped_half_way() {
    let sandbox = Sandbox::new();
    let name = "pre_2_2_half_upgraded.sqlite";
    sandbox.fixture(name);
    let text = "error: database `[DIR]/pre_2_2_half_upgraded.sqlite` holds a half-applied migration: a left-over table \
                _alembic_tmp_instruments; the tables of v2_5_0a are complete, so drop the left-over table by hand after a \
                `nexus db backup`";
    refused(&sandbox, name, &[&["current"], &["check"], &["upgrade"], &["downgrade"]], 6, text);
}

#[test]
fn a_left_over_table_of_a_rebuild() {
    for table in ["session_log_new", "_alembic_tmp_session_log"] {
        let sandbox = spoilt("v2_4_0a.sqlite", &format!("CREATE TABLE {table} (a)"));
        let text = format!(
            "error: database `[DIR]/v2_4_0a.sqlite` holds a half-applied migration: a left-over table {table}; the tables of \
             v2_4_0a are complete, so drop the left-over table by hand after a `nexus db backup`"
        );
        refused(&sandbox, "v2_4_0a.sqlite", &[&["check"], &["upgrade"], &["downgrade"]], 6, &text);
    }
}

#[test]
fn a_revision_that_the_tables_do_not_fit() {
    let sandbox = spoilt("v2_5_0a.sqlite", "UPDATE alembic_version SET version_num = 'v2_5_0b'");
    let text =
        "error: database `[DIR]/v2_5_0a.sqlite` holds a half-applied migration: it claims v2_5_0b, but ";
    let hint = "; its tables look like those of v2_5_0a: if that is right, run `nexus db stamp v2_5_0a`\n";
    for verb in [&["current"][..], &["check"], &["upgrade"], &["downgrade"]] {
        let outcome = sandbox.nexus([&["db"], verb, &["--database", "v2_5_0a.sqlite"]].concat()).code(6);
        assert!(outcome.stderr.starts_with(text) && outcome.stderr.ends_with(hint), "{}", outcome.stderr);
    }
    // The advice works.
    sandbox.nexus(["db", "stamp", "v2_5_0a", "--database", "v2_5_0a.sqlite"]).done();
    sandbox.nexus(["db", "upgrade", "--database", "v2_5_0a.sqlite"]).done();
}

#[test]
fn rows_that_the_next_revision_would_not_take() {
    let sandbox = Sandbox::new();
    let name = "v2_4_0a_unknown_status.sqlite";
    sandbox.fixture(name);
    for (verb, to) in [(&["upgrade"][..], "v2_5_0b"), (&["upgrade", "+1"], "v2_4_0b")] {
        let text = format!(
            "error: the step to {to} of `[DIR]/{name}` was not started, session_log: record_status `PAUSED` is not a known one \
             in 1 row (id_session_log 1055); correct these rows and try again"
        );
        refused(&sandbox, name, &[verb], 6, &text);
    }
}

#[test]
fn read_only() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_5_0a.sqlite");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    // The administrator may write it all the same: the mark itself is what counts.
    let text = "error: database `[DIR]/v2_5_0a.sqlite` cannot be written: the file is marked read-only; SQLite needs to write the file and its folder";
    refused(&sandbox, "v2_5_0a.sqlite", &[&["upgrade"], &["downgrade"], &["stamp", "v2_5_0a"]], 6, text);
    assert_eq!(sandbox.nexus(["db", "current", "--database", "v2_5_0a.sqlite"]).done(), "v2_5_0a\n");
}

#[test]
fn held_by_another_program() {
    let sandbox = Sandbox::new();
    let path = sandbox.fixture("v2_5_0a.sqlite");
    // Read before: closing any handle on the file would take the other connection's lock away.
    let before = fs::read(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let text = "error: database `[DIR]/v2_5_0a.sqlite` is locked by another program (waited 0 s); try again when that one is done";
    for verb in
        [&["current"][..], &["check"], &["upgrade"], &["downgrade"], &["stamp", "v2_5_0a"], &["backup"]]
    {
        let args = [&["db", "--wait", "0s", "--database", "v2_5_0a.sqlite"], verb].concat();
        sandbox.nexus(args).refused(5, text);
    }
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);

    // One that only writes does not keep readers away.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(sandbox.nexus(["db", "current", "--database", "v2_5_0a.sqlite"]).done(), "v2_5_0a\n");
    sandbox.nexus(["db", "--wait", "0s", "--database", "v2_5_0a.sqlite", "upgrade"]).refused(5, text);
}
