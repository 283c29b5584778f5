//! `nexus_meta`: single facts about the database as a whole.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::own_table::OwnTableError;
use crate::timestamp::UtcTime;

/// When a run last looked, also if there was nothing to do.
const HEARTBEAT: &str = "heartbeat";
/// When the history of NexusLIMS in this database was taken over.
const ADOPTED_AT: &str = "adopted_at";
/// The highest number in `upload_log` that was looked at.
const UPLOAD_LOG_SEEN: &str = "upload_log_seen";
/// What that row says.
const UPLOAD_LOG_MARK: &str = "upload_log_mark";

/// A fact as text.
pub fn get(connection: &Connection, key: &str) -> Result<Option<String>, OwnTableError> {
    connection
        .prepare_cached("SELECT value FROM nexus_meta WHERE key = ?1")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
        .map_err(OwnTableError::to(format!("read `{key}`")))
}

/// Sets a fact.
pub fn set(tx: &Transaction<'_>, key: &str, value: &str) -> Result<(), OwnTableError> {
    tx.prepare_cached(
        "INSERT INTO nexus_meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
    )
    .and_then(|mut statement| statement.execute(params![key, value]))
    .map(|_| ())
    .map_err(OwnTableError::to(format!("set `{key}`")))
}

/// Removes a fact.
pub fn remove(tx: &Transaction<'_>, key: &str) -> Result<(), OwnTableError> {
    tx.execute("DELETE FROM nexus_meta WHERE key = ?1", [key])
        .map(|_| ())
        .map_err(OwnTableError::to(format!("remove `{key}`")))
}

fn typed<T: std::str::FromStr>(connection: &Connection, key: &str) -> Result<Option<T>, OwnTableError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    get(connection, key)?
        .map(|text| {
            text.parse().map_err(|error| OwnTableError {
                what: format!("understand `{key}`"),
                source: rusqlite::Error::FromSqlConversionFailure(
                    0,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                ),
            })
        })
        .transpose()
}

/// When a run last looked.
pub fn last_heartbeat(connection: &Connection) -> Result<Option<UtcTime>, OwnTableError> {
    typed(connection, HEARTBEAT)
}

/// Notes that a run looks now: the one row that an idle run changes, in place.
pub fn heartbeat(tx: &Transaction<'_>, now: UtcTime) -> Result<(), OwnTableError> {
    set(tx, HEARTBEAT, &now.to_string())
}

/// When the history of NexusLIMS in this database was taken over; `None`: not yet, and runs only report.
pub fn adopted_at(connection: &Connection) -> Result<Option<UtcTime>, OwnTableError> {
    typed(connection, ADOPTED_AT)
}

/// Notes that it was taken over.
pub fn set_adopted(tx: &Transaction<'_>, now: UtcTime) -> Result<(), OwnTableError> {
    set(tx, ADOPTED_AT, &now.to_string())
}

/// The highest number in `upload_log` that was looked at; 0: none.
pub fn upload_log_seen(connection: &Connection) -> Result<i64, OwnTableError> {
    Ok(typed(connection, UPLOAD_LOG_SEEN)?.unwrap_or(0))
}

/// What the row with that number said when it was looked at; `None`: there was none, or nobody noted it.
pub fn upload_log_mark(connection: &Connection) -> Result<Option<String>, OwnTableError> {
    get(connection, UPLOAD_LOG_MARK)
}

/// Notes how far `upload_log` was looked at, and what the last row says.
pub fn set_upload_log_seen(tx: &Transaction<'_>, id: i64, mark: Option<&str>) -> Result<(), OwnTableError> {
    set(tx, UPLOAD_LOG_SEEN, &id.to_string())?;
    match mark {
        Some(mark) => set(tx, UPLOAD_LOG_MARK, mark),
        None => remove(tx, UPLOAD_LOG_MARK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    #[test]
    fn facts_come_back_typed() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        assert_eq!(last_heartbeat(&tx).unwrap(), None);
        assert_eq!(upload_log_seen(&tx).unwrap(), 0);
        let now: UtcTime = "2024-03-05T16:10:00.125000Z".parse().unwrap();
        heartbeat(&tx, now).unwrap();
        heartbeat(&tx, now.plus(chrono::TimeDelta::hours(1))).unwrap();
        set_adopted(&tx, now).unwrap();
        set_upload_log_seen(&tx, 41, Some("row")).unwrap();
        assert_eq!(upload_log_mark(&tx).unwrap().as_deref(), Some("row"));
        assert_eq!(last_heartbeat(&tx).unwrap(), Some(now.plus(chrono::TimeDelta::hours(1))));
        assert_eq!(adopted_at(&tx).unwrap(), Some(now));
        assert_eq!(upload_log_seen(&tx).unwrap(), 41);
        assert_eq!(get(&tx, "adopted_at").unwrap().as_deref(), Some("2024-03-05T16:10:00.125000Z"));
        remove(&tx, "adopted_at").unwrap();
        assert_eq!(adopted_at(&tx).unwrap(), None);
        set(&tx, "heartbeat", "yesterday").unwrap();
        assert!(last_heartbeat(&tx).unwrap_err().to_string().contains("heartbeat"));
    }
}
