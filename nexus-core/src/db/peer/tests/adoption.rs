//! Files that NexusLIMS moved after we did, and histories that people edited.

use rusqlite::Connection;

use super::samples::{FORWARDS, Sample, expected, expected_database, populate, shared};
use crate::db::chain::{OWN, PEER};
use crate::db::peer::{MigrationOptions, Revision, downgrade_sql, stamp, upgrade_sql};
use crate::db::{Access, Database};

fn history(sample: &Sample) -> Vec<i64> {
    PEER.applied(&sample.open()).unwrap().iter().map(|row| row.version).collect()
}

#[test]
fn the_peer_moved_the_file_after_us_in_both_directions() {
    for from in Revision::ALL {
        // Both neighbours, and from end to end.
        let end = (from.up().is_none())
            .then_some(Revision::V1_4_3)
            .or(from.down().is_none().then_some(Revision::HEAD));
        for to in [from.up(), from.down(), end].into_iter().flatten().filter(|to| *to != from) {
            // Ours first, so that our tables and refinery's history are there.
            let sample = Sample::empty();
            sample.up(from).unwrap();
            populate(&sample.open());
            drop(Database::open(&sample.path, Access::Write).unwrap());
            assert_eq!(history(&sample).len(), usize::try_from(from.version()).unwrap());
            // Then theirs, which knows of neither.
            let script = if to > from { upgrade_sql(Some(from), to) } else { downgrade_sql(from, Some(to)) };
            sample.run(&script);

            let database = Database::open(&sample.path, Access::Write).unwrap();
            assert_eq!(OWN.applied(database.read()).unwrap().len(), OWN.files.len());
            drop(database);
            sample.up(Revision::HEAD).unwrap();
            assert_eq!(history(&sample), [1, 2, 3, 4, 5], "{from} moved to {to}");
            assert_eq!(shared(&sample.path), expected(Some(Revision::HEAD), FORWARDS));
        }
    }
}

#[test]
fn a_history_that_people_edited_is_made_anew() {
    for damage in [
        "UPDATE refinery_schema_history SET applied_on = 'yesterday'",
        "UPDATE refinery_schema_history SET checksum = 'many'",
        "UPDATE refinery_schema_history SET name = NULL",
        "DELETE FROM refinery_schema_history WHERE version = 2",
        "DELETE FROM refinery_schema_history",
        "INSERT INTO refinery_schema_history VALUES (77, 'x', 'y', 'z')",
        "DROP TABLE refinery_schema_history",
        "DROP TABLE refinery_schema_history; CREATE TABLE refinery_schema_history (other)",
    ] {
        let sample = Sample::head();
        sample.run(damage);
        sample.up(Revision::HEAD).unwrap();
        assert_eq!(history(&sample), [1, 2, 3, 4, 5], "{damage}");
        sample.run(damage);
        sample.down(Some(Revision::V2_4_0a)).unwrap();
        assert_eq!(history(&sample), [1, 2], "{damage}");
    }
}

#[test]
fn a_demonstration_file_is_stamped_and_goes_down_and_up() {
    // Shaped by the object model: other index names, times that may be null, no revision.
    let connection = expected_database(Some(Revision::HEAD), FORWARDS);
    populate(&connection);
    connection
        .execute_batch(
            "DROP TABLE alembic_version;
             DROP INDEX idx_external_lookup;
             DROP INDEX idx_nexuslims_username;
             CREATE INDEX ix_external_user_identifiers_nexuslims_username ON external_user_identifiers (nexuslims_username);",
        )
        .unwrap();
    let sample = Sample::empty();
    sample.replace(&connection);
    let before = sample.rows();
    stamp(&sample.path, Revision::HEAD, &MigrationOptions::default()).unwrap();
    Database::open(&sample.path, Access::Write).unwrap().require_head().unwrap();
    assert_eq!(sample.rows(), before);
    sample.down(Some(Revision::V1_4_3)).unwrap();
    sample.up(Revision::HEAD).unwrap();
    assert_eq!(shared(&sample.path), expected(Some(Revision::HEAD), FORWARDS));
    assert_eq!(sample.rows()["session_log"], before["session_log"]);
}

#[test]
fn write_ahead_mode_is_turned_back_by_whoever_writes() {
    let mode = |sample: &Sample| -> String {
        sample.open().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap()
    };
    let wal = |sample: &Sample| -> Connection {
        let other = sample.open();
        other.pragma_update(None, "journal_mode", "WAL").unwrap();
        other.execute("UPDATE session_log SET user = 'last'", []).unwrap();
        other
    };
    let sample = Sample::head();
    drop(wal(&sample));
    Database::open(&sample.path, Access::Read).unwrap();
    assert_eq!(mode(&sample), "wal", "reading changes nothing");
    Database::open(&sample.path, Access::Write).unwrap();
    assert_eq!(mode(&sample), "delete");
    assert_eq!(sample.files(), ["facility.db"]);

    drop(wal(&sample));
    sample.down(Some(Revision::V2_5_0a)).unwrap();
    assert_eq!(mode(&sample), "delete");

    let other = wal(&sample);
    let error = Database::open(&sample.path, Access::Write).unwrap_err().to_string();
    assert!(error.contains("is in write-ahead mode and cannot be turned back"), "{error}");
    assert!(sample.up(Revision::HEAD).is_err());
    drop(other);
}
