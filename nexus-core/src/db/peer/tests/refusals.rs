//! What is refused, in which words, and that the file is untouched afterwards.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::Connection;

use super::samples::Sample;
use crate::db::peer::{MigrationOptions, Revision, backup, downgrade, stamp, upgrade};
use crate::db::{Access, Database, DbError, OpenOptions};

const IMPATIENT: Duration = Duration::from_millis(20);

fn options() -> MigrationOptions<'static> {
    MigrationOptions { busy_timeout: IMPATIENT, ..MigrationOptions::default() }
}

fn open(path: &Path, access: Access) -> Result<Database, DbError> {
    Database::open_with(path, access, OpenOptions { busy_timeout: IMPATIENT })
}

/// The message of every way to work on the file; all must be the same error, and leave the file and its folder as
/// they are.
fn refused(sample: &Sample, ways: &[&str]) -> String {
    let (bytes, files) = (sample.bytes(), sample.files());
    let mut messages: Vec<String> = Vec::new();
    for way in ways {
        let path = &sample.path;
        let message = match *way {
            "read" => open(path, Access::Read).map(drop),
            "write" => open(path, Access::Write).map(drop),
            "upgrade" => upgrade(path, Revision::HEAD, &options()).map(drop),
            "downgrade" => downgrade(path, None, &options()).map(drop),
            "stamp" => stamp(path, Revision::V1_4_3, &options()).map(drop),
            other => panic!("{other}"),
        };
        messages.push(message.expect_err(way).to_string());
        assert!(sample.bytes() == bytes, "{way} changed the file");
        assert_eq!(sample.files(), files, "{way} left something behind");
    }
    let first = messages[0].clone();
    assert!(messages.iter().all(|message| *message == first), "{messages:?}");
    first.replace(&sample.path.display().to_string(), "DB")
}

const ALL: &[&str] = &["read", "write", "upgrade", "downgrade", "stamp"];
const MOVES: &[&str] = &["read", "write", "upgrade", "downgrade"];

#[test]
fn no_path_no_file_no_plain_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| open(path, Access::Read).unwrap_err().to_string();
    assert_eq!(error(Path::new("")), "no database named: the path is empty; give a path, or set NX_DB_PATH");
    assert!(error(folder.path()).ends_with("is a folder, not a database file; name the file itself"));
    let missing = folder.path().join("none.db");
    assert!(error(&missing).ends_with("does not exist; make one with `nexus db init`, or correct the path"));
    assert!(upgrade(&missing, Revision::HEAD, &options()).is_err());
    assert!(backup(&missing, &options()).is_err());
    assert!(!missing.exists(), "looking for a file does not make it");
    assert!(error(Path::new("file::memory:")).contains("does not exist"), "a path is no URI");
}

#[test]
fn a_file_that_is_not_sqlite() {
    let sample = Sample::empty();
    fs::write(&sample.path, "instrument,start,end\n".repeat(100)).unwrap();
    let message = refused(&sample, ALL);
    assert_eq!(
        message,
        "`DB` is not a SQLite database: file is not a database; check the path, or restore a backup"
    );
}

#[test]
fn a_damaged_file_is_not_migrated() {
    let sample = Sample::at(Revision::V2_4_0a);
    let mut bytes = sample.bytes();
    // A page in the middle: the schema can still be read.
    let page =
        sample.open().query_row("SELECT rootpage FROM sqlite_master WHERE name = 'session_log'", [], |row| {
            row.get::<_, u16>(0)
        });
    let start = (usize::from(page.unwrap()) - 1) * 4096;
    bytes[start..start + 4096].fill(0xA5);
    fs::write(&sample.path, bytes).unwrap();
    let message = refused(&sample, &["upgrade", "downgrade"]);
    assert!(message.starts_with("`DB` is not a SQLite database: "), "{message}");
}

