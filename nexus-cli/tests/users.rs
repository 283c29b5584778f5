//! `nexus users`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::Sandbox;
use serde_json::json;

fn empty() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nexus(["db", "init", "--database", "nexus.db"]).code(0);
    sandbox
}

fn run(sandbox: &Sandbox, args: &[&str]) -> common::Outcome {
    sandbox.nexus([&["users"], args, &["--database", "nexus.db"]].concat())
}

#[test]
fn a_user_is_linked_found_both_ways_and_unlinked() {
    let sandbox = empty();
    assert_eq!(run(&sandbox, &["link", "ann", "cdcs", "42"]).done(), "linked: ann is `42` in cdcs\n");
    let again = run(&sandbox, &["link", "ann", "cdcs", "43", "--email", "ann@example.org"]).done();
    assert_eq!(again, "linked again: ann is `43` in cdcs\n");
    assert_eq!(
        run(&sandbox, &["link", "ann", "nemo", "7", "--json"]).json(),
        json!({"nexuslims_username": "ann", "external_system": "nemo", "external_id": "7", "new": true})
    );
    assert_eq!(run(&sandbox, &["lookup", "ann"]).done(), "nemo: 7\ncdcs: 43\n");
    assert_eq!(run(&sandbox, &["lookup", "ann", "--system", "cdcs"]).done(), "43\n");
    assert_eq!(run(&sandbox, &["lookup", "ann", "--json"]).json(), json!({"nemo": "7", "cdcs": "43"}));
    assert_eq!(run(&sandbox, &["lookup", "--system", "cdcs", "--id", "43"]).done(), "ann\n");
    assert_eq!(
        run(&sandbox, &["lookup", "--system", "cdcs", "--id", "43", "--json"]).json(),
        json!({"nexuslims_username": "ann", "external_system": "cdcs", "external_id": "43"})
    );
    assert_eq!(run(&sandbox, &["unlink", "ann", "nemo"]).done(), "unlinked: ann was `7` in nemo\n");
    run(&sandbox, &["unlink", "ann", "nemo"]).refused(
        1,
        "error: user `ann` has no identifier in nemo\n  hint: `nexus users list` prints those there are",
    );
}

#[test]
fn the_list_shows_what_is_stored() {
    let sandbox = empty();
    assert_eq!(run(&sandbox, &["list"]).done(), "no identifiers; `nexus users link` stores one\n");
    assert_eq!(run(&sandbox, &["list", "--json"]).json(), json!([]));
    sandbox.fixture("v2_5_0b.sqlite");
    let list = ["users", "list", "--database", "v2_5_0b.sqlite"];
    let rows = sandbox.nexus([&list[..], &["--json"]].concat()).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "id",
            "nexuslims_username",
            "external_system",
            "external_id",
            "email",
            "created_at",
            "last_verified_at",
            "notes"
        ]
    );
    let users: Vec<_> = rows.iter().map(|row| row["nexuslims_username"].as_str().unwrap()).collect();
    assert!(users.is_sorted(), "{users:?}");
    let cdcs = sandbox.nexus([&list[..], &["--system", "cdcs", "--json"]].concat()).json();
    assert!(cdcs.as_array().unwrap().iter().all(|row| row["external_system"] == "cdcs"));
    let table = sandbox.nexus(list).done();
    assert!(table.contains("Identifier") && table.contains("k.ito"), "{table}");
}

#[test]
fn an_identifier_of_somebody_else_is_refused_naming_both() {
    let sandbox = empty();
    run(&sandbox, &["link", "ann", "cdcs", "42"]).code(0);
    run(&sandbox, &["link", "bob", "cdcs", "42"]).refused(
        1,
        "error: `42` in cdcs already belongs to user `ann` and cannot be linked to `bob`; unlink it from `ann` first \
         if that is wrong",
    );
    assert_eq!(run(&sandbox, &["lookup", "--system", "cdcs", "--id", "42"]).done(), "ann\n");
}

#[test]
fn what_cannot_be_found_or_understood() {
    let sandbox = empty();
    let hint = "\n  hint: `nexus users list` prints those there are";
    run(&sandbox, &["lookup", "ann"])
        .refused(1, &format!("error: user `ann` has no identifier in any system{hint}"));
    run(&sandbox, &["lookup", "ann", "--system", "nemo"])
        .refused(1, &format!("error: user `ann` has no identifier in nemo{hint}"));
    run(&sandbox, &["lookup", "--system", "nemo", "--id", "1"])
        .refused(1, &format!("error: `1` in nemo belongs to no user{hint}"));
    run(&sandbox, &["link", " ", "nemo", "1"]).refused(2, "error: the user in system nemo is empty");
    for (args, part) in [
        (
            &["link", "ann", "orcid", "1"][..],
            "`orcid` is not an external system; known: nemo, labarchives_eln",
        ),
        (&["lookup"], "<USER>"),
        (&["lookup", "--id", "1"], "--system <SYSTEM>"),
        (&["lookup", "ann", "--system", "nemo", "--id", "1"], "cannot be used with"),
    ] {
        let outcome = run(&sandbox, args).code(2);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn a_writing_command_respects_the_lock_and_the_revision() {
    let sandbox = empty();
    let lock = nexus_core::lock::DatabaseLock::try_acquire(&sandbox.path("nexus.db")).unwrap();
    let outcome = run(&sandbox, &["link", "ann", "cdcs", "42"]).code(5);
    assert!(outcome.stderr.contains("is locked by"), "{}", outcome.stderr);
    assert_eq!(run(&sandbox, &["list", "--json"]).json(), json!([]));
    drop(lock);
    sandbox.fixture("v2_4_0b.sqlite");
    let outcome = sandbox.nexus(["users", "list", "--database", "v2_4_0b.sqlite"]).code(6);
    assert!(outcome.stderr.contains("nexus db upgrade"), "{}", outcome.stderr);
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    let sandbox = Sandbox::new();
    for verb in ["link", "unlink", "lookup", "list"] {
        let help = sandbox.nexus(["users", verb, "--help"]).done();
        assert!(help.contains("Examples:") && help.contains(&format!("nexus users {verb}")), "{help}");
    }
}
