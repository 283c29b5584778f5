//! The permitted moves, pairing, and the file delay.

mod moves;
mod pairing;

use chrono::TimeZone as _;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::{Connection, params};

use super::*;
use crate::clock::ManualClock;
use crate::db::Database;
use crate::ids::InstrumentPid;
use crate::instrument::Instruments;
use crate::session_log::{NewSession, close};

use RecordStatus::{
    BuiltNotExported, Completed, Error, NoConsent, NoFilesFound, NoReservation, ToBeBuilt, WaitingForEnd,
};

const PID: &str = "TITAN-1";

fn instrument(pid: &str, timezone: &str) -> Instrument {
    Instrument {
        pid: pid.into(),
        api_url: format!("logbook:{pid}"),
        calendar_url: String::new(),
        location: String::new(),
        display_name: pid.to_owned(),
        property_tag: String::new(),
        filestore_path: pid.to_owned(),
        harvester: "logbook".to_owned(),
        timezone: timezone.to_owned(),
    }
}

fn database() -> Database {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    instrument(PID, "America/New_York").insert(&tx).unwrap();
    instrument("SEM-2", "America/Denver").insert(&tx).unwrap();
    tx.commit().unwrap();
    db
}

fn row(
    connection: &Connection,
    session: &str,
    event: &str,
    time: &str,
    status: &str,
    user: Option<&str>,
) -> i64 {
    connection
        .execute(
            "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![session, PID, time, event, status, user],
        )
        .unwrap();
    connection.last_insert_rowid()
}

fn pair(connection: &Connection, session: &str, start: &str, end: &str, status: &str) {
    row(connection, session, "START", start, status, Some("ann"));
    row(connection, session, "END", end, status, Some("ann"));
}

fn statuses(connection: &Connection, session: &str) -> Vec<String> {
    connection
        .prepare(
            "SELECT record_status FROM session_log WHERE session_identifier = ?1 ORDER BY id_session_log",
        )
        .unwrap()
        .query_map([session], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn to_build(connection: &Connection) -> ToBuild {
    sessions_to_build(connection, &Instruments::load(connection).unwrap()).unwrap()
}

fn broken(connection: &Connection) -> Vec<String> {
    to_build(connection).broken.iter().map(ToString::to_string).collect()
}

#[test]
fn a_session_moves_and_gets_its_record_generation_row() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    pair(&tx, "s", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    let session = to_build(&tx).sessions.remove(0);
    let clock = ManualClock::at(Utc.timestamp_opt(1_709_730_000, 125_000_000).unwrap());
    let log = session.insert_record_generation(&tx, &clock).unwrap();
    assert_eq!(log.id, Some(3));
    assert_eq!(log.timestamp.to_string(), "2024-03-06T13:00:00.125000+00:00");
    assert_eq!((log.user.as_deref(), log.record_status), (Some("nexuslims"), WaitingForEnd));
    assert_eq!(log.event_type, EventType::RecordGeneration);
    let moved = session.update_status(&tx, ToBeBuilt, NoFilesFound).unwrap();
    assert_eq!(moved, Moved::Moved { rows: 3 });
    let two_days = TimeDelta::days(2);
    let over = session.ended_at() + two_days;
    assert!(!session.delay_over(two_days, over));
    assert!(session.delay_over(two_days, over + TimeDelta::microseconds(1)));
    assert!(!session.delay_over(TimeDelta::MAX, DateTime::<Utc>::MAX_UTC));
}
