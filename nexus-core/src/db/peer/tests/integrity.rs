//! Faults put into the middle of a step: the counts notice, and nothing stays.

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::samples::{FORWARDS, expected, expected_database, populate, rows};
use crate::db::DbError;
use crate::db::peer::Revision;
use crate::db::peer::census::Census;
use crate::db::peer::step::{Step, rebuild_history};
use crate::db::schema::{Schema, snapshot};

/// A database in memory on which SQLite silently leaves out whatever the filter picks.
fn faulty(at: Revision, fault: fn(&AuthAction<'_>) -> bool) -> Connection {
    let mut connection = expected_database(Some(at), FORWARDS);
    populate(&connection);
    connection.pragma_update(None, "legacy_alter_table", true).unwrap();
    rebuild_history(&connection, Some(at)).unwrap();
    connection
        .authorizer(Some(
            move |context: AuthContext<'_>| {
                if fault(&context.action) { Authorization::Ignore } else { Authorization::Allow }
            },
        ))
        .unwrap();
    connection
}

fn shape(connection: &Connection) -> Schema {
    snapshot(connection).unwrap().only(|name| name != "refinery_schema_history")
}

#[test]
fn a_rebuild_that_loses_rows_is_rolled_back() {
    for (at, step, table) in [
        (Revision::V2_4_0a, Step::Up(Revision::V2_4_0b), "session_log"),
        (Revision::V2_4_0b, Step::Down(Revision::V2_4_0b), "session_log"),
        (Revision::V2_5_0a, Step::Up(Revision::V2_5_0b), "instruments"),
        (Revision::V2_5_0b, Step::Down(Revision::V2_5_0b), "instruments"),
    ] {
        let mut connection = faulty(at, |action| {
            matches!(action, AuthAction::Insert { table_name: "session_log_new" | "instruments_new" })
        });
        let before = rows(&connection);
        let transaction = connection.transaction().unwrap();
        let error = step.take(&transaction).unwrap_err();
        let DbError::IntegrityLost { reason, .. } = &error else { panic!("{error}") };
        let was = before[table].len();
        assert_eq!(*reason, format!("{table} had {was} rows before and 0 after"));
        assert!(error.to_string().contains("was rolled back"), "{error}");
        drop(transaction);
        assert_eq!(rows(&connection), before);
        assert_eq!(shape(&connection), expected(Some(at), FORWARDS));
    }
}

#[test]
fn a_step_that_does_not_arrive_is_rolled_back() {
    let mut connection = faulty(Revision::V2_4_0b, |action| {
        matches!(action, AuthAction::Update { table_name: "alembic_version", .. })
    });
    let transaction = connection.transaction().unwrap();
    let error = Step::Up(Revision::V2_5_0a).take(&transaction).unwrap_err();
    assert!(error.to_string().contains("v2_5_0a"), "{error}");
    drop(transaction);
    assert_eq!(shape(&connection), expected(Some(Revision::V2_4_0b), FORWARDS));
}

#[test]
fn every_kind_of_loss_is_seen() {
    let taken = |change: &str| {
        let connection = expected_database(Some(Revision::V2_4_0a), FORWARDS);
        populate(&connection);
        connection.execute_batch(change).unwrap();
        Census::take(&connection).unwrap()
    };
    let before = taken("");
    assert_eq!(before.loss(&taken("")), None);
    for (change, reason) in [
        ("DELETE FROM upload_log WHERE id = 5", "upload_log had 2 rows before and 1 after"),
        (
            "UPDATE session_log SET id_session_log = 900 WHERE id_session_log = (SELECT max(id_session_log) FROM session_log)",
            "the range of ids of session_log changed",
        ),
        (
            "UPDATE session_log SET id_session_log = 1 WHERE id_session_log = (SELECT min(id_session_log) FROM session_log)",
            "the range of ids of session_log changed",
        ),
        (
            "UPDATE session_log SET record_status = 'ERROR' WHERE record_status = 'COMPLETED'",
            "the numbers of session_log rows by status changed",
        ),
        (
            "UPDATE session_log SET instrument = 'gone' WHERE id_session_log = (SELECT min(id_session_log) FROM session_log)",
            "now points at a missing row of instruments",
        ),
    ] {
        let found = before.loss(&taken(change)).unwrap();
        assert!(found.contains(reason), "{change}: {found}");
    }
    // What was broken before may be mended.
    assert_eq!(before.loss(&taken("DELETE FROM session_log WHERE 0")), None);
}
