//! The verbs that only look: current, check, history, diagram.

use std::fs;

use crate::common::Sandbox;

#[test]
fn current_of_every_revision() {
    let sandbox = Sandbox::new();
    let cases = [
        ("v1_4_3.sqlite", "v1_4_3\n"),
        ("down_v2_4_0a.sqlite", "v2_4_0a\n"),
        ("v2_5_0b.sqlite", "v2_5_0b (head)\n"),
        ("pre_2_2_upgraded.sqlite", "v2_5_0b (head)\n"),
        (
            "down_base.sqlite",
            "none\n  database `[DIR]/down_base.sqlite` is empty; run `nexus db upgrade` to make its tables\n",
        ),
        (
            "pre_2_2.sqlite",
            "none\n  database `[DIR]/pre_2_2.sqlite` has no revision (its tables look like those of v1_4_3); if it is \
             what it looks like, run `nexus db stamp v1_4_3`, then `nexus db upgrade`\n",
        ),
    ];
    for (name, text) in cases {
        let path = sandbox.fixture(name);
        let before = fs::read(&path).unwrap();
        assert_eq!(sandbox.nexus(["db", "current", "--database", name]).done(), text, "{name}");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
    }
}

#[test]
fn current_in_detail() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_5_0a.sqlite");
    let detail = sandbox.nexus(["db", "current", "-v", "--database", "v2_5_0a.sqlite"]).done();
    assert_eq!(
        detail,
        "v2_5_0a\n  revises: v2_4_0b\n  title: Who a user is in other systems.\n  tables of nexus: not there yet\n  \
         path: [DIR]/v2_5_0a.sqlite\n"
    );
    let json = sandbox.nexus(["db", "current", "--json", "--database", "v2_5_0a.sqlite"]).json();
    assert_eq!(json["revision"], "v2_5_0a");
    assert_eq!(json["at_head"], false);
    assert_eq!(json["nexus_tables"], serde_json::Value::Null);
    assert_eq!(json["path"], "[DIR]/v2_5_0a.sqlite");
}

#[test]
fn check_answers_by_its_exit_code() {
    let sandbox = Sandbox::new();
    for name in ["v2_5_0b.sqlite", "v2_4_0b.sqlite", "pre_2_2.sqlite", "down_base.sqlite"] {
        sandbox.fixture(name);
    }
    let check = |name: &str| sandbox.nexus(["db", "check", "--database", name]);
    assert_eq!(check("v2_5_0b.sqlite").done(), "up to date (revision v2_5_0b)\n");
    assert_eq!(
        check("v2_4_0b.sqlite").code(4).stdout,
        "database `[DIR]/v2_4_0b.sqlite` is at revision v2_4_0b, v2_5_0b is needed; run `nexus db upgrade`\n\
         pending:\n  v2_5_0a, Who a user is in other systems.\n  v2_5_0b, Instruments without computer and calendar \
         name; schema_name is called display_name.\n"
    );
    assert!(check("pre_2_2.sqlite").code(4).stdout.contains("`nexus db stamp v1_4_3`"));
    assert!(check("down_base.sqlite").code(4).stdout.contains("run `nexus db upgrade`"));

    let outcome = sandbox.nexus(["db", "check", "--json", "--database", "v2_4_0b.sqlite"]).code(4);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["pending"], serde_json::json!(["v2_5_0a", "v2_5_0b"]));
    assert_eq!(json["up_to_date"], false);
}

#[test]
fn history_marks_head_and_current() {
    let sandbox = Sandbox::new();
    sandbox.fixture("v2_4_0a.sqlite");
    assert_eq!(
        sandbox.nexus(["db", "history", "--database", "v2_4_0a.sqlite"]).done(),
        "v2_5_0a -> v2_5_0b (head), Instruments without computer and calendar name; schema_name is called display_name.\n\
         v2_4_0b -> v2_5_0a, Who a user is in other systems.\n\
         v2_4_0a -> v2_4_0b, The session log accepts known event types and record statuses only.\n\
         v1_4_3 -> v2_4_0a (current), The upload log: one row for each try to deliver a record.\n\
         base -> v1_4_3, Instruments and the session log, as the 1.4 series left them.\n"
    );
    // Without any database there is nothing to mark, and nothing to complain about.
    assert!(!sandbox.nexus(["db", "history"]).done().contains("(current)"));
    let json = sandbox.nexus(["db", "history", "--json", "--database", "v2_4_0a.sqlite"]).json();
    assert_eq!(json[0]["head"], true);
    assert_eq!(json[3]["current"], true);
    assert_eq!(json[4]["revises"], serde_json::Value::Null);
}

#[test]
fn the_diagram_needs_no_database() {
    let sandbox = Sandbox::new();
    let diagram = sandbox.nexus(["db", "diagram"]).done();
    assert!(diagram.starts_with("erDiagram\n"));
    assert!(diagram.contains("    instruments ||--o{ session_log : instrument\n"));
    assert!(
        diagram.contains("        BOOLEAN success \"1 if the destination took the record, 0 if not.\"\n")
    );
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/database.md")).unwrap();
    assert_eq!(sandbox.nexus(["db", "diagram", "--markdown"]).done(), committed);
    assert_eq!(sandbox.nexus(["db", "diagram", "--json"]).json()[0]["name"], "instruments");
}
