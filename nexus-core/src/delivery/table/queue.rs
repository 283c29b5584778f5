//! The queue: what may be tried now, page by page, and when the next question may be asked.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params, Row, params};

use super::{DeliveryError, failed, read, rows};
use crate::delivery::Delivery;
use crate::ids::{DestinationName, SessionId};
use crate::timestamp::UtcTime;

/// Selects with the row's number behind the columns.
macro_rules! numbered {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), ", rowid FROM nexus_delivery ", $rest)
    };
}

/// Where a page of the queue ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEnd {
    not_before: Option<DateTime<Utc>>,
    row: i64,
}

/// A page of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePage {
    /// Deliveries that may be tried now: first those never tried, as their records were built, then by `not_before`.
    pub rows: Vec<Delivery>,
    /// Where to go on; `None`: this was the last page.
    pub next: Option<PageEnd>,
}

/// In the order of the rows (`place`), which is that of the builds: what is taken together then lies together, here as in
/// the tables of sessions.
pub(super) const DUE: &str = numbered!(
    "WHERE destination = ?1 AND state = 'due' AND not_before IS NULL AND rowid > ?2 ORDER BY rowid LIMIT ?3"
);
pub(super) const DUE_AGAIN: &str = numbered!(
    "WHERE destination = ?1 AND state = 'due' AND not_before <= ?2 AND (not_before, rowid) > (?3, ?4)
     ORDER BY not_before, rowid LIMIT ?5"
);

/// What may be tried now at a destination, at most `limit` rows, after an earlier page.
///
/// Rows that come into the queue meanwhile (a second try) may be missed by the walk; start again
/// at `None` until a whole walk brings nothing.
pub fn due_page(
    connection: &Connection,
    destination: &DestinationName,
    now: DateTime<Utc>,
    after: Option<&PageEnd>,
    limit: usize,
) -> Result<DuePage, DeliveryError> {
    let told = |what| failed(format!("read the deliveries due at {destination}{what}"));
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    // Two queries, since no comparison goes past a null; each follows the index and sorts nothing.
    if after.is_none_or(|end| end.not_before.is_none()) {
        let row = after.map_or(i64::MIN, |end| end.row);
        found = numbered(connection, DUE, params![destination, row, wanted]).map_err(told(""))?;
    }
    if found.len() < limit {
        let end = after.and_then(|end| end.not_before.map(|time| (UtcTime::new(time).to_string(), end.row)));
        let (time, row) = end.as_ref().map_or(("", i64::MIN), |(time, row)| (time.as_str(), *row));
        let left = wanted.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        let values = params![destination, UtcTime::new(now), time, row, left];
        found.extend(numbered(connection, DUE_AGAIN, values).map_err(told(" again"))?);
    }
    let next = if found.len() < limit { None } else { found.last() }
        .map(|(row, last)| PageEnd { not_before: last.not_before, row: *row });
    let found = found.into_iter().map(|(_, delivery)| delivery).collect();
    Ok(DuePage { rows: found, next })
}

/// When the next question to a destination may be asked: what a run with nothing else to do waits for.
/// Rests between runs and pauses are not waited for.
pub fn next_question(
    connection: &Connection,
    destination: &DestinationName,
) -> Result<Option<DateTime<Utc>>, DeliveryError> {
    connection
        .prepare_cached(
            "SELECT min(not_before) FROM nexus_delivery
              WHERE destination = ?1 AND state = 'due' AND not_before = absent_after",
        )
        .and_then(|mut statement| statement.query_row([destination], |row| row.get::<_, Option<UtcTime>>(0)))
        .map(|time| time.map(|time| time.0))
        .map_err(failed(format!("read when {destination} may be asked again")))
}

/// Deliveries to a destination that are due and put off beyond a moment, by session: at most `limit`, after a session. Give
/// each of them [`Event::Recover`](crate::delivery::Event::Recover): it takes back what nothing is ever put off to.
pub fn put_off_beyond(
    connection: &Connection,
    destination: &DestinationName,
    moment: DateTime<Utc>,
    after: &SessionId,
    limit: usize,
) -> Result<Vec<Delivery>, DeliveryError> {
    rows(
        connection,
        select!(
            "WHERE destination = ?1 AND state = 'due' AND not_before > ?2 AND session_identifier > ?3
             ORDER BY session_identifier LIMIT ?4"
        ),
        params![destination, UtcTime::new(moment), after, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
    .map_err(failed(format!("read what is put off at {destination}")))
}

/// Rows, each with its number: [`numbered!`].
fn numbered(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<(i64, Delivery)>> {
    let read = |row: &Row<'_>| Ok((row.get(24)?, read(row)?));
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}
