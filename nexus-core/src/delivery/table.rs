//! `nexus_delivery`: loading and saving rows, the queue, and the recovery of what a run left behind.
//!
//! ```
//! use chrono::Utc;
//! use nexus_core::db::Database;
//! use nexus_core::delivery::{Delivery, Event, step, table};
//!
//! let mut database = Database::in_memory()?;
//! let new = Delivery::new("session".into(), "archive".into(), Utc::now());
//! let event = Event::Wanted { content_sha256: "5e88…".to_owned(), hold: None };
//! let (due, _effects) = step(&new, event, Utc::now());
//!
//! let tx = database.transaction()?;
//! table::insert(&tx, &due)?;
//! tx.commit()?;
//! let page = table::due_page(database.read(), &"archive".into(), Utc::now(), None, 100)?;
//! assert_eq!(page.rows, [due]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{Checkpoint, Effect as LeftBehind, Remote};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, ToSql, Transaction, params};

use super::{Delivery, Effect, Event, Hold, State, step};
use crate::ids::{DestinationName, SessionId};
use crate::timestamp::UtcTime;

/// A delivery that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Somebody else changed it since it was read; read it again.
    #[error(
        "the delivery of session `{session}` to {destination} was not saved: it has changed since it was read"
    )]
    Stale {
        /// The session.
        session: SessionId,
        /// The destination.
        destination: DestinationName,
    },
    /// The database answered with an error.
    #[error("failed to {what}")]
    Database {
        /// What was asked of it.
        what: String,
        /// Its answer.
        source: rusqlite::Error,
    },
}

fn failed(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> DeliveryError {
    let what = what.into();
    move |source| DeliveryError::Database { what, source }
}

/// The columns, once, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "session_identifier, destination, target, can_find, settle_seconds, state, held_for, wanted_sha256, \
         delivered_sha256, remote_id, remote_url, checkpoint, checkpoint_sha256, attempt, intent_at, \
         absent_after, failure_class, failure_effect, failure_text, config_digest, not_before, origin, \
         upload_log_id, updated_at"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM nexus_delivery ", $rest)
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let time = |index: usize| row.get::<_, Option<UtcTime>>(index).map(|time| time.map(|time| time.0));
    let checkpoint: Option<String> = row.get(11)?;
    let checkpoint = checkpoint
        .map(|text| serde_json::from_str(&text).map(Checkpoint))
        .transpose()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(11, Type::Text, Box::new(error)))?;
    Ok(Delivery {
        session: row.get(0)?,
        destination: row.get(1)?,
        target: row.get(2)?,
        can_find: row.get(3)?,
        settle: TimeDelta::try_seconds(row.get(4)?)
            .ok_or(rusqlite::Error::from(FromSqlError::OutOfRange(row.get(4)?)))?,
        state: row.get(5)?,
        held_for: row.get(6)?,
        wanted_sha256: row.get(7)?,
        delivered_sha256: row.get(8)?,
        remote_id: row.get(9)?,
        remote_url: row.get(10)?,
        checkpoint,
        checkpoint_sha256: row.get(12)?,
        attempt: row.get(13)?,
        intent_at: time(14)?,
        absent_after: time(15)?,
        failure_class: row.get(16)?,
        failure_effect: left_behind(row.get_ref(17)?.as_str_or_null()?)?,
        failure_text: row.get(18)?,
        config_digest: row.get(19)?,
        not_before: time(20)?,
        origin: row.get(21)?,
        upload_log_id: row.get(22)?,
        updated_at: row.get::<_, UtcTime>(23)?.0,
    })
}

fn left_behind(word: Option<&str>) -> rusqlite::Result<Option<LeftBehind>> {
    match word {
        None => Ok(None),
        Some("none") => Ok(Some(LeftBehind::None)),
        Some("maybe") => Ok(Some(LeftBehind::Maybe)),
        Some(_) => Err(rusqlite::Error::InvalidColumnType(17, "failure_effect".to_owned(), Type::Text)),
    }
}

