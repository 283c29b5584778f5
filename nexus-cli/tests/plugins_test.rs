//! `nexus plugins test`, as a plugin's author meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn nexus(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nexus"))
        .args(["plugins", "test"])
        .args(args)
        .current_dir(folder)
        .env_remove("NEXUS_CONFIG")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", out(output)))
}

#[test]
fn a_linked_plugin_passes_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus(folder.path(), &["--linked", "folder", "--setting", "path={tmp}"]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
    assert!(text.contains("ok       destination.deliver-twice-makes-one"), "{text}");
    assert!(
        text.contains("skipped  destination.steps-resumed (the manifest does not claim `steps`)"),
        "{text}"
    );
    assert!(text.contains(" 0 failed, "), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_was_not_given_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus(folder.path(), &["--linked", "folder", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report = json(&output);
    let target =
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "destination.target");
    assert_eq!(target.unwrap()["status"], "skipped");
    assert_eq!(target.unwrap()["reason"], "needs `--setting path=…`");

    // A trial that tried little does not look like one that went well.
    let text = out(&nexus(folder.path(), &["--linked", "folder"]));
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("not tried: ") && last.ends_with(" need: `--setting path=…`"), "{text}");
    let text = out(&nexus(folder.path(), &["--linked", "folder", "--setting", "path={tmp}"]));
    assert!(!text.contains("not tried"), "{text}");
}

#[test]
fn the_checks_are_listed_with_their_promises() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus(folder.path(), &["--list", "--json"]);
    let checks = json(&output);
    assert!(checks.as_array().unwrap().len() >= 60);
    assert!(checks.as_array().unwrap().iter().all(|check| check["promise"].as_str().unwrap().ends_with('.')));
    let one = nexus(folder.path(), &["--list", "--only", "manifest"]);
    assert!(out(&one).contains("manifest.name") && !out(&one).contains("destination."), "{}", out(&one));
}

#[test]
fn a_wrong_command_line_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (args, words) in [
        (&["--linked", "folder", "--only", "destnation"][..], "no group `destnation`"),
        (&["--linked", "folder", "--setting", "path"], "has no `=`"),
        (&["--linked", "folder", "--in-process"], "is for a library"),
        (
            &["--linked", "folder", "--setting", "previews=maybe", "--setting", "path=x"],
            "takes a JSON boolean",
        ),
        (&["no-such.so"], "no-such.so"),
        (&["."], "which plugin"),
    ] {
        let output = nexus(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{}", out(&output), err(&output));
        assert!(err(&output).contains(words), "{args:?}: {}", err(&output));
    }
}

#[test]
fn a_plugin_that_cannot_be_loaded_fails_one_check() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("libshare.so"), "not a library").unwrap();
    let output = nexus(folder.path(), &["libshare.so", "--in-process", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let report = json(&output);
    assert_eq!(report["failed"], 1);
    assert!(report["checks"][0]["why"].as_str().unwrap().contains("libshare.so"), "{report}");
}
