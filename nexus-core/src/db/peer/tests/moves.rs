//! Up, down and up again: the schema is the documented one, and no row that fits is lost.

use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use rusqlite::Connection;

use super::samples::{BACK, Came, FORWARDS, Sample, expected, populate, reduced, shared};
use crate::db::chain::{OWN, PEER};
use crate::db::peer::{
    Loss, MigrationOptions, Revision, Standing, downgrade_sql, standing, upgrade, upgrade_sql,
};
use crate::db::schema::snapshot;
use crate::db::{Access, Database, DbError};

#[test]
fn an_empty_file_goes_up_one_by_one_to_the_documented_schemas() {
    let sample = Sample::empty();
    for revision in Revision::ALL {
        let report = sample.up(revision).unwrap();
        assert_eq!(report.steps, [Some(revision)]);
        assert_eq!(report.to, Some(revision));
        assert_eq!(shared(&sample.path), expected(Some(revision), FORWARDS), "{revision}");
        assert_eq!(standing(&sample.open()).unwrap(), Standing::At(revision));
        assert_eq!(PEER.applied(&sample.open()).unwrap().len(), usize::try_from(revision.version()).unwrap());
    }
}

#[test]
fn every_revision_goes_up_to_the_head_and_keeps_its_rows() {
    for revision in Revision::ALL {
        for came in [FORWARDS, BACK] {
            let sample = Sample::of(revision, came);
            let before = sample.rows();
            let report = sample.up(Revision::HEAD).unwrap();
            assert_eq!(report.from, Some(revision));
            let shape = shared(&sample.path);
            assert_eq!(shape, expected(Some(Revision::HEAD), FORWARDS), "from {revision}");
            let mut after = reduced(sample.rows(), Some(revision));
            after.retain(|table, _| before.contains_key(table));
            assert_eq!(after, reduced(before, Some(Revision::HEAD)), "from {revision}");
        }
    }
}

#[test]
fn going_down_gives_the_shapes_that_the_peer_leaves_and_up_again_the_head() {
    let sample = Sample::head();
    let full = sample.rows();
    for revision in Revision::ALL.into_iter().rev() {
        let to = revision.down();
        let report = sample.down(to).unwrap();
        assert_eq!(report.steps, [to]);
        let came = Came { instruments_back: true, session_log_back: to < Some(Revision::V2_4_0b) };
        assert_eq!(shared(&sample.path), expected(to, came), "down to {to:?}");
        assert_eq!(reduced(sample.rows(), to), reduced(full.clone(), to), "down to {to:?}");
        assert_eq!(OWN.applied(&sample.open()).unwrap().len(), OWN.files.len(), "our tables stay");
    }
    assert_eq!(standing(&sample.open()).unwrap(), Standing::Empty);
    assert_eq!(PEER.applied(&sample.open()).unwrap(), []);
    sample.up(Revision::HEAD).unwrap();
    assert_eq!(shared(&sample.path), expected(Some(Revision::HEAD), FORWARDS));
    Database::open(&sample.path, Access::Write).unwrap().require_head().unwrap();
}

#[test]
fn the_report_counts_what_goes_and_what_was_broken_before() {
    let sample = Sample::head();
    let report = sample.down(Some(Revision::V1_4_3)).unwrap();
    let loss = |what: &str, rows| Loss { what: what.to_owned(), rows };
    assert_eq!(report.losses, [loss("external_user_identifiers", 2), loss("upload_log", 2)]);
    assert_eq!(report.rows, [("instruments", 3), ("session_log", 24)]);
    let [broken] = &report.broken_references[..] else { panic!("{:?}", report.broken_references) };
    assert_eq!(
        (broken.table.as_str(), broken.parent.as_str(), broken.rows),
        ("session_log", "instruments", 3)
    );
    assert_eq!(broken.first.len(), 3);

    let sample = Sample::at(Revision::V2_5_0a);
    let report = sample.up(Revision::HEAD).unwrap();
    assert_eq!(
        report.losses,
        [
            loss("instruments.calendar_name", 3),
            loss("instruments.computer_name", 2),
            loss("instruments.computer_ip", 2),
            loss("instruments.computer_mount", 2)
        ]
    );
}

#[test]
fn nothing_to_do_changes_nothing() {
    let sample = Sample::head();
    let before = sample.bytes();
    let up = sample.up(Revision::V2_4_0a).unwrap();
    assert!(up.steps.is_empty() && up.backup.is_none());
    assert_eq!(up.to, Some(Revision::HEAD));
    sample.up(Revision::HEAD).unwrap();
    sample.down(Some(Revision::HEAD)).unwrap();
    assert_eq!(sample.bytes(), before);
    assert_eq!(sample.files(), ["facility.db"]);
}

#[test]
fn indexes_triggers_and_views_of_the_facility_survive_a_rebuild() {
    let sample = Sample::at(Revision::V2_4_0a);
    sample.run(
        "CREATE INDEX by_user ON session_log (user);
         CREATE TABLE note (text);
         CREATE TRIGGER noted AFTER INSERT ON session_log BEGIN INSERT INTO note VALUES (new.user); END;
         CREATE VIEW people AS SELECT DISTINCT user FROM session_log JOIN instruments ON instrument_pid = instrument;",
    );
    sample.up(Revision::HEAD).unwrap();
    sample.down(Some(Revision::V2_4_0a)).unwrap();
    let shape = shared(&sample.path);
    assert!(shape.tables["session_log"].indexes.iter().any(|index| index.name.as_deref() == Some("by_user")));
    assert_eq!(shape.others.keys().collect::<Vec<_>>(), ["noted", "people"]);
    let count: i64 = sample.open().query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0, "copying rows is no insert of the facility's");
    let people: i64 = sample.open().query_row("SELECT count(*) FROM people", [], |row| row.get(0)).unwrap();
    assert_eq!(people, 2);
}

