//! `nexus plugins run`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs::File;

use common::{Outcome, Sandbox};
use serde_json::{Value, json};

fn facility() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nexus(["init"]).done();
    sandbox.write(
        "nexus.toml",
        "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"instruments\"\ndata = \"data\"\n\
         [destinations.store]\ncommand = [\"python3\", \"plugins/enrol.py\"]\n\
         token = { value = \"s3cret-token\" }\n[destinations.broken]\nplugin = \"nowhere\"\n",
    );
    sandbox.write("plugins/enrol.py", include_str!("plugins/enrol.py"));
    sandbox
}

fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    sandbox.nexus([&["plugins", "run", "store"], args].concat())
}

fn users(sandbox: &Sandbox) -> Vec<String> {
    let rows = sandbox.nexus(["users", "list", "--json"]).json();
    let text = |row: &Value| {
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        [word("nexuslims_username"), word("external_system"), word("external_id")].join(" ")
    };
    rows.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn an_action_is_run_and_the_users_it_met_are_stored() {
    let sandbox = facility();
    let said = run(&sandbox, &["enrol", "user=ada"]).done();
    assert_eq!(said, "ada has an account now\nlinked: ada is `17` in cdcs\n");
    assert_eq!(users(&sandbox), ["ada cdcs 17"]);
    // A number, and once more: the identifier is replaced.
    let said = run(&sandbox, &["enrol", "user=ada", "id=18", "--json"]).json();
    assert_eq!((&said["data"], &said["users"][0]["new"]), (&json!({"id": 18}), &json!(false)));
    assert_eq!(users(&sandbox), ["ada cdcs 18"]);
}

#[test]
fn what_cannot_be_stored_is_told_and_the_rest_is_stored() {
    let sandbox = facility();
    run(&sandbox, &["enrol", "user=ada"]).done();
    let taken = run(&sandbox, &["enrol", "user=bob"]).code(4);
    assert!(
        taken.stdout.contains("not stored: bob is `17` in cdcs: `17` in cdcs already belongs to user `ada`")
    );
    let strange = run(&sandbox, &["enrol", "user=strange", "id=3"]).code(4);
    assert!(strange.stdout.contains("linked: strange is `3` in cdcs\nnot stored: x is `1` in the moon:"));
    assert_eq!(users(&sandbox), ["ada cdcs 17", "strange cdcs 3"]);
}

#[test]
fn without_an_action_those_on_offer_are_listed() {
    let sandbox = facility();
    let names: Vec<Value> = run(&sandbox, &["--json"])
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["name"].clone())
        .collect();
    assert_eq!(names, ["enrol", "ask", "break"]);
    let table = run(&sandbox, &[]).done();
    assert!(table.contains("Makes an account.") && table.contains("user=… [id=…]"), "{table}");
    run(&sandbox, &["dance"]).refused(
        2,
        "error: plugin `enrol` of [destinations.store] offers no action `dance`\n  hint: there are: enrol, ask, break",
    );
}

#[test]
fn arguments_are_checked_before_anything_is_asked() {
    let sandbox = facility();
    for (args, part) in [
        (vec!["enrol"], "action `enrol` needs user"),
        (vec!["enrol", "user=a", "size=1"], "takes no argument `size`; it takes user, id"),
        (vec!["enrol", "user=a", "id=many"], "argument `id` must be integer, not `many`"),
        (vec!["enrol", "ada"], "`ada` is no argument: write KEY=VALUE"),
        (vec!["enrol", "--json-args", "[1]"], "--json-args wants an object"),
        (vec!["enrol", "user=a", "--json-args", "{}"], "cannot be used with"),
    ] {
        let outcome = run(&sandbox, &args).code(2);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    assert_eq!(users(&sandbox), [""; 0]);
    let said = run(&sandbox, &["ask", "--json-args", "{\"deep\": [1, {}]}", "--json"]).json();
    assert_eq!(said["data"]["arguments"], json!({"deep": [1, {}]}));
}

#[test]
fn secrets_are_masked_in_what_a_plugin_says() {
    let sandbox = facility();
    assert_eq!(run(&sandbox, &["ask"]).done(), "opened with ***\n");
    assert_eq!(run(&sandbox, &["ask", "--json"]).json()["data"]["token"], "***");
    run(&sandbox, &["break"]).refused(
        1,
        "error: action `break` of [destinations.store] failed: the store refused ***\n  \
         hint: ask the store; it may have done something all the same: look there first",
    );
}

#[test]
fn an_action_that_writes_wants_the_lock_of_a_run() {
    let sandbox = facility();
    let lock = File::options().create(true).append(true).open(sandbox.path("data/.builder.lock")).unwrap();
    lock.lock().unwrap();
    let refused = run(&sandbox, &["enrol", "user=ada"]).code(5);
    assert_eq!(refused.stdout, "");
    // One that only reads goes on meanwhile.
    run(&sandbox, &["ask"]).done();
    drop(lock);
    run(&sandbox, &["enrol", "user=ada"]).done();
}

#[test]
fn a_plugin_that_cannot_be_opened_is_named() {
    let sandbox = facility();
    let outcome = sandbox.nexus(["plugins", "run", "broken", "enrol"]).code(3);
    assert!(outcome.stderr.contains("there is no destination plugin `nowhere`"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("store"), "{}", outcome.stderr);
}
