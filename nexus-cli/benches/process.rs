//! Whole processes: cold start, one look at a database, and a run with nothing to do.
//!
//! `cargo bench -p nexus-cli --bench process`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot be set up should stop")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use divan::Bencher;
use nexus_core::db::Database;

/// Settled sessions in the database of an old facility.
const SESSIONS: i64 = 100_000;

fn main() {
    divan::main();
}

fn nexus(arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_nexus"))
        .args(arguments)
        .env_remove("NX_DB_PATH")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "nexus {arguments:?}: {status}");
}

#[divan::bench(sample_count = 50)]
fn version() {
    nexus(&["--version"]);
}

#[divan::bench(sample_count = 50)]
fn db_current(bencher: Bencher) {
    let database = facility().join("nexus.db");
    bencher.bench(|| nexus(&["db", "current", "--database", database.to_str().unwrap()]));
}

#[divan::bench(sample_count = 20)]
fn run_with_nothing_to_do_on_100_000_sessions(bencher: Bencher) {
    let config = facility().join("nexus.toml");
    nexus(&["--config", config.to_str().unwrap(), "run"]);
    bencher.bench(|| nexus(&["--config", config.to_str().unwrap(), "run"]));
}

/// A facility whose sessions are all settled: two in three delivered, the others without files.
fn facility() -> &'static Path {
    static FACILITY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FACILITY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        for name in ["instruments/sem", "data", "delivered"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("usage.csv"), "id,instrument,user,start,end,consent\n").unwrap();
        std::fs::write(
            root.join("nexus.toml"),
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"instruments\"\ndata = \"data\"\n\
             [harvesters.usage]\nplugin = \"logbook\"\npath = \"usage.csv\"\n\
             [destinations.archive]\nplugin = \"folder\"\npath = \"delivered\"\n",
        )
        .unwrap();
        let mut database = Database::create(&root.join("nexus.db")).unwrap();
        let tx = database.transaction().unwrap();
        tx.execute_batch(&format!(
            "INSERT INTO instruments VALUES ('SEM-1', 'logbook:sem', '', 'B1', 'SEM', 'T-1', 'sem', 'logbook', 'Europe/Berlin');
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SESSIONS})
                SELECT i, 'logbook:usage/' || i AS id, iif(i % 3, 'COMPLETED', 'NO_FILES_FOUND') AS status,
                       strftime('%Y-%m-%dT%H:%M:%S+00:00', 1500000000 + i * 3600, 'unixepoch') AS at FROM n;
             INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                SELECT id, 'SEM-1', at, 'START', status, 'ada' FROM n;
             INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                SELECT id, 'SEM-1', at, 'END', status, 'ada' FROM n;
             INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                SELECT id, 'SEM-1', at, 'RECORD_GENERATION', status, 'nexuslims' FROM n;
             INSERT INTO nexus_session (session_identifier, record_key, harvester, external_id, instrument_pid,
                                        record_name, last_status, content_sha256, file_sha256)
                SELECT id, 'key ' || i, 'usage', i, 'SEM-1', 'record ' || i, status,
                       iif(i % 3, printf('%064d', i), NULL), iif(i % 3, printf('%064d', i), NULL) FROM n;
             INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id, metadata_json)
                SELECT id, 'archive', 1, at, i, '{{\"key\":\"key ' || i || '\"}}' FROM n WHERE i % 3;
             INSERT INTO nexus_delivery (session_identifier, destination, target, state, can_find, settle_seconds,
                                         wanted_sha256, delivered_sha256, remote_id, attempt, origin, updated_at)
                SELECT id, 'archive', NULL, 'delivered', 1, 0, printf('%064d', i), printf('%064d', i), i, 1, 'nexus',
                       '2024-01-01T00:00:00.000000Z' FROM n WHERE i % 3;
             INSERT INTO nexus_meta VALUES ('adopted_at', '2024-01-01T00:00:00.000000Z'),
                                           ('upload_log_seen', (SELECT max(id) FROM upload_log));
             DROP TABLE n;"
        ))
        .unwrap();
        tx.commit().unwrap();
        (folder, root)
    });
    path
}
