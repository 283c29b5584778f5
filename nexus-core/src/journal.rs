//! The journal of one run: what happened to sessions, under the run's number.
//!
//! The run's row is written together with its first note, so that a run with nothing to do leaves nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, Transaction, params};
use serde_json::Value;

use crate::clock::Clock;
use crate::event::{self, Note};
use crate::ids::SessionId;
use crate::own_table::OwnTableError;
use crate::run::{NewRun, Run, RunId};
use crate::timestamp::UtcTime;

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Its number.
    pub run: RunId,
    new: NewRun,
}

impl Journal {
    /// The journal of the next run. Nothing is written; the locks keep another run from taking its number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn open(conn: &Connection, clock: &dyn Clock) -> Result<Self, OwnTableError> {
        let last: i64 = conn
            .query_row("SELECT coalesce(max(id), 0) FROM nexus_run", [], |row| row.get(0))
            .map_err(OwnTableError::to("read the number of the last run"))?;
        Ok(Self {
            run: RunId(last + 1),
            new: NewRun {
                started_at: UtcTime::new(clock.now()),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                host: hostname(),
                pid: Some(std::process::id()),
            },
        })
    }

    /// When the run began (UTC).
    pub fn started_at(&self) -> UtcTime {
        self.new.started_at
    }

    /// Notes what happened to a session.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note(
        &self,
        tx: &Transaction<'_>,
        session: &SessionId,
        at: DateTime<Utc>,
        kind: &str,
        text: &str,
    ) -> Result<(), OwnTableError> {
        self.begin(tx)?;
        Note::new(kind, text).insert(tx, Some(self.run), Some(session), UtcTime::new(at))
    }

    /// Whether anything was noted in this run.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_begun(&self, conn: &Connection) -> Result<bool, OwnTableError> {
        conn.query_row("SELECT EXISTS (SELECT 1 FROM nexus_run WHERE id = ?1)", [self.run], |row| row.get(0))
            .map_err(OwnTableError::to("look for the row of this run"))
    }

    /// Completes the run's row, and forgets what is older than `keep`.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn close(
        &self,
        tx: &Transaction<'_>,
        now: DateTime<Utc>,
        exit_code: i32,
        counts: &Value,
        keep: Duration,
    ) -> Result<(), OwnTableError> {
        self.begin(tx)?;
        Run::end(tx, self.run, UtcTime::new(now), exit_code, counts)?;
        if let Some(oldest) = TimeDelta::from_std(keep).ok().and_then(|keep| now.checked_sub_signed(keep)) {
            event::prune(tx, UtcTime::new(oldest))?;
            Run::prune(tx, UtcTime::new(oldest))?;
        }
        Ok(())
    }

    /// Notes that the run does something: should it be killed, it has left a trace.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn begin(&self, tx: &Transaction<'_>) -> Result<(), OwnTableError> {
        tx.prepare_cached(
            "INSERT INTO nexus_run (id, started_at, version, host, pid) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
        )
        .and_then(|mut statement| {
            let new = &self.new;
            statement.execute(params![self.run, new.started_at, new.version, new.host, new.pid])
        })
        .map(|_| ())
        .map_err(OwnTableError::to("store the beginning of a run"))
    }
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::db::Database;

    #[test]
    fn a_run_is_there_from_its_first_note_and_old_ones_go() {
        let mut database = Database::in_memory().unwrap();
        let clock = ManualClock::at("2024-03-05T12:00:00Z".parse().unwrap());
        let journal = Journal::open(database.read(), &clock).unwrap();
        assert_eq!(Run::last(database.read()).unwrap(), None);
        let tx = database.transaction().unwrap();
        journal.note(&tx, &SessionId::from("s"), clock.now(), "built", "3 files").unwrap();
        journal.note(&tx, &SessionId::from("s"), clock.now(), "built", "4 files").unwrap();
        tx.commit().unwrap();
        assert_eq!(Run::last(database.read()).unwrap().unwrap().id, journal.run);
        let next = Journal::open(database.read(), &clock).unwrap();
        assert_eq!(next.run, RunId(2));
        let tx = database.transaction().unwrap();
        let later = clock.now() + TimeDelta::days(2);
        next.close(&tx, later, 0, &Value::Null, Duration::from_hours(24)).unwrap();
        tx.commit().unwrap();
        assert!(event::of_session(database.read(), &SessionId::from("s")).unwrap().is_empty());
    }
}
