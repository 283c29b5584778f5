//! `nexus extract`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs::{self, File};
use std::time::SystemTime;

use chrono::DateTime;
use common::Sandbox;
use common::facility::Facility;
use serde_json::Value;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.write("notes.txt", "aligned the column\n");
    let at = SystemTime::from(DateTime::parse_from_rfc3339("2024-03-05T09:10:00Z").unwrap());
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    sandbox
}

#[test]
fn the_metadata_of_a_file_is_printed_without_any_settings() {
    let sandbox = sandbox();
    let metadata = &sandbox.nexus(["extract", "notes.txt"]).json()["nx_meta"];
    assert_eq!(metadata["Creation Time"], "2024-03-05T09:10:00+00:00");
    assert_eq!(metadata["NexusLIMS Extraction"]["Module"], "nexus.extractors.basic_file_info");
    let elsewhere = &sandbox.nexus(["extract", "notes.txt", "--zone", "America/Denver"]).json()["nx_meta"];
    assert_eq!(elsewhere["Creation Time"], "2024-03-05T02:10:00-07:00");
    assert_eq!(sandbox.names(), ["notes.txt"]);
}

#[test]
fn the_preview_is_drawn_where_it_is_asked_for() {
    let sandbox = sandbox();
    sandbox.write("notes.png", "an older one");
    sandbox.nexus(["extract", "notes.txt", "--preview-path", "notes.png"]).json();
    assert!(fs::read(sandbox.path("notes.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(sandbox.names(), ["notes.png", "notes.txt"]);
    // The metadata is there though there is no preview.
    sandbox.write("spectrum.dm3", "x");
    let outcome = sandbox.nexus(["extract", "spectrum.dm3", "--preview-path", "p.png"]).code(1);
    assert!(outcome.stdout.contains("nx_meta"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "error: no preview is drawn for files with the suffix `dm3`\n");
    let itself = ["extract", "notes.txt", "--preview-path", "./notes.txt"];
    sandbox.nexus(itself).refused(2, "error: `./notes.txt` is the file itself: its preview would replace it");
    assert_eq!(fs::read(sandbox.path("notes.txt")).unwrap(), b"aligned the column\n");
}

#[test]
fn json_names_the_reader() {
    let sandbox = sandbox();
    let told = sandbox.nexus(["extract", "notes.txt", "--json"]).json();
    assert_eq!(told["reader"]["module"], "nexus.extractors.basic_file_info");
    assert_eq!((&told["reader"]["extractor"], told["warnings"].as_array().unwrap().len()), (&Value::Null, 0));
    assert_eq!(told["signals"][0]["nx_meta"]["Creation Time"], "2024-03-05T09:10:00+00:00");
}

#[test]
fn a_configuration_that_is_named_must_be_there() {
    let sandbox = sandbox();
    let outcome = sandbox.nexus(["--config", "away.toml", "extract", "notes.txt"]).code(3);
    assert!(outcome.stderr.contains("away.toml"), "{}", outcome.stderr);
    sandbox.nexus(["--config", "away.toml", "extract", "notes.txt", "--no-config"]).json();
    let facility = Facility::with_two_sessions();
    let file = "instruments/tem/grain.tif";
    facility
        .nexus(["extract", file, "--extractor", "dm"])
        .refused(2, "error: `nexus.toml` has no [extractors.dm]: it has none");
}

const READER: &str = r#"
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if "method" not in request:
        continue
    method, params = request["method"], request.get("params", {})
    if method == "manifest":
        ok = {"name": "counter", "version": "2.0", "kind": "extractor", "protocol": "1.0", "suffixes": ["cnt"]}
    elif method == "accepts":
        ok = {"accepts": "mine" in params["path"]}
    elif method == "extract" and "broken" in params["path"]:
        print(json.dumps({"id": request["id"], "error": {"class": "permanent", "effect": "none", "message": "no header"}}), flush=True)
        continue
    elif method == "extract":
        ok = {"signals": [{"dataset_type": "Spectrum", "metadata": {"Counts": 7}}]}
    else:
        ok = {"items": []}
    print(json.dumps({"id": request["id"], "ok": ok}), flush=True)
"#;

#[test]
fn the_extractors_of_the_configuration_read_it_and_are_named() {
    let facility = Facility::with_two_sessions();
    let sandbox = &facility.sandbox;
    let settings = fs::read_to_string(sandbox.path("nexus.toml")).unwrap();
    let table = "\n[extractors.counts]\ncommand = [\"python3\", \"counter.py\"]\n";
    sandbox.write("nexus.toml", settings + table);
    sandbox.write("counter.py", READER);
    for name in ["mine.cnt", "other.cnt", "broken mine.cnt", "mine.dat"] {
        sandbox.write(name, "x");
    }
    let read = |name: &str| facility.nexus(["extract", name, "--json"]).json();
    let told = read("mine.cnt");
    assert_eq!(
        told["reader"],
        serde_json::json!({"extractor": "counts", "module": "counter", "version": "2.0"})
    );
    assert_eq!(told["signals"][0]["nx_meta"]["Counts"], 7);
    assert_eq!(read("other.cnt")["reader"]["extractor"], Value::Null);
    assert_eq!(read("mine.dat")["reader"]["extractor"], Value::Null);
    let broken = read("broken mine.cnt");
    assert_eq!(broken["reader"]["extractor"], Value::Null);
    assert!(
        broken["warnings"][0].as_str().unwrap().contains("extractor `counts` failed: no header"),
        "{broken}"
    );
    let without = facility.nexus(["extract", "mine.cnt", "--json", "--no-config"]).json();
    assert_eq!(without["reader"]["extractor"], Value::Null);

    let forced = facility.nexus(["extract", "mine.dat", "--extractor", "counts"]).code(0);
    assert_eq!(forced.stderr, "read by extractor `counts` (counter 2.0)\n");
    assert!(forced.stdout.contains("\"Counts\": 7"), "{}", forced.stdout);
    let failed = facility.nexus(["extract", "broken mine.cnt", "--extractor", "counts"]).code(1);
    assert!(failed.stderr.contains("extractor `counts` gave nothing to use"), "{}", failed.stderr);
    assert!(failed.stderr.contains("no header") && failed.stdout.is_empty(), "{}", failed.stderr);
    let unknown = facility.nexus(["extract", "mine.cnt", "--extractor", "count"]).code(2);
    assert!(unknown.stderr.contains("has no [extractors.count]: counts"), "{}", unknown.stderr);

    let checked = facility.nexus(["config", "check", "--json"]).json();
    let of_it = |item: &&Value| item["name"].as_str().unwrap().starts_with("extractors.counts");
    let items: Vec<&Value> = checked["items"].as_array().unwrap().iter().filter(of_it).collect();
    let left_out = "files with the suffix cnt belong to no record";
    assert!(items.iter().any(|item| item["detail"].as_str().unwrap().starts_with(left_out)), "{items:?}");
    assert!(items.iter().all(|item| item["result"] != "failed"), "{items:?}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let sandbox = sandbox();
    sandbox
        .nexus(["extract", "away.txt"])
        .refused(1, "error: `away.txt` cannot be read\n  because: No such file or directory (os error 2)");
    sandbox.nexus(["extract", "."]).refused(1, "error: `.` is no file");
    let outcome = sandbox.nexus(["extract", "notes.txt", "--zone", "Denver"]).code(2);
    assert!(outcome.stderr.contains("Denver"), "{}", outcome.stderr);
}

/// What a build writes beside a record, but for the moment of extraction.
#[test]
fn it_is_what_a_build_writes() {
    let facility = Facility::with_two_sessions();
    facility.run(0);
    let side_file = fs::read_to_string(facility.sandbox.path("data/tem/grain.tif.json")).unwrap();
    let printed = facility
        .nexus(["extract", "instruments/tem/grain.tif", "--zone", "Europe/Berlin", "--no-config"])
        .done();
    let without_date = |text: &str| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["nx_meta"]["NexusLIMS Extraction"]["Date"] = Value::Null;
        value
    };
    assert_eq!(without_date(&printed), without_date(&side_file));
    assert_eq!(printed.lines().count(), side_file.lines().count());
}
