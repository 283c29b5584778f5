//! Databases that NexusLIMS made, upgraded, took back or left half-way: each is adopted or refused as it should be,
//! and whatever way it goes, its shape is the one that NexusLIMS would give it and its rows are all there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use nexus_core::db::peer::{self, MigrationOptions, Revision, Shape, Standing};
use nexus_core::db::schema::{Schema, Table, snapshot};
use nexus_core::db::{Access, Database, DbError};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// What a file of `testdata/db` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At a revision, sound.
    At(Revision),
    /// No shared tables.
    Base,
    /// No revision; to be stamped with this one.
    Stamp(Revision),
    /// At a revision, with rows that stop this step up.
    Stopped(Revision),
    /// A migration that stopped half-way.
    HalfApplied,
}

use Kind::{At, Base, HalfApplied, Stamp, Stopped};

/// Every file there. A new one belongs in this list and is then tested by everything below.
const FILES: &[(&str, Kind)] = &[
    ("broken_rows", At(Revision::V2_5_0b)),
    ("demo", Stamp(Revision::V2_5_0b)),
    ("down_base", Base),
    ("down_v1_4_3", At(Revision::V1_4_3)),
    ("down_v2_4_0a", At(Revision::V2_4_0a)),
    ("down_v2_5_0a", At(Revision::V2_5_0a)),
    ("pre_2_2", Stamp(Revision::V1_4_3)),
    ("pre_2_2_half_upgraded", HalfApplied),
    ("pre_2_2_unstamped", Stamp(Revision::V1_4_3)),
    ("pre_2_2_upgraded", At(Revision::V2_5_0b)),
    ("up_v2_5_0b", At(Revision::V2_5_0b)),
    ("v1_4_3", At(Revision::V1_4_3)),
    ("v2_4_0a", At(Revision::V2_4_0a)),
    ("v2_4_0a_unknown_status", Stopped(Revision::V2_4_0a)),
    ("v2_4_0b", At(Revision::V2_4_0b)),
    ("v2_5_0a", At(Revision::V2_5_0a)),
    ("v2_5_0b", At(Revision::V2_5_0b)),
];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/db")
}

fn of_kind(wanted: impl Fn(Kind) -> bool) -> impl Iterator<Item = (&'static str, Kind)> {
    FILES.iter().copied().filter(move |(_, kind)| wanted(*kind))
}

/// A copy to work on.
struct Copy {
    _folder: TempDir,
    path: PathBuf,
}

impl Copy {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.db");
        fs::copy(testdata().join(format!("{name}.sqlite")), &path).unwrap();
        Self { _folder: folder, path }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn connection(&self) -> Connection {
        Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
    }

    fn shape(&self) -> Schema {
        shared(&self.connection())
    }

    fn rows(&self) -> Rows {
        rows(&self.connection())
    }

    fn standing(&self) -> Result<Standing, DbError> {
        Database::open(&self.path, Access::Read)?.standing()
    }

    fn up(&self, to: Revision) -> Result<peer::MigrationReport, DbError> {
        peer::upgrade(&self.path, to, &MigrationOptions::default())
    }

    fn down(&self, to: Option<Revision>) -> Result<peer::MigrationReport, DbError> {
        peer::downgrade(&self.path, to, &MigrationOptions::default())
    }

    fn stamp(&self, at: Revision) -> Result<peer::MigrationReport, DbError> {
        peer::stamp(&self.path, at, &MigrationOptions::default())
    }
}

fn shared(connection: &Connection) -> Schema {
    snapshot(connection)
        .unwrap()
        .only(|name| !name.starts_with("nexus_") && name != "refinery_schema_history")
}

type Rows = BTreeMap<&'static str, Vec<BTreeMap<String, Value>>>;

fn rows(connection: &Connection) -> Rows {
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
        found.insert(table, tuples.unwrap().collect::<Result<_, _>>().unwrap());
    }
    found
}