#[test]
fn an_unknown_revision_is_named() {
    let sample = Sample::at(Revision::HEAD);
    sample.run("UPDATE alembic_version SET version_num = 'v2_9_0a'");
    assert_eq!(
        refused(&sample, ALL),
        "database `DB` is at revision `v2_9_0a`, which this program does not know (it knows up to v2_5_0b); \
         the file is newer than this program or not of this kind: install a newer nexus, or restore a backup"
    );
}

#[test]
fn two_revisions_at_once() {
    let sample = Sample::at(Revision::V2_4_0b);
    sample.run("INSERT INTO alembic_version VALUES ('v2_5_0a')");
    let message = refused(&sample, MOVES);
    assert!(message.contains("holds several rows: v2_4_0b, v2_5_0a"), "{message}");
    let sample = Sample::at(Revision::V2_4_0b);
    sample.run("DROP TABLE alembic_version; CREATE TABLE alembic_version (number)");
    assert!(refused(&sample, ALL).contains("has no column version_num"));
    let sample = Sample::at(Revision::V2_4_0b);
    sample.run("UPDATE alembic_version SET version_num = x'00ff'");
    assert!(refused(&sample, MOVES).contains("something that is not text"));
}

#[test]
fn own_tables_of_a_newer_program() {
    let sample = Sample::head();
    sample.run("INSERT INTO nexus_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')");
    let message = refused(&sample, ALL);
    assert!(
        message.starts_with("database `DB` was written by a newer nexus (its own tables are at 99"),
        "{message}"
    );
}

#[test]
fn own_history_of_another_text_or_with_a_hole() {
    let sample = Sample::head();
    sample.run("UPDATE nexus_schema_history SET checksum = 'x', applied_on = 'yesterday' WHERE version = 1");
    let message = refused(&sample, ALL);
    assert!(
        message.contains("differs from this program's at number 1 (the file's text differs)"),
        "{message}"
    );
}

#[test]
fn tables_that_do_not_fit_the_revision() {
    for (claimed, change, reason) in [
        (
            Revision::V2_4_0a,
            "DROP TABLE upload_log",
            "it claims v2_4_0a, but the table upload_log is missing",
        ),
        (
            Revision::V2_5_0a,
            "ALTER TABLE instruments DROP COLUMN calendar_name",
            "it claims v2_5_0a, but the column instruments.calendar_name is missing",
        ),
        (
            Revision::V2_5_0b,
            "ALTER TABLE session_log RENAME COLUMN user TO person",
            "it claims v2_5_0b, but the column session_log.user is missing",
        ),
    ] {
        let sample = Sample::at(claimed);
        sample.run(change);
        let message = refused(&sample, MOVES);
        assert!(message.contains(reason), "{message}");
    }
    // The version and the tables went apart: both are sound, so the way out is to say so.
    for (claimed, real) in [
        (Revision::V1_4_3, Revision::V2_4_0a),
        (Revision::V2_4_0a, Revision::V2_4_0b),
        (Revision::V2_4_0b, Revision::V2_4_0a),
        (Revision::V2_5_0a, Revision::V2_5_0b),
        (Revision::V2_5_0b, Revision::V2_4_0b),
    ] {
        let sample = Sample::at(real);
        sample.run(&format!("UPDATE alembic_version SET version_num = '{claimed}'"));
        let message = refused(&sample, MOVES);
        let hint =
            format!("its tables look like those of {real}: if that is right, run `nexus db stamp {real}`");
        assert!(message.contains(&hint), "{message}");
        stamp(&sample.path, real, &options()).unwrap();
        upgrade(&sample.path, Revision::HEAD, &options()).unwrap();
    }
}

