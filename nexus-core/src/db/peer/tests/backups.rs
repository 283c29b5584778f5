//! The copy that is made before anything is rebuilt.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use chrono::{TimeDelta, TimeZone as _, Utc};
use rusqlite::Connection;

use super::samples::{Sample, rows};
use crate::clock::ManualClock;
use crate::db::peer::{MigrationOptions, Revision, Standing, backup, downgrade, standing, upgrade};
use crate::db::schema::snapshot;

fn clock() -> ManualClock {
    ManualClock::at(Utc.with_ymd_and_hms(2026, 11, 21, 23, 59, 58).unwrap())
}

#[test]
fn the_copy_is_the_file_as_it_was() {
    let sample = Sample::at(Revision::V2_4_0a);
    fs::set_permissions(&sample.path, Permissions::from_mode(0o600)).unwrap();
    let (shape, before) = (snapshot(&sample.open()).unwrap(), sample.rows());
    let clock = clock();
    let options = MigrationOptions { clock: &clock, ..MigrationOptions::default() };
    let report = upgrade(&sample.path, Revision::HEAD, &options).unwrap();
    let path = report.backup.unwrap();
    assert_eq!(path, sample.folder.path().join("facility_backup_20261121_235958_nexus.db"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Connection::open(&path).unwrap();
    assert_eq!(snapshot(&copy).unwrap(), shape);
    assert_eq!(rows(&copy), before);
    assert_eq!(standing(&copy).unwrap(), Standing::At(Revision::V2_4_0a));
    assert_eq!(sample.files(), ["facility.db", "facility_backup_20261121_235958_nexus.db"]);
}

#[test]
fn three_of_ours_are_kept_and_no_other_file_is_touched() {
    let sample = Sample::head();
    let others = [
        "facility_backup_20200101_000000.db",
        "facility_backup_20200101_000000_nexus.db.gz",
        "facility_backup_2020_nexus.db",
        "facility_backup_20200101_000000_more_nexus.db",
        "facility_backup_20200101_00000x_nexus.db",
        "other_backup_20200101_000000_nexus.db",
        ".facility_backup_20200101_000000.db.partial",
    ];
    for name in others {
        fs::write(sample.folder.path().join(name), "precious").unwrap();
    }
    // Left by a crash: ours and locked by nobody.
    let partial = ".facility_backup_20200101_000000_nexus.db.partial";
    fs::write(sample.folder.path().join(partial), "half").unwrap();

    let clock = clock();
    let options = MigrationOptions { clock: &clock, ..MigrationOptions::default() };
    let mut removed = Vec::new();
    for revision in
        [Some(Revision::V2_5_0a), Some(Revision::V2_4_0b), Some(Revision::V2_4_0a), Some(Revision::V1_4_3)]
    {
        removed = downgrade(&sample.path, revision, &options).unwrap().removed_backups;
        clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!(removed, [sample.folder.path().join("facility_backup_20261121_235958_nexus.db")]);
    let mut expected: Vec<String> = others.map(str::to_owned).to_vec();
    expected.push("facility.db".to_owned());
    for moment in ["20261121_235959", "20261122_000000", "20261122_000001"] {
        expected.push(format!("facility_backup_{moment}_nexus.db"));
    }
    expected.sort();
    assert_eq!(sample.files(), expected);
}

#[test]
fn backups_of_one_second_do_not_overwrite_each_other() {
    let sample = Sample::head();
    let clock = clock();
    let options = MigrationOptions { clock: &clock, ..MigrationOptions::default() };
    let first = backup(&sample.path, &options).unwrap();
    let second = backup(&sample.path, &options).unwrap();
    assert_eq!(first.file_name().unwrap(), "facility_backup_20261121_235958_nexus.db");
    assert_eq!(second.file_name().unwrap(), "facility_backup_20261121_235958_001_nexus.db");
    for path in [first, second] {
        assert_eq!(rows(&Connection::open(path).unwrap()), sample.rows());
    }
}

#[test]
fn names_without_suffix_and_with_several_dots() {
    for (name, expected) in [
        ("nexus", "nexus_backup_20261121_235958_nexus"),
        ("my.lab.sqlite", "my.lab_backup_20261121_235958_nexus.sqlite"),
    ] {
        let sample = Sample::head();
        let path = sample.folder.path().join(name);
        fs::rename(&sample.path, &path).unwrap();
        let clock = clock();
        let options = MigrationOptions { clock: &clock, ..MigrationOptions::default() };
        assert_eq!(backup(&path, &options).unwrap().file_name().unwrap(), expected);
    }
}

#[test]
fn a_copy_of_a_write_ahead_file_has_its_last_commit() {
    let sample = Sample::head();
    let other = sample.open();
    other.pragma_update(None, "journal_mode", "WAL").unwrap();
    other.execute("INSERT INTO nexus_meta (key, value) VALUES ('last', 'commit')", []).unwrap();
    let path = backup(&sample.path, &MigrationOptions::default()).unwrap();
    let copy = Connection::open(path).unwrap();
    let value: String =
        copy.query_row("SELECT value FROM nexus_meta WHERE key = 'last'", [], |row| row.get(0)).unwrap();
    assert_eq!(value, "commit");
}
