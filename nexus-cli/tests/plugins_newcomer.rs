//! The way from `nexus plugins new` to a record delivered by the new plugin, run as `docs/plugins.md` tells it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Sandbox;

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
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("NX_") || name.starts_with("NEXUS_")) {
                shell.env_remove(name);
            }
        }
        shell.current_dir(sandbox.path("")).args(["-eu", "-c", command]).env("PATH", path());
        // A test does not go to the network: what cargo needs is there, since this workspace was built.
        shell
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR");
        said = sandbox.finish(&mut shell).code(0).stdout;
        after(&sandbox, at);
    }
    (sandbox, said)
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
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newcomer");
    fs::create_dir_all(&shared).unwrap();
    let (sandbox, said) = walk("in Rust", |sandbox, _| {
        // What cargo made for the last run of this test is used again.
        let target = sandbox.path("shelf/target");
        if sandbox.path("shelf").is_dir() && !target.exists() {
            std::os::unix::fs::symlink(&shared, target).unwrap();
        }
    });
    delivered(&sandbox, &said);
}