#[test]
fn a_left_over_table_of_a_rebuild() {
    for table in ["session_log_new", "_alembic_tmp_instruments", "instruments_new"] {
        let sample = Sample::at(Revision::V2_5_0a);
        sample.run(&format!("CREATE TABLE {table} (a)"));
        let message = refused(&sample, MOVES);
        assert_eq!(
            message,
            format!(
                "database `DB` holds a half-applied migration: a left-over table {table}; the tables of v2_5_0a are \
                 complete, so drop the left-over table by hand after a `nexus db backup`"
            )
        );
        assert!(stamp(&sample.path, Revision::V2_5_0a, &options()).is_err());
        sample.run(&format!("DROP TABLE {table}"));
        upgrade(&sample.path, Revision::HEAD, &options()).unwrap();
    }
    // Between the drop of the old table and the renaming of the new one.
    let sample = Sample::at(Revision::V2_4_0a);
    sample.run("CREATE TABLE session_log_new AS SELECT * FROM session_log; DROP TABLE session_log");
    let message = refused(&sample, MOVES);
    assert!(
        message.contains("the table session_log is missing, and there is a left-over table session_log_new")
    );
    assert!(message.ends_with("restore the backup made before that migration"), "{message}");
}

#[test]
fn rows_that_the_next_schema_does_not_take() {
    let ways = &["upgrade"];
    let sample = Sample::at(Revision::V2_4_0a);
    sample.run(
        "UPDATE session_log SET record_status = 'PAUSED' WHERE id_session_log IN (SELECT id_session_log FROM session_log LIMIT 2);
         UPDATE session_log SET event_type = 'it''s' WHERE id_session_log = (SELECT max(id_session_log) FROM session_log)",
    );
    let ids: Vec<i64> = {
        let connection = sample.open();
        let mut statement = connection
            .prepare("SELECT id_session_log FROM session_log WHERE record_status = 'PAUSED' OR event_type = 'it''s' ORDER BY 1")
            .unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(
        refused(&sample, ways),
        format!(
            "the step to v2_5_0b of `DB` was not started, session_log: event_type `it's` is not a known one in 1 row \
             (id_session_log {}); session_log: record_status `PAUSED` is not a known one in 2 rows (id_session_log {}, {}); \
             correct these rows and try again",
            ids[2], ids[0], ids[1]
        )
    );

    let sample = Sample::empty();
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../testdata/alembic_version.sql")).unwrap();
    let loose = include_str!("../testdata/instruments_v1_4_3.sql")
        .replace("harvester VARCHAR NOT NULL", "harvester VARCHAR");
    connection.execute_batch(&loose).unwrap();
    connection.execute_batch(include_str!("../testdata/session_log_v1_4_3.sql")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO alembic_version VALUES ('v1_4_3');
             INSERT INTO instruments VALUES ('Old-TEM', 'u', 'n', 'c', 'l', 's', 'p', 'f', NULL, 'z', NULL, NULL, NULL);",
        )
        .unwrap();
    sample.replace(&connection);
    assert_eq!(
        refused(&sample, ways),
        "the step to v2_5_0b of `DB` was not started, instruments: harvester is empty (null) in 1 row \
         (instrument_pid Old-TEM); correct these rows and try again"
    );
    // The steps before that one are not in its way.
    upgrade(&sample.path, Revision::V2_5_0a, &options()).unwrap();

    let sample = Sample::at(Revision::V2_4_0a);
    sample.run("ALTER TABLE session_log ADD COLUMN operator_note TEXT");
    let message = refused(&sample, ways);
    assert!(
        message.contains("session_log: the rebuilt table has no place for the column `operator_note`"),
        "{message}"
    );
}

#[test]
fn a_file_held_by_another_program() {
    let sample = Sample::at(Revision::V2_4_0a);
    let other = sample.open();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for result in [
        open(&sample.path, Access::Read).map(drop),
        open(&sample.path, Access::Write).map(drop),
        upgrade(&sample.path, Revision::HEAD, &options()).map(drop),
        downgrade(&sample.path, None, &options()).map(drop),
        stamp(&sample.path, Revision::V2_4_0a, &options()).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, DbError::Busy { waited: IMPATIENT, .. }), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("is locked by another program (waited 0.02 s); try again when that one is done")
        );
    }
    other.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    open(&sample.path, Access::Read).unwrap();
    assert!(matches!(upgrade(&sample.path, Revision::HEAD, &options()), Err(DbError::Busy { .. })));
    drop(other);
    assert_eq!(sample.files(), ["facility.db"], "no backup of a file that was not touched");
}

