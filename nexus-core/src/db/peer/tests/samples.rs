//! Databases to migrate: the expected shapes, and rows to fill them with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use crate::db::peer::{MigrationOptions, MigrationReport, Revision, downgrade, upgrade};
use crate::db::schema::{Schema, snapshot};
use crate::db::{Database, DbError};

const ALEMBIC: &str = include_str!("../testdata/alembic_version.sql");
const INSTRUMENTS_1_4_3: &str = include_str!("../testdata/instruments_v1_4_3.sql");
const INSTRUMENTS_2_5_0B: &str = include_str!("../testdata/instruments_v2_5_0b.sql");
const INSTRUMENTS_DOWN: &str = include_str!("../testdata/instruments_down_v2_5_0a.sql");
const SESSION_LOG_1_4_3: &str = include_str!("../testdata/session_log_v1_4_3.sql");
const SESSION_LOG_2_4_0B: &str = include_str!("../testdata/session_log_v2_4_0b.sql");
const SESSION_LOG_DOWN: &str = include_str!("../testdata/session_log_down_v2_4_0a.sql");
const UPLOAD_LOG: &str = include_str!("../testdata/upload_log_v2_4_0a.sql");
const EXTERNAL_USERS: &str = include_str!("../testdata/external_user_identifiers_v2_5_0a.sql");

/// How a table came to be as it is: forwards, or by going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// instruments was taken back from v2_5_0b.
    pub instruments_back: bool,
    /// session_log was taken back from v2_4_0b.
    pub session_log_back: bool,
}

pub const FORWARDS: Came = Came { instruments_back: false, session_log_back: false };
pub const BACK: Came = Came { instruments_back: true, session_log_back: true };

/// The documented DDL of a revision, run into a fresh database.
pub fn expected_database(at: Option<Revision>, came: Came) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(ALEMBIC).unwrap();
    let Some(at) = at else { return connection };
    let instruments = match (at >= Revision::V2_5_0b, came.instruments_back) {
        (true, _) => INSTRUMENTS_2_5_0B,
        (false, true) => INSTRUMENTS_DOWN,
        (false, false) => INSTRUMENTS_1_4_3,
    };
    let session_log = match (at >= Revision::V2_4_0b, came.session_log_back) {
        (true, _) => SESSION_LOG_2_4_0B,
        (false, true) => SESSION_LOG_DOWN,
        (false, false) => SESSION_LOG_1_4_3,
    };
    connection.execute_batch(instruments).unwrap();
    connection.execute_batch(session_log).unwrap();
    if at >= Revision::V2_4_0a {
        connection.execute_batch(UPLOAD_LOG).unwrap();
    }
    if at >= Revision::V2_5_0a {
        connection.execute_batch(EXTERNAL_USERS).unwrap();
    }
    connection.execute("INSERT INTO alembic_version VALUES (?1)", [at.as_str()]).unwrap();
    connection
}

pub fn expected(at: Option<Revision>, came: Came) -> Schema {
    snapshot(&expected_database(at, came)).unwrap()
}

/// The shared part of a file's shape.
pub fn shared(path: &Path) -> Schema {
    let connection = Connection::open(path).unwrap();
    snapshot(&connection)
        .unwrap()
        .only(|name| !name.starts_with("nexus_") && name != "refinery_schema_history")
}

/// A folder with a database in it, at a revision and filled.
pub struct Sample {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Sample {
    /// An empty file, not a byte long.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facility.db");
        std::fs::write(&path, b"").unwrap();
        Self { folder, path }
    }

    /// At the revision, from the documented DDL, without a table of ours, with rows.
    pub fn at(revision: Revision) -> Self {
        Self::of(revision, FORWARDS)
    }

    pub fn of(revision: Revision, came: Came) -> Self {
        let sample = Self::empty();
        let connection = expected_database(Some(revision), came);
        populate(&connection);
        sample.replace(&connection);
        sample
    }

    /// At the head, made by this program, with our tables and rows.
    pub fn head() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facility.db");
        let database = Database::create(&path).unwrap();
        populate(database.read());
        Self { folder, path }
    }

    pub fn replace(&self, connection: &Connection) {
        let mut target = Connection::open(&self.path).unwrap();
        let backup = rusqlite::backup::Backup::new(connection, &mut target).unwrap();
        backup.step(-1).unwrap();
    }

    pub fn run(&self, sql: &str) {
        let connection = Connection::open(&self.path).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    pub fn open(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    pub fn up(&self, to: Revision) -> Result<MigrationReport, DbError> {
        upgrade(&self.path, to, &MigrationOptions::default())
    }

    pub fn down(&self, to: Option<Revision>) -> Result<MigrationReport, DbError> {
        downgrade(&self.path, to, &MigrationOptions::default())
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn rows(&self) -> Rows {
        rows(&self.open())
    }
}

/// Rows of every shared table: table → rows → column → value.
pub type Rows = BTreeMap<String, Vec<BTreeMap<String, Value>>>;

pub fn rows(connection: &Connection) -> Rows {
    let mut found = Rows::new();
    for (table, key) in [
        ("instruments", "instrument_pid"),
        ("session_log", "id_session_log"),
        ("upload_log", "id"),
        ("external_user_identifiers", "id"),
    ] {
        let Ok(mut statement) = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}")) else {
            continue;
        };
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let tuples = statement.query_map([], |row| {
            names.iter().enumerate().map(|(at, name)| Ok((name.clone(), row.get::<_, Value>(at)?))).collect()
        });
        found.insert(table.to_owned(), tuples.unwrap().collect::<Result<_, _>>().unwrap());
    }
    found
}

