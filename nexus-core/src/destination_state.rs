//! `nexus_destination`: what is remembered of a destination as a whole, and when it is left alone.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};
use serde::Serialize;

use crate::delivery::Class;
use crate::ids::DestinationName;
use crate::own_table::{OwnTableError, cut};
use crate::timestamp::UtcTime;

/// Failures in a row after which a destination is left alone for the rest of the run.
pub const FAILURES_UNTIL_PAUSE: u32 = 3;

/// Longest error text kept, in bytes.
const LONGEST_ERROR: usize = 4096;

/// A destination as remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DestinationState {
    /// Its name in the configuration.
    pub name: DestinationName,
    /// Where it delivered to when it was last asked.
    pub target: Option<String>,
    /// End of its pause; `None` with a class: until the next run.
    pub paused_until: Option<UtcTime>,
    /// Why it is paused; `None`: it is not.
    pub pause_class: Option<Class>,
    /// When it last took a record.
    pub last_success_at: Option<UtcTime>,
    /// What went wrong last; `None` after a success.
    pub last_error: Option<String>,
}

const COLUMNS: &str =
    "SELECT name, target, paused_until, pause_class, last_success_at, last_error FROM nexus_destination";

impl DestinationState {
    /// One destination; `None`: never seen.
    pub fn load(connection: &Connection, name: &DestinationName) -> Result<Option<Self>, OwnTableError> {
        connection
            .query_row(&format!("{COLUMNS} WHERE name = ?1"), [name], Self::read)
            .optional()
            .map_err(OwnTableError::to(format!("read destination `{name}`")))
    }

    /// All of them, by name; also those no longer configured.
    pub fn all(connection: &Connection) -> Result<Vec<Self>, OwnTableError> {
        connection
            .prepare(&format!("{COLUMNS} ORDER BY name"))
            .and_then(|mut statement| statement.query_map([], Self::read)?.collect())
            .map_err(OwnTableError::to("read the destinations"))
    }

    /// Whether it is to be left alone at the given moment of a run.
    #[must_use]
    pub fn is_paused(&self, now: UtcTime) -> bool {
        self.pause_class.is_some() && self.paused_until.is_none_or(|until| now < until)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            target: row.get(1)?,
            paused_until: row.get(2)?,
            pause_class: row.get(3)?,
            last_success_at: row.get(4)?,
            last_error: row.get(5)?,
        })
    }
}

fn upsert(
    tx: &Transaction<'_>,
    name: &DestinationName,
    what: &str,
    set: &'static str,
    values: &[(&str, &dyn rusqlite::ToSql)],
) -> Result<(), OwnTableError> {
    let run = || {
        let values: Vec<_> =
            values.iter().copied().chain([(":name", name as &dyn rusqlite::ToSql)]).collect();
        let changed = tx.prepare_cached(set)?.execute(values.as_slice())?;
        if changed > 0 {
            return Ok(changed);
        }
        // Not there yet, or nothing to change.
        tx.prepare_cached("INSERT INTO nexus_destination (name) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([name])?;
        tx.prepare_cached(set)?.execute(values.as_slice())
    };
    run().map(|_| ()).map_err(OwnTableError::to(format!("{what} of destination `{name}`")))
}

/// Notes where it delivers to; writes nothing if that is known.
pub fn set_target(tx: &Transaction<'_>, name: &DestinationName, target: &str) -> Result<(), OwnTableError> {
    upsert(
        tx,
        name,
        "note the target",
        "UPDATE nexus_destination SET target = :target WHERE name = :name AND target IS NOT :target",
        &[(":target", &target)],
    )
}

/// Leaves it alone until the given moment, or (without one) until the next run.
pub fn pause(
    tx: &Transaction<'_>,
    name: &DestinationName,
    until: Option<UtcTime>,
    class: Class,
) -> Result<(), OwnTableError> {
    upsert(
        tx,
        name,
        "note the pause",
        "UPDATE nexus_destination SET paused_until = :until, pause_class = :class WHERE name = :name",
        &[(":until", &until), (":class", &class)],
    )
}

/// Ends the pauses that are over at the start of a run: those without an end, and those whose end has come.
pub fn begin_run(tx: &Transaction<'_>, now: UtcTime) -> Result<usize, OwnTableError> {
    tx.execute(
        "UPDATE nexus_destination SET paused_until = NULL, pause_class = NULL
          WHERE pause_class IS NOT NULL AND (paused_until IS NULL OR paused_until <= ?1)",
        [now],
    )
    .map_err(OwnTableError::to("end the pauses of destinations"))
}

/// Notes that it took a record.
pub fn succeeded(tx: &Transaction<'_>, name: &DestinationName, at: UtcTime) -> Result<(), OwnTableError> {
    upsert(
        tx,
        name,
        "note a success",
        "UPDATE nexus_destination
            SET last_success_at = :at, last_error = NULL, paused_until = NULL, pause_class = NULL
          WHERE name = :name",
        &[(":at", &at)],
    )
}

/// Notes what went wrong.
pub fn failed(tx: &Transaction<'_>, name: &DestinationName, error: &str) -> Result<(), OwnTableError> {
    upsert(
        tx,
        name,
        "note a failure",
        "UPDATE nexus_destination SET last_error = :error WHERE name = :name AND last_error IS NOT :error",
        &[(":error", &cut(error, LONGEST_ERROR))],
    )
}

/// Counts the failures of a destination in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureCount {
    in_a_row: u32,
}

