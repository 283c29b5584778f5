//! `nexus db init` and `nexus db backup`.

use std::fs;

use crate::common::Sandbox;

#[test]
fn init_makes_folder_and_file() {
    let sandbox = Sandbox::new();
    let printed = sandbox.nexus(["db", "init", "--database", "deep/er/nexus.db"]).done();
    assert_eq!(printed, "made [DIR]/deep/er/nexus.db\nnone -> v2_5_0b\n");
    assert_eq!(
        sandbox.nexus(["db", "check", "--database", "deep/er/nexus.db"]).done(),
        "up to date (revision v2_5_0b)\n"
    );
    let json = sandbox.nexus(["db", "init", "--json", "--database", "other.db"]).json();
    assert_eq!(json, serde_json::json!({ "path": "[DIR]/other.db", "revision": "v2_5_0b" }));
}

#[test]
fn init_leaves_what_is_there() {
    let sandbox = Sandbox::new();
    let hint = "\n  hint: to start afresh, move the old file away first: its rows are not thrown away";
    for (name, content) in [("full.db", None), ("text.db", Some("hello")), ("empty.db", Some(""))] {
        match content {
            Some(content) => drop(sandbox.write(name, content)),
            None => drop(fs::copy(sandbox.fixture("v2_4_0a.sqlite"), sandbox.path(name)).unwrap()),
        }
        let before = fs::read(sandbox.path(name)).unwrap();
        let text = format!(
            "error: `{name}` exists already; upgrade it with `nexus db upgrade`, or choose another path{hint}"
        );
        sandbox.nexus(["db", "init", "--database", name]).refused(6, &text);
        assert_eq!(fs::read(sandbox.path(name)).unwrap(), before, "{name}");
    }
    // The peer's way to overwrite does not exist.
    sandbox.nexus(["db", "init", "--force", "--database", "full.db"]).code(2);
    assert_eq!(sandbox.names(), ["empty.db", "full.db", "text.db", "v2_4_0a.sqlite"]);
}

#[test]
fn a_backup_is_a_whole_database() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0b.sqlite");
    let count = |name: &str| {
        let sql = "SELECT count(*) AS n FROM session_log";
        sandbox.nexus(["db", "query", "--format", "csv", "--database", name, sql]).done()
    };
    let copy = |args: &[&str]| {
        let args = [&["db", "backup", "--json", "--database", "v2_4_0b.sqlite"], args].concat();
        let json = sandbox.nexus(args).json();
        json["backup"].as_str().unwrap().strip_prefix("[DIR]/").unwrap().to_owned()
    };
    let beside = copy(&[]);
    assert!(beside.starts_with("v2_4_0b_backup_") && beside.ends_with("_nexus.sqlite"), "{beside}");
    let named = copy(&["--to", "mine.db"]);
    assert_eq!(named, "mine.db");
    for name in [&beside, &named] {
        assert_eq!(count(name), "n\n54\n", "{name}");
        assert_eq!(sandbox.nexus(["db", "current", "--database", name]).done(), "v2_4_0b\n", "{name}");
    }
}

#[test]
fn a_backup_overwrites_nothing() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0b.sqlite");
    sandbox.write("mine.db", "precious");
    let args = ["db", "backup", "--database", "v2_4_0b.sqlite", "--to", "mine.db"];
    sandbox.nexus(args).refused(
        6,
        "error: `[DIR]/mine.db` exists already and was left as it is; choose another name for the backup",
    );
    assert_eq!(fs::read(sandbox.path("mine.db")).unwrap(), b"precious");
    let args = ["db", "backup", "--database", "v2_4_0b.sqlite", "--to", "no/such/folder.db"];
    sandbox.nexus(args).refused(
        6,
        "error: failed to create backup `[DIR]/no/such/folder.db`\n  because: No such file or directory (os error 2)",
    );
    assert_eq!(sandbox.names(), ["mine.db", "v2_4_0b.sqlite"]);
}