/// What every revision from `lowest` on can hold of these rows.
fn kept(mut rows: Rows, lowest: Revision) -> Rows {
    rows.retain(|table, _| match *table {
        "upload_log" => lowest >= Revision::V2_4_0a,
        "external_user_identifiers" => lowest >= Revision::V2_5_0a,
        _ => true,
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

/// The shape that NexusLIMS itself leaves at a revision, coming up from older ones or down from the newest.
fn peer_shape(at: Option<Revision>, came_down: bool) -> Schema {
    let table = |file: &str, table: &str| -> Table { Copy::of(file).shape().tables[table].clone() };
    let mut schema = Schema::default();
    schema.tables.insert("alembic_version".to_owned(), table("down_base", "alembic_version"));
    let Some(at) = at else { return schema };
    if !came_down {
        return Copy::of(at.as_str()).shape();
    }
    let instruments = if at == Revision::HEAD { "v2_5_0b" } else { "down_v2_5_0a" };
    let session_log = if at >= Revision::V2_4_0b { "v2_5_0b" } else { "down_v2_4_0a" };
    schema.tables.insert("instruments".to_owned(), table(instruments, "instruments"));
    schema.tables.insert("session_log".to_owned(), table(session_log, "session_log"));
    for (name, since) in [("upload_log", Revision::V2_4_0a), ("external_user_identifiers", Revision::V2_5_0a)]
    {
        if at >= since {
            schema.tables.insert(name.to_owned(), table("v2_5_0b", name));
        }
    }
    schema
}

#[test]
fn every_file_is_listed() {
    let entries = fs::read_dir(testdata()).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<String> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "sqlite"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn each_stands_where_it_should_and_reading_leaves_it_untouched() {
    for (name, kind) in FILES {
        let copy = Copy::of(name);
        let before = copy.bytes();
        match (kind, copy.standing()) {
            (At(revision) | Stopped(revision), Ok(Standing::At(found)))
            | (Stamp(revision), Ok(Standing::Unversioned(Shape::Like(found)))) => {
                assert_eq!(found, *revision, "{name}");
            }
            (Base, Ok(Standing::Empty)) | (HalfApplied, Err(DbError::HalfApplied { .. })) => {}
            (_, found) => panic!("{name}: {found:?}"),
        }
        assert!(copy.bytes() == before, "{name} was changed by reading it");
    }
}

#[test]
fn our_way_up_and_down_leaves_the_shapes_that_theirs_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    fs::write(&path, b"").unwrap();
    let options = MigrationOptions::default();
    let shape = || shared(&Connection::open(&path).unwrap());
    for revision in Revision::ALL {
        peer::upgrade(&path, revision, &options).unwrap();
        assert_eq!(shape(), peer_shape(Some(revision), false), "up to {revision}");
    }
    for revision in Revision::ALL.into_iter().rev() {
        let to = revision.down();
        peer::downgrade(&path, to, &options).unwrap();
        assert_eq!(shape(), peer_shape(to, true), "down to {to:?}");
    }
    // And the files that NexusLIMS took back itself are what the test above is made of.
    for (name, revision) in [
        ("down_v2_5_0a", Revision::V2_5_0a),
        ("down_v2_4_0a", Revision::V2_4_0a),
        ("down_v1_4_3", Revision::V1_4_3),
    ] {
        assert_eq!(Copy::of(name).shape(), peer_shape(Some(revision), true), "{name}");
    }
}

#[test]
fn each_is_adopted_taken_to_the_head_down_to_each_revision_and_up_again() {
    for (name, kind) in of_kind(|kind| matches!(kind, At(_) | Stamp(_) | Base)) {
        let copy = Copy::of(name);
        let original = copy.rows();
        let start = match kind {
            At(revision) => Some(revision),
            Stamp(revision) => {
                let error = copy.up(Revision::HEAD).unwrap_err();
                assert!(error.to_string().contains(&format!("nexus db stamp {revision}")), "{name}: {error}");
                assert!(matches!(
                    Database::open(&copy.path, Access::Write),
                    Err(DbError::Unversioned { .. })
                ));
                copy.stamp(revision).unwrap();
                assert_eq!(copy.rows(), original, "{name}");
                Some(revision)
            }
            _ => None,
        };
        // Our tables are there from now on.
        if start.is_some() {
            Database::open(&copy.path, Access::Write).unwrap();
        }
        let report = copy.up(Revision::HEAD).unwrap();
        assert_eq!(report.from, start, "{name}");
        if name != "demo" {
            assert_eq!(copy.shape(), peer_shape(Some(Revision::HEAD), false), "{name}");
        }
        let lowest = start.unwrap_or(Revision::HEAD);
        let head = kept(copy.rows(), lowest);
        let mut expected = kept(original.clone(), lowest);
        if start.is_none() {
            expected = head.clone();
        }
        assert_eq!(head, expected, "{name}");
        Database::open(&copy.path, Access::Write).unwrap().require_head().unwrap();

        let full = copy.rows();
        let mut lowest = Revision::HEAD;
        while let Some(to) = lowest.down() {
            copy.down(Some(to)).unwrap();
            lowest = to;
            if name != "demo" || to < Revision::V2_4_0b {
                let shape = copy.shape();
                let (mut found, mut expected) = (shape, peer_shape(Some(to), true));
                if name == "demo" {
                    // Its upload log came from the object model and is rebuilt by no revision.
                    found.tables.remove("upload_log");
                    expected.tables.remove("upload_log");
                }
                assert_eq!(found, expected, "{name} down to {to}");
            }
            assert_eq!(kept(copy.rows(), to), kept(full.clone(), to), "{name} down to {to}");
            assert_eq!(copy.standing().unwrap(), Standing::At(to));
        }
        copy.up(Revision::HEAD).unwrap();
        assert_eq!(copy.shape(), peer_shape(Some(Revision::HEAD), false), "{name} up again");
        let mut again = kept(copy.rows(), Revision::V1_4_3);
        again.retain(|table, _| *table == "instruments" || *table == "session_log");
        assert_eq!(again, kept(full, Revision::V1_4_3), "{name} up again");
    }
}

#[test]
fn rows_in_the_way_are_named_and_nothing_is_touched() {
    for (name, kind) in of_kind(|kind| matches!(kind, Stopped(_))) {
        let copy = Copy::of(name);
        let before = copy.bytes();
        let error = copy.up(Revision::HEAD).unwrap_err();
        let DbError::Obstacles { obstacles, .. } = &error else { panic!("{name}: {error}") };
        let message = error.to_string();
        assert!(
            message.contains("record_status `PAUSED` is not a known one in 1 row (id_session_log "),
            "{message}"
        );
        assert!(copy.bytes() == before, "{name} was changed");
        let [obstacle] = &obstacles[..] else { panic!("{obstacles:?}") };
        let sql = "UPDATE session_log SET record_status = 'ERROR' WHERE id_session_log = ?1";
        assert_eq!(copy.connection().execute(sql, [&obstacle.keys[0]]).unwrap(), 1);
        let Stopped(revision) = kind else { continue };
        let report = copy.up(Revision::HEAD).unwrap();
        assert_eq!((report.from, report.to), (Some(revision), Some(Revision::HEAD)));
    }
}

#[test]
fn a_migration_that_stopped_half_way_is_refused_until_somebody_repaired_it() {
    let copy = Copy::of("pre_2_2_half_upgraded");
    let before = copy.bytes();
    let messages = [
        copy.standing().unwrap_err().to_string(),
        Database::open(&copy.path, Access::Write).unwrap_err().to_string(),
        copy.up(Revision::HEAD).unwrap_err().to_string(),
        copy.down(None).unwrap_err().to_string(),
    ];
    for message in messages {
        assert!(
            message.ends_with(
                "holds a half-applied migration: a left-over table _alembic_tmp_instruments; the tables of v2_5_0a are \
                 complete, so drop the left-over table by hand after a `nexus db backup`"
            ),
            "{message}"
        );
    }
    assert!(copy.stamp(Revision::V2_5_0a).is_err());
    assert!(copy.bytes() == before);

    copy.connection().execute_batch("DROP TABLE _alembic_tmp_instruments").unwrap();
    let before = copy.bytes();
    let message = copy.up(Revision::HEAD).unwrap_err().to_string();
    assert!(
        message.contains("instruments: harvester is empty (null) in 1 row (instrument_pid "),
        "{message}"
    );
    assert!(copy.bytes() == before);
    copy.connection()
        .execute("UPDATE instruments SET harvester = 'nemo' WHERE harvester IS NULL", [])
        .unwrap();
    copy.up(Revision::HEAD).unwrap();
    assert_eq!(copy.shape(), peer_shape(Some(Revision::HEAD), false));
}

#[test]
fn broken_references_of_old_are_told_and_left_alone() {
    let copy = Copy::of("v2_5_0b");
    let report = copy.down(Some(Revision::V2_5_0a)).unwrap();
    let [broken] = &report.broken_references[..] else { panic!("{:?}", report.broken_references) };
    assert_eq!((broken.table.as_str(), broken.parent.as_str()), ("session_log", "instruments"));
    assert_eq!(broken.rows, u64::try_from(broken.first.len()).unwrap());
}
