//! The session that a person means, by whatever they have in hand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde::Serialize;

use super::facts::LogRow;
use super::{ExplainError, has_own_tables};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::overview::{knows_session, session_of_record, session_of_stem};
use crate::session::EventType;
use crate::session_state::seen_user;
use crate::timestamp::{Timestamp, UtcTime};

/// A session that may be meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The session.
    pub session_identifier: SessionId,
    /// Why it may be meant: `usage event 7 of harvester log`.
    pub found_as: Vec<String>,
}

/// The sessions that a text may mean: a session identifier, the name or file of a record, the id or link of an object at a
/// destination, the id of a usage event at its source. What a session is called goes before what is called like it.
///
/// # Errors
/// The database cannot be read.
pub fn find(connection: &Connection, text: &str) -> Result<Vec<Candidate>, ExplainError> {
    let own = has_own_tables(connection)?;
    let id = SessionId::from(text);
    let one = |id: SessionId, found_as: &str| {
        Ok(vec![Candidate { session_identifier: id, found_as: vec![found_as.to_owned()] }])
    };
    if knows_session(connection, &id, own)? {
        return one(id, "a session");
    }
    let record = if own {
        session_of_record(connection, text)?
    } else {
        session_of_stem(
            connection,
            text,
            "SELECT session_identifier, instrument FROM session_log
              WHERE event_type = 'START' AND substr(timestamp, 1, 10) = ?1",
        )?
    };
    if let Some(id) = record {
        return one(id, "the record");
    }
    let mut found: BTreeMap<SessionId, Vec<String>> = BTreeMap::new();
    let mut add = |id: SessionId, how: String| {
        let ways = found.entry(id).or_default();
        if !ways.contains(&how) {
            ways.push(how);
        }
    };
    let text = text.trim();
    let (bare, slashed) = (text.trim_end_matches('/'), format!("{}/", text.trim_end_matches('/')));
    let mut objects = vec![
        "SELECT session_identifier, destination_name FROM upload_log
          WHERE success <> 0 AND (record_id = ?1 OR record_url IN (?1, ?2, ?3))",
    ];
    if own {
        objects.push(
            "SELECT session_identifier, destination FROM nexus_delivery
              WHERE remote_id = ?1 OR remote_url IN (?1, ?2, ?3)",
        );
        let mut events = connection.prepare(
            "SELECT session_identifier, harvester FROM nexus_session
              WHERE external_id = ?1 AND harvester IS NOT NULL ORDER BY harvester",
        )?;
        let rows = events.query_map([text], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (id, harvester) = row?;
            add(id, format!("a usage event of harvester `{harvester}`"));
        }
    }
    for sql in objects {
        let mut statement = connection.prepare(sql)?;
        let rows = statement
            .query_map(params![text, bare, slashed], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (id, destination) = row?;
            add(id, format!("an object at `{destination}`"));
        }
    }
    let candidate = |(session_identifier, found_as)| Candidate { session_identifier, found_as };
    Ok(found.into_iter().map(candidate).collect())
}

/// The sessions of an instrument around a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AtTime {
    /// Those whose time holds it.
    pub holding: Vec<Span>,
    /// If there is none: the last one that ended before.
    pub before: Option<Span>,
    /// If there is none: the first one that began after.
    pub after: Option<Span>,
}

/// A session and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The session.
    pub session_identifier: SessionId,
    /// When it began.
    pub start: UtcTime,
    /// When it ended; `None`: it has not, or nobody noted it.
    pub end: Option<UtcTime>,
    /// Who used the instrument.
    pub user: Option<String>,
}

/// The sessions of an instrument whose time holds a moment, beginning and end included; else its neighbours.
///
/// # Errors
/// The database cannot be read.
pub fn at_time(
    connection: &Connection,
    pid: &InstrumentPid,
    moment: DateTime<Utc>,
) -> Result<AtTime, ExplainError> {
    let instruments = Instruments::load(connection)?;
    let zone = instruments.get(pid).and_then(|known| known.timezone().ok()).unwrap_or(chrono_tz::UTC);
    let mut spans = logged(connection, pid, zone)?;
    if has_own_tables(connection)? {
        let open = open(connection, pid)?;
        let is_new =
            |span: &Span| spans.iter().all(|known| known.session_identifier != span.session_identifier);
        let new: Vec<Span> = open.into_iter().filter(is_new).collect();
        spans.extend(new);
    }
    spans.sort_by_key(|span| (span.start, span.end));
    let now = UtcTime::new(moment);
    let holds = |span: &&Span| span.start <= now && span.end.is_none_or(|end| now <= end);
    let holding: Vec<Span> = spans.iter().filter(holds).cloned().collect();
    if !holding.is_empty() {
        return Ok(AtTime { holding, ..AtTime::default() });
    }
    let before =
        spans.iter().filter(|span| span.end.is_some_and(|end| end < now)).max_by_key(|span| span.end);
    let after = spans.iter().find(|span| span.start > now);
    Ok(AtTime { holding, before: before.cloned(), after: after.cloned() })
}

/// Sessions of the session log whose beginning can be read.
fn logged(
    connection: &Connection,
    pid: &InstrumentPid,
    zone: chrono_tz::Tz,
) -> Result<Vec<Span>, ExplainError> {
    let mut statement = connection.prepare(&format!(
        "SELECT {}, session_identifier FROM session_log
          WHERE instrument = ?1 AND event_type IN ('START', 'END') ORDER BY id_session_log",
        super::facts::LOG_COLUMNS
    ))?;
    let rows = statement.query_map([pid], |row| Ok((super::facts::read_log_row(row)?, row.get(6).ok())))?;
    let mut halves: BTreeMap<SessionId, (Option<LogRow>, Option<LogRow>)> = BTreeMap::new();
    for row in rows {
        let (row, id): (LogRow, Option<SessionId>) = row?;
        let Some(id) = id else { continue };
        let session = halves.entry(id).or_default();
        // Of several the last one counts.
        if row.event_type == EventType::Start.as_str() {
            session.0 = Some(row);
        } else {
            session.1 = Some(row);
        }
    }
    let instant =
        |row: &LogRow| row.timestamp.parse::<Timestamp>().ok().map(|time| UtcTime::new(time.instant(zone)));
    let span = |(session_identifier, (start, end)): (SessionId, (Option<LogRow>, Option<LogRow>))| {
        let start = start?;
        Some(Span {
            session_identifier,
            start: instant(&start)?,
            end: end.as_ref().and_then(instant),
            user: start.user.or(end.and_then(|end| end.user)),
        })
    };
    Ok(halves.into_iter().filter_map(span).collect())
}

/// Events in use: no other table has them yet.
fn open(connection: &Connection, pid: &InstrumentPid) -> Result<Vec<Span>, ExplainError> {
    let mut statement = connection.prepare(
        "SELECT session_identifier, open_since, seen_digest FROM nexus_session
          WHERE instrument_pid = ?1 AND open_since IS NOT NULL",
    )?;
    let rows = statement.query_map([pid], |row| {
        let digest: Option<String> = row.get(2)?;
        Ok(Span {
            session_identifier: row.get(0)?,
            start: row.get(1)?,
            end: None,
            user: digest.and_then(|digest| seen_user(&digest, pid)),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
