//! `nexus demo`: what becomes of the invented sessions, and that a second run changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::Sandbox;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Every file below a folder with its bytes and its time; the database is compared row by row instead,
/// and what lies beside a lock tells who holds it now.
fn tree(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files.extend(tree(&path));
        } else if name != "nexus.db" && !name.contains(".lock") && !name.contains("builder.") {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), modified));
        }
    }
    files
}

/// Every row of every table but the heartbeat.
fn rows(database: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut tables = BTreeMap::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY rowid")).unwrap();
        let width = statement.column_count();
        let all = statement
            .query_map([], |row| (0..width).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>())
            .unwrap()
            .map(Result::unwrap)
            .filter(|row| name != "nexus_meta" || row[0] != Value::Text("heartbeat".into()))
            .collect();
        tables.insert(name, all);
    }
    tables
}

#[test]
fn every_use_becomes_what_it_shows() {
    let sandbox = Sandbox::new();
    let shown = sandbox.nexus(["--json", "demo"]).json();
    let became: BTreeMap<&str, &str> = shown["uses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["id"].as_str().unwrap(), line["status"].as_str().unwrap()))
        .collect();
    let expected = [
        ("2024-101", "COMPLETED"),
        ("2024-102", "COMPLETED"),
        ("2024-103", "NO_CONSENT"),
        ("2024-104", "NO_CONSENT"),
        ("2024-105", "NO_FILES_FOUND"),
        ("2024-106", "COMPLETED"),
        ("2024-107", "COMPLETED"),
        ("2024-108", "COMPLETED"),
        ("2024-109", "COMPLETED"),
        ("2024-110", "-"),
        ("2024-111", "-"),
        ("2024-112", "COMPLETED"),
        ("2024-113", "OPEN"),
    ];
    assert_eq!(became, BTreeMap::from(expected));
    let delivered: Vec<PathBuf> = tree(&sandbox.path("nexus-demo/delivered")).into_keys().collect();
    let of = |suffix: &str| delivered.iter().filter(|path| path.extension().unwrap() == suffix).count();
    assert_eq!((of("xml"), of("json"), delivered.len()), (7, 7, 14));
}

#[test]
fn the_table_says_where_to_look() {
    let sandbox = Sandbox::new();
    let text = sandbox.nexus(["demo", "here"]).done();
    for words in ["2024-106", "the night when the clocks go back", "[DIR]/here/delivered", "sessions show"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(sandbox.nexus(["demo", "here"]).done().contains("this run changed nothing"));
}

#[test]
fn a_second_run_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.nexus(["demo"]).done();
    let dir = sandbox.path("nexus-demo");
    let (files, tables) = (tree(&dir), rows(&dir.join("nexus.db")));
    assert!(!tables["session_log"].is_empty() && !tables["upload_log"].is_empty());
    sandbox.nexus(["demo"]).done();
    for (name, rows) in rows(&dir.join("nexus.db")) {
        assert_eq!(rows, tables[&name], "table {name}");
    }
    assert_eq!(tree(&dir), files);
}

#[test]
fn a_use_that_ends_is_built_by_the_next_run() {
    let sandbox = Sandbox::new();
    sandbox.nexus(["demo"]).done();
    let log = sandbox.path("nexus-demo/logbook.csv");
    let text = fs::read_to_string(&log).unwrap();
    let ended = text.replace("2024-11-06 08:00,,", "2024-11-06 08:00,2024-11-06 10:00,");
    assert_ne!(text, ended);
    fs::write(&log, ended).unwrap();
    let shown = sandbox.nexus(["--json", "demo"]).json();
    assert_eq!(shown["uses"][12]["status"], "COMPLETED");
    assert_eq!(shown["report"]["build"]["planned"], 1);
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("work/thesis.tex", "");
    let refused = sandbox.nexus(["demo", "work"]).code(6);
    assert!(refused.stderr.contains("`work` holds other things"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(sandbox.path("work")).unwrap().count(), 1);
}
