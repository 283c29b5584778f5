//! Opening, and what is refused.

use std::fs;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_new_database_is_at_the_head_of_both_chains() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    let made = Database::create(&path).unwrap();
    assert_eq!(made.standing().unwrap(), Standing::At(Revision::HEAD));
    assert_eq!(own::check(made.read()).unwrap(), own::Pending::None);
    made.require_head().unwrap();
    drop(made);
    assert!(matches!(Database::create(&path), Err(DbError::Exists { .. })));
    let database = Database::open(&path, Access::Write).unwrap();
    assert_eq!(database.path(), Some(path.as_path()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file itself");
}

#[test]
fn reading_refuses_to_write() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    Database::create(&path).unwrap();
    let database = Database::open(&path, Access::Read).unwrap();
    assert!(database.read().execute("INSERT INTO nexus_meta (key, value) VALUES ('a', 'b')", []).is_err());
}

#[test]
fn queries_return_tuples_and_bind_their_values() {
    let database = Database::in_memory().unwrap();
    let found = database
        .query(
            "SELECT ?1 AS a, ?2 || 'x' AS b, NULL AS c, 1.5, x'00ff' -- comment",
            &[7.into(), "it's".to_owned().into()],
        )
        .unwrap();
    assert_eq!(found.columns[..3], ["a", "b", "c"]);
    let row = vec![7.into(), "it'sx".to_owned().into(), Value::Null, 1.5.into(), Value::Blob(vec![0, 255])];
    assert_eq!(found.rows, [row]);
    let broken = database.query("SELECT CAST(x'41ff' AS TEXT)", &[]).unwrap();
    assert_eq!(broken.rows, [[Value::Text("A\u{fffd}".to_owned())]]);
    let nothing = database.query("SELECT instrument_pid FROM instruments", &[]).unwrap();
    assert_eq!((nothing.columns, nothing.rows), (vec!["instrument_pid".to_owned()], Vec::new()));
    for sql in [
        "  -- first\n/* then */ select 1;",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1), (2)",
        "EXPLAIN QUERY PLAN SELECT 1",
        "PRAGMA table_info(instruments)",
        "pragma user_version",
        "SELECT name FROM pragma_table_info('session_log')",
    ] {
        database.query(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[test]
fn queries_write_nothing_whatever_they_are() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    let other = folder.path().join("other.db");
    let database = Database::create(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let attach = format!("ATTACH '{}' AS o", other.display());
    let vacuum = format!("VACUUM INTO '{}'", other.display());
    for sql in [
        "DELETE FROM instruments",
        "INSERT INTO nexus_meta VALUES ('a', 'b') RETURNING key",
        "WITH a AS (SELECT 1) INSERT INTO nexus_meta SELECT 'a', 'b' FROM a",
        "CREATE TEMP TABLE t (a)",
        "DROP TABLE instruments",
        "PRAGMA query_only = 0",
        "PRAGMA query_only(0)",
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode(WAL)",
        "PRAGMA user_version = 3",
        "PRAGMA foreign_keys = 1",
        "PRAGMA main.journal_mode = WAL",
        "PRAGMA /* */ writable_schema = 1",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "REINDEX",
        "ANALYZE",
        &attach,
        "DETACH main",
        &vacuum,
    ] {
        match database.query(sql, &[]) {
            Err(DbError::Query(QueryError::NotReadOnly { .. })) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
    for sql in ["SELECT 1; SELECT 2", "SELECT 1; DELETE FROM instruments"] {
        assert!(matches!(database.query(sql, &[]), Err(DbError::Query(QueryError::Several))), "{sql}");
    }
    for sql in ["", "  ;; ", "-- nothing", "/* open"] {
        assert!(matches!(database.query(sql, &[]), Err(DbError::Query(QueryError::Empty))), "{sql:?}");
    }
    assert!(matches!(
        database.query("SELECT ?1, ?2", &[1.into()]),
        Err(DbError::Query(QueryError::Parameters { wanted: 2, given: 1 }))
    ));
    let error = database.query("SELECT a FROM nowhere", &[]).unwrap_err().to_string();
    assert_eq!(error, "query failed: no such table: nowhere");
    assert!(database.read().is_autocommit());
    drop(database);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!other.exists());
}

#[test]
fn the_connection_is_set_up_as_promised() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    Database::create(&path).unwrap();
    for access in [Access::Read, Access::Write] {
        let database = Database::open(&path, access).unwrap();
        let number = |pragma: &str| -> i64 {
            database.read().pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
        };
        assert_eq!(number("foreign_keys"), 0);
        assert_eq!(number("synchronous"), 3, "EXTRA");
        assert_eq!(number("busy_timeout"), 30_000);
        assert_eq!(number("query_only"), i64::from(access == Access::Read));
        let mode: String =
            database.read().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "delete");
    }
}

#[test]
fn a_transaction_holds_the_write_lock_from_its_start() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    let mut first = Database::create(&path).unwrap();
    let patience = OpenOptions { busy_timeout: Duration::from_millis(10) };
    let mut second = Database::open_with(&path, Access::Write, patience).unwrap();
    let held = first.transaction().unwrap();
    assert!(matches!(second.transaction(), Err(DbError::Busy { .. })));
    drop(held);
    second.transaction().unwrap().commit().unwrap();
}

