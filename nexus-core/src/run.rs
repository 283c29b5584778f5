//! `nexus_run`: the runs that changed something.
//!
//! An idle run leaves no row: begin one with the first change, not before.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use crate::own_table::OwnTableError;
use crate::timestamp::UtcTime;

/// Number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl ToSql for RunId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for RunId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// A run that begins to change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// When it was started.
    pub started_at: UtcTime,
    /// Version of the program.
    pub version: String,
    /// Name of the machine.
    pub host: Option<String>,
    /// Process id there.
    pub pid: Option<u32>,
}

impl NewRun {
    /// Stores it.
    pub fn begin(&self, tx: &Transaction<'_>) -> Result<RunId, OwnTableError> {
        tx.prepare_cached("INSERT INTO nexus_run (started_at, version, host, pid) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| {
                statement.insert(params![self.started_at, self.version, self.host, self.pid])
            })
            .map(RunId)
            .map_err(OwnTableError::to("store the beginning of a run"))
    }
}

/// A run as stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// When it was started.
    pub started_at: UtcTime,
    /// When it ended; `None`: it is under way, or was interrupted.
    pub ended_at: Option<UtcTime>,
    /// Version of the program.
    pub version: String,
    /// Name of the machine.
    pub host: Option<String>,
    /// Process id there.
    pub pid: Option<u32>,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// What it did, by kind; text that is no JSON comes as text.
    pub counts: Option<Value>,
}

const COLUMNS: &str = "SELECT id, started_at, ended_at, version, host, pid, exit_code, counts FROM nexus_run";

impl Run {
    /// Notes how a run ended.
    pub fn end(
        tx: &Transaction<'_>,
        id: RunId,
        ended_at: UtcTime,
        exit_code: i32,
        counts: &Value,
    ) -> Result<(), OwnTableError> {
        tx.execute(
            "UPDATE nexus_run SET ended_at = ?2, exit_code = ?3, counts = ?4 WHERE id = ?1",
            params![id, ended_at, exit_code, counts.to_string()],
        )
        .map(|_| ())
        .map_err(OwnTableError::to(format!("store the end of run {}", id.0)))
    }

    /// The last one.
    pub fn last(connection: &Connection) -> Result<Option<Self>, OwnTableError> {
        connection
            .query_row(&format!("{COLUMNS} ORDER BY id DESC LIMIT 1"), [], Self::read)
            .optional()
            .map_err(OwnTableError::to("read the last run"))
    }

    /// One of them; `None`: there is none of this number, or it is forgotten by now.
    pub fn load(connection: &Connection, id: i64) -> Result<Option<Self>, OwnTableError> {
        connection
            .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))
            .and_then(|mut statement| statement.query_row([id], Self::read).optional())
            .map_err(OwnTableError::to(format!("read run {id}")))
    }

    /// The last ones, newest first.
    pub fn newest(connection: &Connection, limit: u32) -> Result<Vec<Self>, OwnTableError> {
        connection
            .prepare(&format!("{COLUMNS} ORDER BY id DESC LIMIT ?1"))
            .and_then(|mut statement| statement.query_map([limit], Self::read)?.collect())
            .map_err(OwnTableError::to("read the runs"))
    }

    /// Removes runs started before the given moment, and tells how many.
    pub fn prune(tx: &Transaction<'_>, before: UtcTime) -> Result<usize, OwnTableError> {
        tx.execute("DELETE FROM nexus_run WHERE started_at < ?1", [before])
            .map_err(OwnTableError::to("remove old runs"))
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let counts: Option<String> = row.get(7)?;
        Ok(Self {
            id: row.get(0)?,
            started_at: row.get(1)?,
            ended_at: row.get(2)?,
            version: row.get(3)?,
            host: row.get(4)?,
            pid: row.get(5)?,
            exit_code: row.get(6)?,
            counts: counts.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::db::Database;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::new(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds))
    }

    #[test]
    fn a_run_is_remembered_from_begin_to_end() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        assert_eq!(Run::last(&tx).unwrap(), None);
        let new = NewRun { started_at: at(0), version: "0.1.0".to_owned(), host: None, pid: Some(7) };
        let first = new.begin(&tx).unwrap();
        let second = NewRun { started_at: at(50), ..new }.begin(&tx).unwrap();
        assert_eq!(Run::last(&tx).unwrap().unwrap().ended_at, None);
        Run::end(&tx, second, at(60), 3, &json!({ "built": 2 })).unwrap();
        let runs = Run::newest(&tx, 10).unwrap();
        assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [second, first]);
        assert_eq!((runs[0].exit_code, runs[0].ended_at), (Some(3), Some(at(60))));
        assert_eq!(runs[0].counts, Some(json!({ "built": 2 })));
        assert_eq!(Run::prune(&tx, at(50)).unwrap(), 1);
        assert_eq!(Run::last(&tx).unwrap().unwrap().id, second);
    }
}
