//! The way from `nexus plugins new` to a record delivered by the new plugin, run as `docs/plugins.md` tells it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Sandbox;
use common::facility::Facility;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../docs/plugins.md");

/// The commands between two marks of the page, one in each block.
fn commands(way: &str) -> Vec<String> {
    let (_, rest) = PAGE.split_once(&format!("<!-- {way}: begin -->")).unwrap();
    let (part, _) = rest.split_once(&format!("<!-- {way}: end -->")).unwrap();
    let blocks = part.split("```sh\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// Runs the page's commands in a new folder, this nexus first in PATH; `after` looks on.
fn walk(way: &str, after: impl Fn(&Sandbox, usize)) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let checkout = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
    std::os::unix::fs::symlink(checkout, sandbox.path("nexus")).unwrap();
    let commands = commands(way);
    assert!(commands.len() < 10, "{} commands", commands.len());
    let mut said = String::new();
    for (at, command) in commands.iter().enumerate() {
        said = shell(&sandbox, command);
        after(&sandbox, at);
    }
    (sandbox, said)
}

/// Runs a command in the sandbox; returns what it printed.
fn shell(sandbox: &Sandbox, command: &str) -> String {
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("NX_") || name.starts_with("NEXUS_")) {
            shell.env_remove(name);
        }
    }
    shell.current_dir(sandbox.path("")).args(["-eu", "-c", command]).env("PATH", path());
    // A test does not go to the network: what cargo needs is there, since this workspace was built.
    shell.env("CARGO_NET_OFFLINE", "true").env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
    sandbox.finish(&mut shell).code(0).stdout
}

/// What cargo made for a project in an earlier run of these tests, or for another project, is used again.
fn share_target(sandbox: &Sandbox, project: &str) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newcomer");
    fs::create_dir_all(&shared).unwrap();
    let target = sandbox.path(project).join("target");
    if sandbox.path(project).is_dir() && !target.exists() {
        std::os::unix::fs::symlink(&shared, target).unwrap();
    }
}

fn path() -> OsString {
    let ours = Path::new(env!("CARGO_BIN_EXE_nexus")).parent().unwrap().to_owned();
    let others: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
    std::env::join_paths([ours].into_iter().chain(others)).unwrap()
}

/// The last command lists the one record that the new plugin delivered.
#[track_caller]
fn delivered(sandbox: &Sandbox, said: &str) {
    let files: Vec<&str> = said.lines().collect();
    assert_eq!(files.len(), 1, "{said}");
    let record = fs::read_to_string(sandbox.path(files[0])).unwrap();
    assert!(record.contains("In-situ heating"), "{record}");
    let log = sandbox.nexus([
        "--config",
        "facility/nexus.toml",
        "db",
        "query",
        "SELECT success FROM upload_log WHERE destination_name = 'shelf'",
        "--json",
    ]);
    assert_eq!(log.json().as_array().unwrap().len(), 1);
}

#[test]
fn in_python() {
    let (sandbox, said) = walk("in Python", |_, _| {});
    delivered(&sandbox, &said);
}

#[test]
fn in_rust() {
    let (sandbox, said) = walk("in Rust", |sandbox, _| share_target(sandbox, "shelf"));
    delivered(&sandbox, &said);
}

/// A new project in Rust, built.
fn project(sandbox: &Sandbox, name: &str, kind: &str) {
    let api = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
    let api = api.to_str().unwrap();
    sandbox.nexus(["plugins", "new", name, "--lang", "rust", "--kind", kind, "--api", api]).done();
    share_target(sandbox, name);
    shell(sandbox, &format!("cargo build --manifest-path {name}/Cargo.toml"));
}

/// The kit finds nothing wrong with a project, on either carrier of a library.
#[track_caller]
fn conforms(sandbox: &Sandbox, name: &str) {
    for carrier in [&["--json"][..], &["--json", "--in-process"]] {
        let report = sandbox.nexus([&["plugins", "test", name], carrier].concat()).code(0);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert!(report["passed"].as_u64().unwrap() > 60, "{report:#}");
    }
}

#[test]
fn a_new_harvester_in_rust_conforms() {
    let sandbox = Sandbox::new();
    project(&sandbox, "diary", "harvester");
    conforms(&sandbox, "diary");
}

#[test]
fn a_new_extractor_in_rust_conforms_and_reads_a_file() {
    let facility = Facility::with_two_sessions();
    let sandbox = &facility.sandbox;
    project(sandbox, "reader", "extractor");
    conforms(sandbox, "reader");

    let settings = fs::read_to_string(sandbox.path("nexus.toml")).unwrap();
    for isolation in ["none", "process"] {
        let table = format!(
            "\n[extractors.mine]\nlibrary = \"reader/target/debug/libreader.so\"\nisolation = \"{isolation}\"\n"
        );
        sandbox.write("nexus.toml", format!("{settings}{table}"));
        let told = facility.nexus(["extract", "reader/sample.kvp", "--json"]).json();
        assert_eq!(told["reader"], json!({"extractor": "mine", "module": "reader", "version": "0.1.0"}));
        assert_eq!(told["signals"][0]["nx_meta"]["Operator"], "ada", "{told:#}");
        assert_eq!(told["warnings"], json!([]));
    }
    // And in a run.
    let settings = fs::read_to_string(sandbox.path("nexus.toml")).unwrap();
    sandbox.write("nexus.toml", format!("{settings}[build]\nfile_strategy = \"inclusive\"\n"));
    facility.save("tem/grain.kvp", "2024-03-05T09:31:00+01:00");
    let sample = fs::read(sandbox.path("reader/sample.kvp")).unwrap();
    let file = File::options().write(true).open(sandbox.path("instruments/tem/grain.kvp")).unwrap();
    let at = file.metadata().unwrap().modified().unwrap();
    fs::write(sandbox.path("instruments/tem/grain.kvp"), sample).unwrap();
    file.set_modified(at).unwrap();
    facility.run(0);
    let side_file = fs::read_to_string(sandbox.path("data/tem/grain.kvp.json")).unwrap();
    let side_file: Value = serde_json::from_str(&side_file).unwrap();
    assert_eq!(side_file["nx_meta"]["Operator"], "ada", "{side_file:#}");
    assert_eq!(side_file["nx_meta"]["NexusLIMS Extraction"]["Module"], "reader");
}
