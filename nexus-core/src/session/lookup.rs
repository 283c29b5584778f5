//! One session, by its identifier.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _};

use super::{BrokenSession, Candidate, EventType, RecordStatus, Session, SessionError, WhyBroken};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::session_log::{SessionLog, SessionLogError};
use crate::session_state::RevisedEvent;
use crate::unreadable::{UNREADABLE, UnreadableRow, value_problem};

/// The status of a session: that of its START row with the largest number, else of any of its rows. `None` if
/// the session log does not know it.
pub fn status_of(connection: &Connection, session: &SessionId) -> Result<Option<RecordStatus>, SessionError> {
    connection
        .prepare_cached(
            "SELECT record_status FROM session_log WHERE session_identifier = ?1
              ORDER BY event_type = 'START' DESC, id_session_log DESC LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row([session], |row| row.get(0)).optional())
        .map_err(SessionError::database(format!("read the status of session `{session}`")))
}

/// How many sessions have which status, as [`status_of`] tells it: each counts once, though its rows may differ. A status
/// that nobody knows is one of its own, and so are all that cannot be read.
pub fn counts(connection: &Connection) -> Result<BTreeMap<String, u64>, SessionError> {
    let failed = || SessionError::database("count the sessions");
    let mut statement = connection
        .prepare_cached(
            "SELECT record_status, count(*) FROM session_log WHERE id_session_log IN (
                 SELECT coalesce(max(iif(event_type = 'START', id_session_log, NULL)), max(id_session_log))
                   FROM session_log GROUP BY session_identifier)
              GROUP BY record_status",
        )
        .map_err(failed())?;
    let mut counts = BTreeMap::new();
    let odd = |_| UNREADABLE.to_owned();
    let rows = statement
        .query_map([], |row| Ok((row.get(0).unwrap_or_else(odd), row.get::<_, i64>(1)?.unsigned_abs())))
        .map_err(failed())?;
    for row in rows {
        let (status, count) = row.map_err(failed())?;
        *counts.entry(status).or_default() += count;
    }
    Ok(counts)
}

/// The status as [`status_of`] tells it, and `None` as well where it is none that anybody knows: a run must not end with one
/// odd row.
pub fn known_status_of(
    connection: &Connection,
    session: &SessionId,
) -> Result<Option<RecordStatus>, SessionError> {
    match status_of(connection, session) {
        Err(SessionError::Database { what, source }) => match value_problem(&source) {
            Some(why) => {
                tracing::warn!("{what}: {why}");
                Ok(None)
            }
            None => Err(SessionError::Database { what, source }),
        },
        other => other,
    }
}

/// All sessions of a status, by identifier; without those whose identifier is no text.
pub fn with_status(connection: &Connection, status: RecordStatus) -> Result<Vec<SessionId>, SessionError> {
    connection
        .prepare_cached(
            "SELECT DISTINCT session_identifier FROM session_log
              WHERE event_type = 'START' AND record_status = ?1 ORDER BY session_identifier",
        )
        .and_then(|mut statement| {
            let found: Vec<Option<SessionId>> =
                statement.query_map([status], |row| Ok(row.get(0).ok()))?.collect::<Result<_, _>>()?;
            Ok(found.into_iter().flatten().collect())
        })
        .map_err(SessionError::database(format!("read the sessions that are {status}")))
}

/// A session, whatever its status: `None` if its rows do not make one (no START, no END, an unreadable time,
/// an unknown instrument or zone).
pub fn load(
    connection: &Connection,
    session: &SessionId,
    instruments: &Instruments,
) -> Result<Option<Session>, SessionLogError> {
    Ok(load_or_why(connection, session, instruments)?.ok())
}