impl FailureCount {
    /// Another [`crate::delivery::Effect::PauseCandidate`]: true if the destination is to be left alone now.
    #[must_use]
    pub fn failed(&mut self) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row >= FAILURES_UNTIL_PAUSE
    }

    /// [`crate::delivery::Effect::DestinationWorked`]: whatever was counted is void.
    pub fn worked(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::new(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds))
    }

    #[test]
    fn three_failures_in_a_row_pause() {
        let mut count = FailureCount::default();
        assert!(!count.failed());
        assert!(!count.failed());
        count.worked();
        assert!(!count.failed());
        assert!(!count.failed());
        assert!(count.failed());
    }

    #[test]
    fn a_pause_ends_with_its_time_or_with_the_run() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let (broken, limited) = ("broken".into(), "limited".into());
        pause(&tx, &broken, None, Class::Transient).unwrap();
        pause(&tx, &limited, Some(at(100)), Class::RateLimited).unwrap();
        let paused = |tx: &Transaction<'_>, now: UtcTime| {
            DestinationState::all(tx).unwrap().iter().map(|d| d.is_paused(now)).collect::<Vec<_>>()
        };
        assert_eq!(paused(&tx, at(99)), [true, true]);
        assert_eq!(paused(&tx, at(100)), [true, false]);
        assert_eq!(begin_run(&tx, at(99)).unwrap(), 1);
        assert_eq!(paused(&tx, at(99)), [false, true]);
        assert_eq!(begin_run(&tx, at(100)).unwrap(), 1);
        assert_eq!(begin_run(&tx, at(100)).unwrap(), 0);
    }

    #[test]
    fn what_is_known_is_kept_and_replaced() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let name = "archive".into();
        assert_eq!(DestinationState::load(&tx, &name).unwrap(), None);
        set_target(&tx, &name, "https://a.example.org").unwrap();
        failed(&tx, &name, "connection refused").unwrap();
        pause(&tx, &name, None, Class::Auth).unwrap();
        let state = DestinationState::load(&tx, &name).unwrap().unwrap();
        assert_eq!(state.target.as_deref(), Some("https://a.example.org"));
        assert_eq!(state.last_error.as_deref(), Some("connection refused"));
        succeeded(&tx, &name, at(5)).unwrap();
        let state = DestinationState::load(&tx, &name).unwrap().unwrap();
        assert_eq!((state.last_success_at, state.last_error), (Some(at(5)), None));
        assert_eq!(state.pause_class, None);
    }
}