/// What is left of the rows at another revision: tables, columns and names that it does not have are gone.
pub fn reduced(mut rows: Rows, to: Option<Revision>) -> Rows {
    rows.retain(|table, _| match table.as_str() {
        "upload_log" => to >= Some(Revision::V2_4_0a),
        "external_user_identifiers" => to >= Some(Revision::V2_5_0a),
        _ => to.is_some(),
    });
    for row in rows.get_mut("instruments").into_iter().flatten() {
        let name = row.remove("schema_name").or_else(|| row.remove("display_name")).unwrap();
        row.insert("name".to_owned(), name);
        for gone in ["calendar_name", "computer_name", "computer_ip", "computer_mount"] {
            row.remove(gone);
        }
    }
    rows
}

/// Rows of every kind that the tables there can hold: all statuses, several time formats, ids with gaps, a row for
/// an unknown instrument, quotes, blanks and empty texts.
pub fn populate(connection: &Connection) {
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    fill(connection);
    transaction.commit().unwrap();
}

fn fill(connection: &Connection) {
    let columns: Vec<String> = {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info('instruments')").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    for number in [3, 1, 2] {
        let values: Vec<Value> = columns
            .iter()
            .map(|column| match (column.as_str(), number) {
                ("computer_mount" | "calendar_name", 2) if column == "computer_mount" => Value::Null,
                ("computer_name" | "computer_ip", 3) => Value::Null,
                ("harvester", _) => Value::Text("nemo".to_owned()),
                ("timezone", _) => Value::Text("America/Denver".to_owned()),
                (name, number) => Value::Text(format!("{name} of \"it's\" {number}")),
            })
            .collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO instruments ({}) VALUES ({marks})", columns.join(", "));
        connection.execute(&sql, rusqlite::params_from_iter(values)).unwrap();
    }
    let pid = "instrument_pid of \"it's\" 1";
    let statuses = [
        "COMPLETED",
        "WAITING_FOR_END",
        "TO_BE_BUILT",
        "BUILT_NOT_EXPORTED",
        "ERROR",
        "NO_FILES_FOUND",
        "NO_CONSENT",
        "NO_RESERVATION",
    ];
    let times = [
        "2019-03-10T02:30:00.125",
        "2021-01-01 10:00:00",
        "2021-08-02T10:00:00Z",
        "2024-03-05T16:10:00.000001-07:00",
        "not a time",
    ];
    let mut insert = connection
        .prepare(
            "INSERT INTO session_log (id_session_log, session_identifier, instrument, timestamp, event_type, \
             record_status, user) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .unwrap();
    let mut id = 7_i64;
    for (number, status) in statuses.into_iter().enumerate() {
        for event in ["START", "END", "RECORD_GENERATION"] {
            id += 1 + id % 3;
            let session = format!("https://nemo.example.org/api/usage_events/?id={number}");
            let instrument = if number == 4 { "no such instrument" } else { pid };
            let user = (number != 2).then_some("o'brien");
            let time = times[usize::try_from(id).unwrap() % times.len()];
            insert.execute(rusqlite::params![id, session, instrument, time, event, status, user]).unwrap();
        }
    }
    if crate::db::chain::has_table(connection, "upload_log").unwrap() {
        connection
            .execute_batch(
                "INSERT INTO upload_log VALUES (5, 's1', 'cdcs', 1, '2026-11-21T23:59:21.450443', '12', NULL, NULL, '{}');\
                 INSERT INTO upload_log VALUES (9, 's1', 'elabftw', 0, '2026-11-21T23:59:22', NULL, NULL, 'no', NULL);",
            )
            .unwrap();
    }
    if crate::db::chain::has_table(connection, "external_user_identifiers").unwrap() {
        connection
            .execute_batch(
                "INSERT INTO external_user_identifiers VALUES (2, 'ann', 'nemo', '17', NULL, '2026-01-01', NULL, 'a');\
                 INSERT INTO external_user_identifiers VALUES (4, 'bob', 'cdcs', '17', 'b@x', '2026-01-01', 'z', NULL);",
            )
            .unwrap();
    }
}
