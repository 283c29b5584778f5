//! `nexus plugins list`, `show` and `check`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::Sandbox;
use serde_json::{Value, json};

const ENROL: &str = include_str!("plugins/enrol.py");

const STORE: &str = "
[destinations.store]
command = [\"python3\", \"plugins/enrol.py\"]
token = { value = \"s3cret-token\" }
";

/// A demo's facility with these settings behind its own; the program is at `plugins/enrol.py`.
fn facility(own: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nexus(["init"]).done();
    let settings = "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"instruments\"\ndata = \"data\"\n\
                    [harvesters.log]\nplugin = \"logbook\"\npath = \"log.csv\"\n";
    sandbox.write("nexus.toml", format!("{settings}{own}"));
    sandbox.write("plugins/enrol.py", ENROL);
    sandbox
}

fn line<'a>(lines: &'a Value, name: &str) -> &'a Value {
    let all = lines.as_array().unwrap();
    all.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("no {name} in {lines:#}"))
}

#[test]
fn without_a_configuration_the_linked_ones_are_listed() {
    let sandbox = Sandbox::new();
    let lines = sandbox.nexus(["plugins", "list", "--json"]).json();
    for (name, kind) in [("logbook", "harvester"), ("folder", "destination")] {
        let line = line(&lines, name);
        assert_eq!((&line["kind"], &line["carrier"]), (&json!(kind), &json!("linked")));
        assert_eq!((&line["tables"], &line["problem"]), (&json!([]), &Value::Null));
    }
    let table = sandbox.nexus(["plugins", "list"]).done();
    assert!(table.contains("folder") && table.contains("usable"), "{table}");
    assert_eq!(sandbox.names(), [""; 0], "a listing leaves nothing behind");
}

#[test]
fn a_configuration_that_is_named_must_be_there() {
    let outcome = Sandbox::new().nexus(["--config", "other.toml", "plugins", "list"]).code(3);
    assert!(outcome.stderr.contains("there is no configuration file `other.toml`"), "{}", outcome.stderr);
}

#[test]
fn plugins_of_the_configuration_are_asked_who_they_are() {
    let sandbox =
        facility(&format!("{STORE}[destinations.second]\ncommand = [\"python3\", \"plugins/enrol.py\"]\n"));
    let lines = sandbox.nexus(["plugins", "list", "--json"]).json();
    assert_eq!(line(&lines, "logbook")["tables"], json!([{"table": "harvesters.log", "problem": null}]));
    let store = line(&lines, "enrol");
    assert_eq!((&store["version"], &store["carrier"]), (&json!("1.2.3"), &json!("process")));
    assert_eq!(store["file"], "python3 plugins/enrol.py");
    assert_eq!(store["tables"][0], json!({"table": "destinations.store", "problem": null}));
    let problem = store["tables"][1]["problem"].as_str().unwrap();
    assert!(problem.contains("[destinations.second] has no key `token`"), "{problem}");
    let table = sandbox.nexus(["plugins", "list"]).done();
    assert!(table.contains("not usable") && table.contains("has no key `token`"), "{table}");
}

#[test]
fn a_plugin_that_cannot_be_had_is_listed_with_the_reason() {
    let sandbox = facility(
        "[destinations.gone]\ncommand = [\"./nothing\"]\n[destinations.text]\nlibrary = \"log.so\"\n\
         [destinations.none]\nplugin = \"nowhere\"\n",
    );
    sandbox.write("log.so", "no library");
    let lines = sandbox.nexus(["plugins", "list", "--json"]).json();
    let problem_of = |table: &str| {
        let found = lines.as_array().unwrap().iter().find(|line| line["tables"][0]["table"] == table);
        found.unwrap()["problem"].as_str().unwrap().to_owned()
    };
    assert!(problem_of("destinations.gone").contains("nothing"), "{lines:#}");
    assert!(problem_of("destinations.text").contains("[DIR]/log.so"), "{lines:#}");
    assert!(
        problem_of("destinations.none").contains("there is no destination plugin `nowhere`"),
        "{lines:#}"
    );
}