fn left_behind_word(effect: LeftBehind) -> &'static str {
    match effect {
        LeftBehind::None => "none",
        LeftBehind::Maybe => "maybe",
    }
}

/// Both writing statements take the values in this order, and two of their own.
fn write(tx: &Transaction<'_>, sql: &str, row: &Delivery, own: [&dyn ToSql; 2]) -> rusqlite::Result<usize> {
    let time = |time: Option<DateTime<Utc>>| time.map(UtcTime::new);
    tx.prepare_cached(sql)?.execute(params![
        row.session,
        row.destination,
        row.target,
        row.can_find,
        row.settle.num_seconds(),
        row.state,
        row.held_for,
        row.wanted_sha256,
        row.delivered_sha256,
        row.remote_id,
        row.remote_url,
        row.checkpoint.as_ref().map(|checkpoint| checkpoint.0.to_string()),
        row.checkpoint_sha256,
        row.attempt,
        time(row.intent_at),
        time(row.absent_after),
        row.failure_class,
        row.failure_effect.map(left_behind_word),
        row.failure_text,
        row.config_digest,
        time(row.not_before),
        row.origin,
        row.upload_log_id,
        UtcTime::new(row.updated_at),
        own[0],
        own[1],
    ])
}

fn rows(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<Delivery>> {
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}

mod place;
mod queue;
mod which;

pub use queue::{DuePage, PageEnd, due_page, next_question, put_off_beyond};
pub use which::{Which, knows_destination, which};

/// One delivery.
pub fn load(
    connection: &Connection,
    session: &SessionId,
    destination: &DestinationName,
) -> Result<Option<Delivery>, DeliveryError> {
    connection
        .prepare_cached(select!("WHERE session_identifier = ?1 AND destination = ?2"))
        .and_then(|mut statement| statement.query_row(params![session, destination], read).optional())
        .map_err(failed(format!("read the delivery of session `{session}` to {destination}")))
}

/// All deliveries of a session, by destination; also those of destinations no longer configured.
pub fn of_session(connection: &Connection, session: &SessionId) -> Result<Vec<Delivery>, DeliveryError> {
    rows(connection, select!("WHERE session_identifier = ?1 ORDER BY destination"), [session])
        .map_err(failed(format!("read the deliveries of session `{session}`")))
}

/// Where the deliveries of a session stand, by destination: as much of them as the session's status hangs on.
pub fn states_of_session(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<(DestinationName, State)>, DeliveryError> {
    connection
        .prepare_cached("SELECT destination, state FROM nexus_delivery WHERE session_identifier = ?1 ORDER BY destination")
        .and_then(|mut statement| {
            statement.query_map([session], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(failed(format!("read how the deliveries of session `{session}` stand")))
}

/// Whether a delivery of a session to one of the destinations that `count` may still need the record's file. Asked for every
/// record that is not put away, in every run; so it ends at the first.
pub fn needs_record(
    connection: &Connection,
    session: &SessionId,
    count: &dyn Fn(&DestinationName) -> bool,
) -> Result<bool, DeliveryError> {
    let is_needed = || -> rusqlite::Result<bool> {
        let mut statement = connection.prepare_cached(
            "SELECT destination FROM nexus_delivery
              WHERE session_identifier = ?1 AND state NOT IN ('delivered', 'not_wanted')",
        )?;
        let mut rows = statement.query([session])?;
        while let Some(row) = rows.next()? {
            if count(&row.get(0)?) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    is_needed().map_err(failed(format!("read whether session `{session}` is still to be delivered")))
}

/// How far another destination is with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The destination.
    pub destination: DestinationName,
    /// Where its delivery stands.
    pub state: State,
    /// The object known to be there.
    pub remote: Option<Remote>,
}

/// The deliveries of a session to all destinations but this one, by destination; also to those no longer configured.
pub fn others(
    connection: &Connection,
    session: &SessionId,
    but: &DestinationName,
) -> Result<Vec<Other>, DeliveryError> {
    let read = |row: &Row<'_>| {
        let (destination, state) = (row.get(0)?, row.get(1)?);
        let remote = match row.get(2)? {
            Some(id) => Some(Remote { id, url: row.get(3)?, content_sha256: row.get(4)? }),
            None => None,
        };
        Ok(Other { destination, state, remote })
    };
    connection
        .prepare_cached(
            "SELECT destination, state, remote_id, remote_url, delivered_sha256 FROM nexus_delivery
              WHERE session_identifier = ?1 AND destination <> ?2 ORDER BY destination",
        )
        .and_then(|mut statement| statement.query_map(params![session, but], read)?.collect())
        .map_err(failed(format!("read the other deliveries of session `{session}`")))
}

/// The delivery of a session by which a destination that is not `configured` may have left something at a place, or at
/// one that nobody noted: one whose end is unclear, else the latest to that place, else any other.
pub fn named_before(
    connection: &Connection,
    row: &Delivery,
    configured: &dyn Fn(&DestinationName) -> bool,
    target: &str,
) -> Result<Option<Delivery>, DeliveryError> {
    let unclear =
        |other: &Delivery| other.question_open() || matches!(other.state, State::Unknown | State::InFlight);
    let there = |other: &Delivery| other.target.as_deref() == Some(target);
    let left = of_session(connection, &row.session)?.into_iter().filter(|other| {
        let something = other.remote_id.is_some()
            || other.checkpoint.is_some()
            || other.state == State::Delivered
            || unclear(other);
        let here_or_anywhere = there(other) || other.target.is_none();
        something
            && here_or_anywhere
            && other.destination != row.destination
            && !configured(&other.destination)
    });
    Ok(left.max_by_key(|other| (there(other), unclear(other), other.updated_at)))
}

/// Deliveries to a destination that are held for one reason, by session: at most `limit`, after a session.
pub fn held_for(
    connection: &Connection,
    destination: &DestinationName,
    hold: Hold,
    after: &SessionId,
    limit: usize,
) -> Result<Vec<Delivery>, DeliveryError> {
    rows(
        connection,
        select!(
            "WHERE destination = ?1 AND state = 'held' AND held_for = ?2 AND session_identifier > ?3
             ORDER BY session_identifier LIMIT ?4"
        ),
        params![destination, hold, after, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
    .map_err(failed(format!("read the deliveries to {destination} that are held")))
}

/// Stores a new delivery. One there already is an error: its primary key is the promise that there is
/// one record per session and destination.
pub fn insert(tx: &Transaction<'_>, row: &Delivery) -> Result<(), DeliveryError> {
    let sql = concat!(
        "INSERT INTO nexus_delivery (rowid, ",
        columns!(),
        ") SELECT coalesce(
             (SELECT rowid FROM nexus_delivery WHERE rowid >= ?25 AND rowid < ?26 ORDER BY rowid DESC LIMIT 1), ?25
           ) + 1,
           ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
           ?10, ?11, ?12, ?13, ?14, ?15, ?16,
           ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24"
    );
    let span = place::span(&row.destination);
    write(tx, sql, row, [&span.start, &span.end])
        .map(|_| ())
        .map_err(failed(format!("store the delivery of session `{}` to {}", row.session, row.destination)))
}

/// Saves what a step made of a row, if the row still is what it was then.
///
/// `before` is the row as it was loaded or last saved, `after` what became of it. Equal rows are not written.
pub fn save(tx: &Transaction<'_>, before: &Delivery, after: &Delivery) -> Result<(), DeliveryError> {
    if before == after {
        return Ok(());
    }
    let sql = "UPDATE nexus_delivery SET target = ?3, can_find = ?4, settle_seconds = ?5,
            state = ?6, held_for = ?7, wanted_sha256 = ?8, delivered_sha256 = ?9,
            remote_id = ?10, remote_url = ?11, checkpoint = ?12,
            checkpoint_sha256 = ?13, attempt = ?14, intent_at = ?15,
            absent_after = ?16, failure_class = ?17, failure_effect = ?18,
            failure_text = ?19, config_digest = ?20, not_before = ?21, origin = ?22,
            upload_log_id = ?23, updated_at = ?24
          WHERE session_identifier = ?1 AND destination = ?2
            AND state = ?25 AND updated_at = ?26";
    let changed = write(tx, sql, after, [&before.state, &UtcTime::new(before.updated_at)]).map_err(
        failed(format!("save the delivery of session `{}` to {}", after.session, after.destination)),
    )?;
    if changed == 1 {
        return Ok(());
    }
    Err(DeliveryError::Stale { session: after.session.clone(), destination: after.destination.clone() })
}

/// Stores a delivery that is new (`before` is `None`), or saves what became of one.
pub fn put(tx: &Transaction<'_>, before: Option<&Delivery>, after: &Delivery) -> Result<(), DeliveryError> {
    match before {
        Some(before) => save(tx, before, after),
        None => insert(tx, after),
    }
}

/// How many deliveries of a destination are in each state.
pub fn counts(
    connection: &Connection,
    destination: &DestinationName,
) -> Result<Vec<(State, u64)>, DeliveryError> {
    connection
        .prepare_cached("SELECT state, count(*) FROM nexus_delivery WHERE destination = ?1 GROUP BY state")
        .and_then(|mut statement| {
            let rows = statement
                .query_map([destination], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            rows.collect()
        })
        .map_err(failed(format!("count the deliveries to {destination}")))
}

/// How many deliveries of a destination are held since it is another place than it was.
pub fn moved(connection: &Connection, destination: &DestinationName) -> Result<u64, DeliveryError> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM nexus_delivery WHERE destination = ?1 AND state = 'held' AND held_for = 'moved'",
        )
        .and_then(|mut statement| statement.query_row([destination], |row| row.get::<_, i64>(0)))
        .map(i64::unsigned_abs)
        .map_err(failed(format!("count the deliveries that {destination} has left behind")))
}

/// One query for each index: with all conditions in one, every row that is due would be read as well.
const TOUCHED: &str = concat!(
    select!(
        "WHERE destination = ?1 AND session_identifier > ?4
           AND state = 'delivered' AND target IS NOT ?2
         UNION ALL "
    ),
    select!(
        "WHERE destination = ?1 AND session_identifier > ?4
           AND state = 'held' AND held_for = 'moved' AND target = ?2
         UNION ALL "
    ),
    select!(
        "WHERE destination = ?1 AND session_identifier > ?4
           AND state = 'unknown' AND can_find = 0 AND target = ?2
         UNION ALL "
    ),
    select!(
        "WHERE destination = ?1 AND session_identifier > ?4
           AND failure_class IS NOT NULL AND +state IN ('failed', 'due') AND config_digest IS NOT ?3
         ORDER BY session_identifier LIMIT ?5"
    ),
);

/// Deliveries for which a change of the destination's target or configuration means something; give each
/// of them [`Event::TargetChanged`] and [`Event::ConfigChanged`]. By session: at most `limit`, after a session.
///
/// Reads every delivered row of the destination, and of the others only those that a change can mean something for.
pub fn touched_by_change(
    connection: &Connection,
    destination: &DestinationName,
    target: &str,
    config_digest: &str,
    after: &SessionId,
    limit: usize,
) -> Result<Vec<Delivery>, DeliveryError> {
    rows(
        connection,
        TOUCHED,
        params![destination, target, config_digest, after, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
    .map_err(failed(format!("read what a change of {destination} touches")))
}

/// Sessions that are BUILT_NOT_EXPORTED and whose record waits for destinations that are not `configured` alone: for
/// each of these destinations, by name, how many.
pub fn stranded(
    connection: &Connection,
    configured: &[DestinationName],
) -> Result<Vec<(DestinationName, u64)>, DeliveryError> {
    let configured: Vec<&str> = configured.iter().map(DestinationName::as_str).collect();
    let configured = serde_json::json!(configured).to_string();
    // The names come out of the index one by one: there are few, and many deliveries.
    connection
        .prepare_cached(
            "WITH RECURSIVE named(name) AS (
                 SELECT min(destination) FROM nexus_delivery
                 UNION ALL
                 SELECT (SELECT min(destination) FROM nexus_delivery WHERE destination > name)
                   FROM named WHERE name IS NOT NULL)
             SELECT d.destination, count(*)
               FROM named JOIN nexus_delivery d ON d.destination = named.name
              WHERE named.name NOT IN (SELECT value FROM json_each(?1))
                AND d.state IN ('due', 'held', 'failed', 'unknown')
                AND EXISTS (SELECT 1 FROM session_log s WHERE s.session_identifier = d.session_identifier
                             AND s.event_type = 'START' AND s.record_status = 'BUILT_NOT_EXPORTED')
                AND NOT EXISTS (SELECT 1 FROM nexus_delivery o WHERE o.session_identifier = d.session_identifier
                             AND o.state <> 'not_wanted' AND o.destination IN (SELECT value FROM json_each(?1)))
              GROUP BY d.destination ORDER BY d.destination",
        )
        .and_then(|mut statement| {
            let rows = statement
                .query_map([configured], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            rows.collect()
        })
        .map_err(failed("look for records that wait for destinations which are not configured"))
}

/// A delivery that was moved, and what must be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The row as it is now in the transaction.
    pub row: Delivery,
    /// Its effects; the row's `upload_log_id` is to be set when the upload log row is written.
    pub effects: Vec<Effect>,
}

/// Turns what an earlier run left in flight, or unanswered, into questions, and saves them: at most `limit`, after the
/// delivery that an earlier page ended with.
///
/// To be called at the start of a run until there are no more, when every process of the earlier one is dead.
pub fn recover(
    tx: &Transaction<'_>,
    now: DateTime<Utc>,
    after: Option<&Delivery>,
    limit: usize,
) -> Result<Vec<Recovered>, DeliveryError> {
    let (session, destination) =
        after.map_or(("", ""), |last| (last.session.as_str(), last.destination.as_str()));
    let left = rows(
        tx,
        select!(
            "WHERE state IN ('in_flight', 'unknown')
               AND (state = 'in_flight' OR (can_find = 1 AND absent_after IS NOT NULL))
               AND (session_identifier, destination) > (?1, ?2)
             ORDER BY session_identifier, destination LIMIT ?3"
        ),
        params![session, destination, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
    .map_err(failed("read the deliveries that were in flight"))?;
    left.into_iter()
        .map(|before| {
            let (row, effects) = step(&before, Event::Recover, now);
            save(tx, &before, &row)?;
            Ok(Recovered { row, effects })
        })
        .collect()
}

/// Notes the upload log row that was written for a delivery saved in the same transaction.
pub fn set_upload_log_id(tx: &Transaction<'_>, row: &mut Delivery, id: i64) -> Result<(), DeliveryError> {
    let changed = tx
        .prepare_cached(
            "UPDATE nexus_delivery SET upload_log_id = ?3 WHERE session_identifier = ?1 AND destination = ?2",
        )
        .and_then(|mut statement| statement.execute(params![row.session, row.destination, id]))
        .map_err(failed(format!("note the upload of session `{}` to {}", row.session, row.destination)))?;
    if changed == 0 {
        return Err(DeliveryError::Stale {
            session: row.session.clone(),
            destination: row.destination.clone(),
        });
    }
    row.upload_log_id = Some(id);
    Ok(())
}

#[cfg(test)]
mod tests;