#[test]
fn a_failed_create_leaves_no_file() {
    let folder = folder();
    let missing = folder.path().join("no/such/folder/nexus.db");
    assert!(matches!(Database::create(&missing), Err(DbError::Io { .. })));
    assert!(!missing.exists());
    assert!(matches!(Database::create(Path::new("")), Err(DbError::EmptyPath)));
}

#[test]
fn a_journal_left_by_a_crash_is_played_back_by_a_reader_too() {
    let folder = folder();
    let path = folder.path().join("nexus.db");
    let mut database = Database::create(&path).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                INSERT INTO nexus_meta SELECT i, 'kept' FROM n";
    database.read().execute_batch(fill).unwrap();
    database.read().execute_batch("PRAGMA cache_size = 2").unwrap();
    let transaction = database.transaction().unwrap();
    transaction.execute("UPDATE nexus_meta SET value = 'half done'", []).unwrap();
    // What a power cut would leave: pages written already, and the journal that takes them back.
    let crashed = folder.path().join("crashed.db");
    fs::copy(folder.path().join("nexus.db-journal"), folder.path().join("crashed.db-journal")).unwrap();
    fs::copy(&path, &crashed).unwrap();
    let text = String::from_utf8_lossy(&fs::read(&crashed).unwrap()).into_owned();
    assert!(text.contains("half done"), "nothing was spilled: the test shows nothing");

    let reader = Database::open(&crashed, Access::Read).unwrap();
    let found = reader.query("SELECT DISTINCT value FROM nexus_meta", &[]).unwrap();
    assert_eq!(found.rows, [[Value::Text("kept".to_owned())]]);
}

#[test]
fn a_symbolic_link_leads_to_the_file_itself() {
    let folder = folder();
    let (path, link) = (folder.path().join("real/nexus.db"), folder.path().join("link.db"));
    fs::create_dir(path.parent().unwrap()).unwrap();
    Database::create(&path).unwrap();
    std::os::unix::fs::symlink("real/nexus.db", &link).unwrap();
    let database = Database::open(&link, Access::Write).unwrap();
    assert_eq!(database.path().unwrap(), fs::canonicalize(&path).unwrap());
    let copy = peer::backup(&link, &peer::MigrationOptions::default()).unwrap();
    assert_eq!(copy.parent().unwrap(), fs::canonicalize(path.parent().unwrap()).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(matches!(Database::open(&link, Access::Read), Err(DbError::NotFound { .. })));
}