#[test]
fn a_plugin_is_shown_by_name_by_table_and_by_file() {
    let sandbox = facility(STORE);
    let linked = sandbox.nexus(["plugins", "show", "folder", "--json"]).json();
    assert_eq!((&linked["manifest"]["name"], &linked["carrier"]), (&json!("folder"), &json!("linked")));
    for word in ["store", "destinations.store"] {
        let shown = sandbox.nexus(["plugins", "show", word, "--json"]).json();
        assert_eq!(shown["manifest"]["name"], "enrol", "{word}");
        assert_eq!(shown["used_by"], json!(["destinations.store"]));
        assert_eq!(shown["actions"][1]["name"], "ask");
        assert!(!shown.to_string().contains("s3cret-token"));
    }
    let text = sandbox.nexus(["plugins", "show", "store"]).done();
    for words in [
        "enrol 1.2.3, a destination\nMakes accounts.",
        "Accounts of a store that does not exist.",
        "capabilities  actions, find",
        "secret",
        "whole number",
        "\"good\" or \"bad\"",
        "user=… [id=…]",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // Without a configuration, and without what it needs.
    let alone = Sandbox::new();
    alone.write("enrol.py", ENROL);
    for word in ["./enrol.py", "enrol.py"] {
        let shown = alone.nexus(["plugins", "show", word, "--json"]).json();
        assert_eq!((&shown["manifest"]["version"], &shown["actions"]), (&json!("1.2.3"), &Value::Null));
    }
    let text = alone.nexus(["plugins", "show", "enrol.py"]).done();
    assert!(text.contains("not known: it offers them once it has settings"), "{text}");
}

#[test]
fn a_file_can_be_shown_whatever_the_settings_say() {
    let sandbox = facility("[destinations.store]\nplugin = 7\n");
    let shown = sandbox.nexus(["plugins", "show", "plugins/enrol.py", "--json"]).json();
    assert_eq!(shown["manifest"]["name"], "enrol");
    sandbox.nexus(["plugins", "show", "folder"]).done();
    let refused = sandbox.nexus(["plugins", "show", "store"]).code(3);
    assert!(refused.stderr.contains("the configuration has"), "{}", refused.stderr);
}

#[test]
fn what_is_no_plugin_is_refused_by_name() {
    let sandbox = facility(STORE);
    sandbox.write("text.txt", "");
    for (word, code, part) in [
        (
            "nosuch",
            2,
            "there is no plugin `nosuch`; there are: logbook, nemo, folder, cdcs, labarchives, sharepoint",
        ),
        ("./nosuch.so", 2, "`./nosuch.so`: No such file"),
        ("text.txt", 2, "`text.txt` is neither a shared library nor a program nor a Python file"),
        ("plugins/", 2, "is not a file"),
    ] {
        let outcome = sandbox.nexus(["plugins", "show", word]).code(code);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    sandbox.write("bad.py", "print('hello')\n");
    let outcome = sandbox.nexus(["plugins", "show", "bad.py"]).code(3);
    assert!(outcome.stderr.contains("bad.py"), "{}", outcome.stderr);
}

#[test]
fn every_instance_is_asked_whether_it_could_work() {
    let sandbox = facility(&format!("{STORE}mood = \"bad\"\n[destinations.gone]\nplugin = \"nowhere\"\n"));
    sandbox.write("log.csv", "id,instrument,start,end\n");
    let outcome = sandbox.nexus(["plugins", "check", "--json"]).code(3);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let items = report["items"].as_array().unwrap();
    let result =
        |name: &str| items.iter().find(|item| item["name"] == name).map(|item| item["result"].clone());
    assert_eq!(result("destinations.store: mood"), Some(json!("failed")), "{report:#}");
    assert_eq!(result("destinations.gone"), Some(json!("failed")), "{report:#}");
    assert!(items.iter().any(|item| item["name"].as_str().unwrap().starts_with("harvesters.log: ")));

    let one = sandbox.nexus(["plugins", "check", "store"]).code(3);
    assert!(
        !one.stdout.contains("harvesters.log") && one.stdout.ends_with("1 check failed\n"),
        "{}",
        one.stdout
    );
    let unknown = sandbox.nexus(["plugins", "check", "shop"]).code(2);
    assert!(unknown.stderr.contains("there are: harvesters.log, destinations.store"), "{}", unknown.stderr);
}