/// The same, with what is wrong with the rows if they do not make a session.
pub fn load_or_why(
    connection: &Connection,
    session: &SessionId,
    instruments: &Instruments,
) -> Result<Result<Session, WhyBroken>, SessionLogError> {
    let logs = SessionLog::of_session(connection, instruments, session)?;
    let last = |event: EventType| {
        let last = logs.rows.iter().filter(|log| log.event_type == event).max_by_key(|log| log.id);
        // Which half an unreadable row is cannot always be told: it may be this one.
        last.ok_or_else(|| match logs.unreadable.first() {
            Some(row) => WhyBroken::Unreadable(UnreadableRow { session: None, ..row.clone() }),
            None => WhyBroken::Missing(event),
        })
    };
    let (start, end) = match (last(EventType::Start), last(EventType::End)) {
        (Ok(start), Ok(end)) => (start, end),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
    };
    let Some(instrument) = instruments.get(&start.instrument) else {
        return Ok(Err(WhyBroken::UnknownInstrument(start.instrument.clone())));
    };
    let zone = match instrument.timezone() {
        Ok(zone) => zone,
        Err(zone) => return Ok(Err(WhyBroken::UnknownZone { instrument: instrument.pid.clone(), zone })),
    };
    Ok(Ok(Session {
        identifier: session.clone(),
        instrument: instrument.clone(),
        zone,
        user: start.user.clone().or_else(|| end.user.clone()),
        start: start.timestamp,
        end: end.timestamp,
    }))
}

/// The instant a session ended; `None` if the session log has no END row of it that can be read.
pub fn ended_at(
    connection: &Connection,
    session: &SessionId,
    instruments: &Instruments,
) -> Result<Option<DateTime<Utc>>, SessionLogError> {
    Ok(load(connection, session, instruments)?.map(|session| session.ended_at()))
}

/// The session that a row of the session log belongs to, as [`load`].
pub fn at_row(
    connection: &Connection,
    row: i64,
    instruments: &Instruments,
) -> Result<Option<Session>, SessionLogError> {
    let identifier: Option<SessionId> = connection
        .prepare_cached("SELECT session_identifier FROM session_log WHERE id_session_log = ?1")
        .and_then(|mut statement| statement.query_row([row], |row| row.get(0)).optional())
        .map_err(SessionError::database(format!("read row {row} of session_log")))?;
    identifier.map_or(Ok(None), |identifier| load(connection, &identifier, instruments))
}

/// Tells the sessions that have a record and for which somebody asked for a new one, by identifier.
///
/// One that is to follow its usage event is told as that says; its rows, and the status of all of them, stay what they
/// are until the new record is committed. None of them is told by
/// [`each_to_build`](super::each_to_build) as one that can be built.
pub fn each_to_rebuild(
    connection: &Connection,
    instruments: &Instruments,
    tell: &mut dyn FnMut(Candidate),
) -> Result<(), SessionLogError> {
    let reading = || SessionError::database("read the sessions that are to be rebuilt");
    let mut statement = connection
        .prepare_cached(
            "SELECT session_identifier, instrument_pid,
                    (SELECT MIN(id_session_log) FROM session_log s WHERE s.session_identifier = n.session_identifier
                        AND s.event_type IN ('START', 'END') AND s.record_status IS NOT NULL),
                    iif(rebuild_requested & 2, pending_revision, NULL)
               FROM nexus_session n
              WHERE rebuild_requested <> 0
                AND EXISTS (SELECT 1 FROM session_log s WHERE s.session_identifier = n.session_identifier
                             AND s.event_type IN ('START', 'END')
                             AND s.record_status IN ('COMPLETED', 'BUILT_NOT_EXPORTED'))
              ORDER BY session_identifier",
        )
        .map_err(reading())?;
    let mut rows = statement.query([]).map_err(reading())?;
    while let Some(row) = rows.next().map_err(reading())? {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (identifier, instrument, row, revision): (SessionId, InstrumentPid, i64, Option<String>) =
            read().map_err(reading())?;
        let follow = |session: Session| match revision.as_deref().and_then(RevisedEvent::parse) {
            Some(event) => event.applied_to(session, instruments),
            None => Ok(session),
        };
        let session = load_or_why(connection, &identifier, instruments)?.and_then(follow);
        let session = session.map_err(|why| BrokenSession { identifier, instrument, why });
        tell(Candidate { row, session });
    }
    Ok(())
}
