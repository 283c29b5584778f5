//! One session: its record, its deliveries, what happened.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;

use super::{LINE, OPEN, OverviewError, SessionLine, line, open_line};
use crate::delivery::{Class, Delivery, Hold, Origin, State, table};
use crate::event::{self, Event};
use crate::ids::SessionId;
use crate::session_state::record_name;
use crate::timestamp::UtcTime;
use crate::upload_log::UploadLog;

/// One delivery of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryLine {
    /// Destination.
    pub destination: String,
    /// State.
    pub state: State,
    /// What a held one waits for.
    pub held_for: Option<Hold>,
    /// Attempts since the record last changed or a person last asked.
    pub attempt: u32,
    /// When the last attempt was begun (UTC).
    pub tried_at: Option<String>,
    /// Remote id, if any.
    pub remote_id: Option<String>,
    /// Link, if any.
    pub remote_url: Option<String>,
    /// Class of the last failure.
    pub failure_class: Option<Class>,
    /// Text of the last failure.
    pub failure_text: Option<String>,
    /// Not tried before (UTC).
    pub not_before: Option<String>,
    /// Whether an earlier attempt may have left something behind: the destination is asked before anything is made.
    pub in_doubt: bool,
    /// Who delivered it: `nexus` or `peer`.
    pub origin: Origin,
}

/// One upload log row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadLine {
    /// Destination.
    pub destination: String,
    /// Whether it worked.
    pub success: bool,
    /// When; empty if what is stored is no time.
    pub timestamp: String,
    /// Remote id.
    pub record_id: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
}

/// One event of a session's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// When (UTC).
    pub at: String,
    /// What.
    pub kind: String,
    /// Details.
    pub detail: Option<String>,
}

/// One session's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionStory {
    /// The session.
    #[serde(flatten)]
    pub line: SessionLine,
    /// Files in its record.
    pub file_count: Option<i64>,
    /// When its record was built (UTC).
    pub built_at: Option<String>,
    /// Hash of the record's content.
    pub content_sha256: Option<String>,
    /// Whether a rebuild was asked for.
    pub rebuild_requested: bool,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryLine>,
    /// Every upload tried.
    pub uploads: Vec<UploadLine>,
    /// What happened.
    pub events: Vec<EventLine>,
}

/// The session of a record, by the record's name or the name of its file.
///
/// # Errors
/// The database cannot be read.
pub fn session_of_record(conn: &Connection, name: &str) -> rusqlite::Result<Option<SessionId>> {
    let stem = stem(name);
    let named = conn
        .query_row("SELECT session_identifier FROM nexus_session WHERE record_name = ?1", [stem], |row| {
            row.get(0)
        })
        .optional()?;
    if named.is_some() {
        return Ok(named);
    }
    session_of_stem(
        conn,
        name,
        "SELECT s.session_identifier, s.instrument FROM session_log s
           LEFT JOIN nexus_session n ON n.session_identifier = s.session_identifier
          WHERE s.event_type = 'START' AND substr(s.timestamp, 1, 10) = ?1 AND n.record_name IS NULL",
    )
}