#[test]
fn a_step_that_fails_leaves_the_file_at_the_one_before() {
    let sample = Sample::at(Revision::V2_4_0b);
    // Fits every table up to the last step, which takes its column away.
    sample.run("CREATE INDEX by_ip ON instruments (computer_ip)");
    let rows = sample.rows();
    let error = sample.up(Revision::HEAD).unwrap_err();
    let DbError::Partial { reached, backup, source } = &error else { panic!("{error}") };
    assert_eq!(reached, "v2_5_0a");
    assert!(std::path::Path::new(backup).exists());
    assert!(matches!(**source, DbError::Migration { .. }));
    assert!(error.to_string().contains("by_ip"), "{error}");
    assert_eq!(standing(&sample.open()).unwrap(), Standing::At(Revision::V2_5_0a));
    assert_eq!(sample.rows()["instruments"], rows["instruments"]);
    assert_eq!(PEER.applied(&sample.open()).unwrap().len(), 4);
}

#[test]
fn eight_threads_on_one_fresh_file_take_turns() {
    let sample = Sample::empty();
    let start = Barrier::new(8);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    sample.up(Revision::HEAD)
                })
            })
            .collect();
        let reports: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
        let steps: usize = reports.iter().map(|report| report.steps.len()).sum();
        assert_eq!(steps, 5, "each step is done once");
        assert!(reports.iter().all(|report| report.to == Some(Revision::HEAD)));
    });
    assert_eq!(shared(&sample.path), expected(Some(Revision::HEAD), FORWARDS));
    assert_eq!(PEER.applied(&sample.open()).unwrap().len(), 5);
}

#[test]
fn nobody_migrates_between_the_look_at_a_file_and_the_judgement_of_it() {
    let sample = Sample::at(Revision::V2_4_0b);
    // Asked last of all that may refuse; somebody else is at work at that moment.
    let meddling = MigrationOptions {
        free_space: |folder| {
            let other = Connection::open(folder.join("facility.db")).unwrap();
            other.busy_timeout(std::time::Duration::ZERO).unwrap();
            let changed = other.execute_batch("BEGIN IMMEDIATE; CREATE TABLE meanwhile (x); COMMIT");
            assert!(changed.is_err(), "what was found out may be true no more");
            Ok(u64::MAX)
        },
        ..MigrationOptions::default()
    };
    let report = upgrade(&sample.path, Revision::HEAD, &meddling).unwrap();
    assert_eq!(report.to, Some(Revision::HEAD));
}

#[test]
fn eight_threads_open_one_file_for_writing_that_lacks_our_tables() {
    let sample = Sample::at(Revision::HEAD);
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                Database::open(&sample.path, Access::Write).unwrap();
            });
        }
    });
    assert_eq!(OWN.applied(&sample.open()).unwrap().len(), OWN.files.len());
}

#[test]
fn the_printed_sql_does_what_the_commands_do() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&upgrade_sql(None, Revision::V2_4_0a)).unwrap();
    assert_eq!(snapshot(&connection).unwrap(), expected(Some(Revision::V2_4_0a), FORWARDS));
    populate(&connection);
    connection.execute_batch(&upgrade_sql(Some(Revision::V2_4_0a), Revision::HEAD)).unwrap();
    assert_eq!(snapshot(&connection).unwrap(), expected(Some(Revision::HEAD), FORWARDS));
    assert_eq!(standing(&connection).unwrap(), Standing::At(Revision::HEAD));
    connection.execute_batch(&downgrade_sql(Revision::HEAD, Some(Revision::V1_4_3))).unwrap();
    assert_eq!(snapshot(&connection).unwrap(), expected(Some(Revision::V1_4_3), BACK));
    connection.execute_batch(&downgrade_sql(Revision::V1_4_3, None)).unwrap();
    assert_eq!(snapshot(&connection).unwrap(), expected(None, BACK));
    let nothing = upgrade_sql(Some(Revision::HEAD), Revision::V1_4_3);
    assert!(nothing.ends_with("-- nothing to do\n"), "{nothing}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Whatever way is taken, a row is there as long as every revision on the way has a place for it.
    #[test]
    fn any_way_keeps_what_the_schema_can_hold(
        start in 0..5_usize,
        ways in proptest::collection::vec(0..6_usize, 1..5),
    ) {
        let mut at = Some(Revision::ALL[start]);
        let sample = Sample::at(Revision::ALL[start]);
        let mut lowest = at;
        let full = sample.rows();
        for way in ways {
            let to = way.checked_sub(1).map(|index| Revision::ALL[index]);
            if to > at {
                sample.up(to.unwrap()).unwrap();
            } else {
                sample.down(to).unwrap();
            }
            at = to;
            lowest = lowest.min(to);
            prop_assert_eq!(standing(&sample.open()).unwrap(), to.map_or(Standing::Empty, Standing::At));
            let mut now = reduced(sample.rows(), to);
            let mut kept = reduced(full.clone(), lowest);
            // A table that came back is empty; one that is not here now is not compared.
            now.retain(|table, rows| kept.contains_key(table) || !rows.is_empty());
            kept.retain(|table, _| now.contains_key(table));
            prop_assert_eq!(now, kept);
        }
        sample.up(Revision::HEAD).unwrap();
        prop_assert_eq!(shared(&sample.path), expected(Some(Revision::HEAD), FORWARDS));
    }
}