#[test]
fn a_file_or_folder_that_is_read_only() {
    let sample = Sample::head();
    fs::set_permissions(&sample.path, Permissions::from_mode(0o444)).unwrap();
    let message = refused(&sample, &["write", "upgrade", "downgrade", "stamp"]);
    assert_eq!(
        message,
        "database `DB` cannot be written: the file is marked read-only; SQLite needs to write the file and its folder"
    );
    open(&sample.path, Access::Read).unwrap();
    fs::set_permissions(&sample.path, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(sample.folder.path(), Permissions::from_mode(0o555)).unwrap();
    let message = refused(&sample, &["write", "upgrade", "downgrade", "stamp"]);
    fs::set_permissions(sample.folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(message.contains("its folder is marked read-only"), "{message}");
}

#[test]
fn empty_and_foreign_files_are_not_written_to() {
    let sample = Sample::empty();
    assert_eq!(
        refused(&sample, &["write", "stamp"]),
        "database `DB` is empty; run `nexus db upgrade` to make its tables"
    );
    let read = open(&sample.path, Access::Read).unwrap();
    assert!(matches!(read.require_head(), Err(DbError::Empty { .. })));

    let sample = Sample::empty();
    sample.run("CREATE TABLE moz_places (url)");
    assert_eq!(
        refused(&sample, &["write", "upgrade", "downgrade"]),
        "database `DB` has no revision (it holds other tables: moz_places); check that this is the right file"
    );
}

#[test]
fn an_older_revision_is_read_and_named() {
    let sample = Sample::at(Revision::V2_4_0b);
    for access in [Access::Read, Access::Write] {
        let error = open(&sample.path, access).unwrap().require_head().unwrap_err().to_string();
        assert!(
            error.ends_with("is at revision v2_4_0b, v2_5_0b is needed; run `nexus db upgrade`"),
            "{error}"
        );
    }
}

#[test]
fn no_room_for_backup_and_rebuild() {
    let sample = Sample::at(Revision::V2_4_0b);
    let before = sample.bytes();
    let cramped = MigrationOptions { free_space: |_| Ok(1000), ..options() };
    for result in [
        upgrade(&sample.path, Revision::HEAD, &cramped).map(drop),
        downgrade(&sample.path, None, &cramped).map(drop),
        backup(&sample.path, &cramped).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, DbError::NoSpace { free: 1000, .. }), "{error}");
    }
    assert_eq!(sample.bytes(), before);
    assert_eq!(sample.files(), ["facility.db"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever a disk did to the file: an error or a result, never a panic, and an error of the first step changes
    /// nothing.
    #[test]
    fn damage_anywhere_is_an_error_at_worst(damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..40)) {
        let sample = Sample::at(Revision::V2_4_0a);
        let mut bytes = sample.bytes();
        for (place, value) in damage {
            // Mostly the pages that tell what the others are.
            let end = if value % 2 == 0 { 4096 } else { bytes.len() };
            bytes[place.index(end)] = value;
        }
        fs::write(&sample.path, &bytes).unwrap();
        let read = open(&sample.path, Access::Read).and_then(|database| database.query("SELECT * FROM session_log", &[]));
        let moved = upgrade(&sample.path, Revision::HEAD, &options());
        if moved.is_err() && !matches!(moved, Err(DbError::Partial { .. })) {
            prop_assert!(sample.bytes() == bytes, "{moved:?} after {read:?}");
        }
    }
}