/// The session whose record would have this name: nobody has noted the names of the records that NexusLIMS delivered, but
/// they follow from the session. `of_a_day` selects the sessions that began on a day, and their instruments.
///
/// # Errors
/// The database cannot be read.
pub(crate) fn session_of_stem(
    conn: &Connection,
    name: &str,
    of_a_day: &str,
) -> rusqlite::Result<Option<SessionId>> {
    let stem = stem(name);
    let Some((date, day)) = stem.get(..10).and_then(|date| Some((date.parse().ok()?, date))) else {
        return Ok(None);
    };
    let mut statement = conn.prepare(of_a_day)?;
    let of_that_day = statement.query_map([day], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    for row in of_that_day {
        let (id, pid) = row?;
        if record_name(date, &pid.as_str().into(), &id) == stem {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The name of a record, of which a path, or the name of its file, may be given.
fn stem(name: &str) -> &str {
    let stem = name.rsplit('/').next().unwrap_or(name);
    stem.strip_suffix(".xml").unwrap_or(stem)
}

type Facts = (Option<i64>, Option<String>, Option<String>, bool);

/// One session's story; `None` if there is no such session.
///
/// # Errors
/// The database cannot be read.
pub fn story(conn: &Connection, id: &SessionId) -> Result<Option<SessionStory>, OverviewError> {
    let stored = conn
        .query_row(
            &format!("{LINE} AND s.session_identifier = ?1 ORDER BY s.id_session_log LIMIT 1"),
            [id],
            line,
        )
        .optional()?;
    let found = match stored {
        Some(found) => Some(found),
        None => conn.query_row(&format!("{OPEN} AND session_identifier = ?1"), [id], open_line).optional()?,
    };
    let Some(line) = found else { return Ok(None) };
    let facts: Option<Facts> = conn
        .query_row(
            "SELECT file_count, built_at, content_sha256, rebuild_requested FROM nexus_session
              WHERE session_identifier = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let (file_count, built_at, content_sha256, rebuild_requested) = facts.unwrap_or_default();
    Ok(Some(SessionStory {
        line,
        file_count,
        built_at,
        content_sha256,
        rebuild_requested,
        deliveries: table::of_session(conn, id)?.into_iter().map(DeliveryLine::from).collect(),
        uploads: UploadLog::of_session(conn, id)?.rows.into_iter().map(UploadLine::from).collect(),
        events: event::of_session(conn, id)?.into_iter().map(EventLine::from).collect(),
    }))
}

impl From<Delivery> for DeliveryLine {
    fn from(row: Delivery) -> Self {
        Self {
            destination: row.destination.to_string(),
            state: row.state,
            held_for: row.held_for,
            attempt: row.attempt,
            tried_at: row.intent_at.map(|at| UtcTime::new(at).to_string()),
            remote_id: row.remote_id,
            remote_url: row.remote_url,
            failure_class: row.failure_class,
            failure_text: row.failure_text,
            not_before: row.not_before.map(|at| UtcTime::new(at).to_string()),
            in_doubt: row.absent_after.is_some(),
            origin: row.origin,
        }
    }
}

impl DeliveryLine {
    /// When it is tried again, or what it waits for; `None`: nothing more is to happen. `configured`: whether
    /// the configuration names its destination.
    pub fn next(&self, configured: bool) -> Option<String> {
        match (self.state, self.held_for) {
            (State::Delivered | State::NotWanted, _) => None,
            _ if !configured => Some("never: its destination is not configured".to_owned()),
            (State::Due, _) => Some(match &self.not_before {
                Some(at) => format!("next run after {at} (UTC)"),
                None => "next run".to_owned(),
            }),
            (State::InFlight, _) => Some("under way, or asked about by the next run".to_owned()),
            (State::Held, Some(Hold::After)) => Some("after the destinations it links to".to_owned()),
            (State::Held, Some(Hold::Moved)) => Some("if `nexus export backfill` asks for it".to_owned()),
            (State::Held, _) => Some("if `nexus adopt --deliver-missing` asks for it".to_owned()),
            (State::Failed, _) => {
                Some("when the configuration or the record changes, or by `nexus export retry`".to_owned())
            }
            (State::Unknown, _) => {
                Some("look there, then `nexus export retry` or `nexus export forget`".to_owned())
            }
        }
    }
}

impl From<UploadLog> for UploadLine {
    fn from(row: UploadLog) -> Self {
        Self {
            destination: row.destination.to_string(),
            success: row.success,
            timestamp: row.timestamp.map(|at| at.to_string()).unwrap_or_default(),
            record_id: row.record_id,
            error_message: row.error_message,
        }
    }
}

impl From<Event> for EventLine {
    fn from(event: Event) -> Self {
        Self { at: event.at.to_string(), kind: event.note.kind, detail: event.note.detail }
    }
}
