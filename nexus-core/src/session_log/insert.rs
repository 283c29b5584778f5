//! Putting rows into `session_log`, again and again if need be.
//!
//! A session is known by its identifier. While it is open (TO_BE_BUILT or WAITING_FOR_END) a source may
//! revise its times, its user and its instrument, and all its rows change together: a user that stood in one
//! row only would keep NexusLIMS from pairing them. Once it is settled nothing is revised here.

use rusqlite::{Connection, Row, Transaction, params};

use super::{SessionLog, SessionLogError};
use crate::clock::Clock;
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instrument;
use crate::session::{EventType, RecordStatus, move_status, record_may_exist};
use crate::timestamp::Timestamp;

/// The user that RECORD_GENERATION rows carry; NexusLIMS writes the same.
const BUILDER: &str = "nexuslims";

/// How an insertion ended. In every case the session is in the table; only `Kept` says that what was given
/// is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    Inserted,
    /// It was there with the same values; nothing changed.
    AlreadyThere,
    /// It was there with other values, which were replaced.
    Revised,
    /// It was there with other values and stays as it was: it is settled, or a record of it may exist.
    Kept,
}

impl Stored {
    /// True, always: nobody needs to try again. Kept for callers who know the answer of NexusLIMS.
    pub fn is_stored(self) -> bool {
        true
    }

    /// Whether the table was changed.
    pub fn is_changed(self) -> bool {
        matches!(self, Self::Inserted | Self::Revised)
    }
}

/// A session that has ended, as a harvester tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Names it for ever.
    pub identifier: SessionId,
    /// Where it happened.
    pub instrument: InstrumentPid,
    /// Who used the instrument, if known. If not, a user that is stored stays.
    pub user: Option<String>,
    /// When it started.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
}

/// A row as stored; its time or its user may be unreadable, and is then revised like any other. One whose status
/// nobody knows counts as settled: whoever wrote it decides.
struct Existing {
    instrument: InstrumentPid,
    time: Option<Timestamp>,
    event: EventType,
    status: Option<RecordStatus>,
    user: Option<String>,
}

impl NewSession {
    /// Stores the START and the END row together, TO_BE_BUILT.
    ///
    /// | the session in the table | what happens | answer |
    /// |---|---|---|
    /// | not there | both rows are added | `Inserted` |
    /// | there, the same | nothing | `AlreadyThere` |
    /// | open, other times, user or instrument | all its rows are revised | `Revised` |
    /// | open, one row is missing, or WAITING_FOR_END | it is completed and becomes TO_BE_BUILT | `Revised` |
    /// | settled, other values | nothing, with a warning | `Kept` |
    /// | not there (or waiting), but a record of it may exist | nothing, with a warning | `Kept` |
    pub fn insert(&self, tx: &Transaction<'_>) -> Result<Stored, SessionLogError> {
        let rows = existing(tx, &self.identifier)?;
        if rows.is_empty() {
            if record_may_exist(tx, &self.identifier)? {
                return Ok(self.keep("its rows are gone, but a record of it may exist"));
            }
            require_names(tx, &self.identifier, &self.instrument)?;
            self.add(tx, EventType::Start, RecordStatus::ToBeBuilt)?;
            self.add(tx, EventType::End, RecordStatus::ToBeBuilt)?;
            return Ok(Stored::Inserted);
        }
        let start = last(&rows, EventType::Start);
        let end = last(&rows, EventType::End);
        let same = start.is_some_and(|row| row.agrees(&self.instrument, self.user.as_deref(), &self.start))
            && end.is_some_and(|row| row.agrees(&self.instrument, self.user.as_deref(), &self.end));
        if rows.iter().any(|row| !row.is_open()) {
            return Ok(if same { Stored::AlreadyThere } else { self.keep("it is settled") });
        }
        let waiting = rows.iter().any(|row| row.status == Some(RecordStatus::WaitingForEnd));
        if same && !waiting {
            return Ok(Stored::AlreadyThere);
        }
        if waiting && record_may_exist(tx, &self.identifier)? {
            return Ok(self.keep("a record of it may exist"));
        }
        require_names(tx, &self.identifier, &self.instrument)?;
        tracing::warn!(session = %self.identifier, "session was stored already: its rows are revised");
        let status = if waiting { RecordStatus::WaitingForEnd } else { RecordStatus::ToBeBuilt };
        for (event, row) in [(EventType::Start, start), (EventType::End, end)] {
            if row.is_none() {
                self.add(tx, event, status)?;
            }
        }
        let user = self.user.as_deref().or(user_of(&rows));
        revise_session(tx, &self.identifier, &self.instrument, user)?;
        revise_time(tx, &self.identifier, EventType::Start, &self.start)?;
        revise_time(tx, &self.identifier, EventType::End, &self.end)?;
        if waiting {
            end_waiting(tx, &self.identifier)?;
        }
        Ok(Stored::Revised)
    }

    /// Gives all rows of a session that is settled these times, this user and this instrument; its status stays. For a
    /// session whose usage event was changed, in the transaction that settles anew what becomes of it.
    pub fn replace(&self, tx: &Transaction<'_>) -> Result<(), SessionLogError> {
        require_names(tx, &self.identifier, &self.instrument)?;
        revise_session(tx, &self.identifier, &self.instrument, self.user.as_deref())?;
        revise_time(tx, &self.identifier, EventType::Start, &self.start)?;
        revise_time(tx, &self.identifier, EventType::End, &self.end)
    }

    fn add(
        &self,
        tx: &Transaction<'_>,
        event: EventType,
        status: RecordStatus,
    ) -> Result<(), SessionLogError> {
        let timestamp = if event == EventType::Start { self.start } else { self.end };
        let log = SessionLog {
            id: None,
            session_identifier: self.identifier.clone(),
            instrument: self.instrument.clone(),
            timestamp,
            event_type: event,
            record_status: status,
            user: self.user.clone(),
        };
        log.add(tx).map(|_| ())
    }

    fn keep(&self, why: &str) -> Stored {
        tracing::warn!(session = %self.identifier, "session stays as it is stored: {why}");
        Stored::Kept
    }
}

/// Ends a session that another program began: adds its END row (or revises it), and makes it TO_BE_BUILT. The
/// user is taken over if one is given. A session that is settled is kept as it is.
pub fn close(
    tx: &Transaction<'_>,
    session: &SessionId,
    end: &Timestamp,
    user: Option<&str>,
) -> Result<Stored, SessionLogError> {
    let rows = existing(tx, session)?;
    let start =
        last(&rows, EventType::Start).ok_or_else(|| SessionLogError::NeverStarted(session.clone()))?;
    let user = user.map(str::to_owned).or_else(|| start.user.clone());
    let identifier = session.clone();
    let instrument = start.instrument.clone();
    let Some(start) = start.time else {
        // An unreadable start must not keep the session from being closed; the pairing reports it.
        let log = SessionLog {
            id: None,
            session_identifier: identifier,
            instrument,
            timestamp: *end,
            event_type: EventType::End,
            record_status: RecordStatus::ToBeBuilt,
            user,
        };
        return log.insert(tx);
    };
    NewSession { identifier, instrument, user, start, end: *end }.insert(tx)
}

impl SessionLog {
    /// Stores one row. Its key is the session and the event type: a second row of the kind is never added.
    ///
    /// | the row in the table | what happens | answer |
    /// |---|---|---|
    /// | not there | it is added with the status given | `Inserted` |
    /// | there, the same | nothing | `AlreadyThere` |
    /// | other time, user or instrument, open | its time is replaced, user and instrument in all rows of the session; the status stays | `Revised` |
    /// | other values, settled | nothing, with a warning | `Kept` |
    /// | not there, but the session is settled or a record of it may exist | nothing, with a warning | `Kept` |
    ///
    /// An END row that is TO_BE_BUILT also ends the session, if its START row is WAITING_FOR_END.
    /// A START row that is TO_BE_BUILT without its END row stops NexusLIMS: prefer [`NewSession::insert`].
    pub fn insert(&self, tx: &Transaction<'_>) -> Result<Stored, SessionLogError> {
        if self.event_type == EventType::RecordGeneration {
            return self.insert_generation_once(tx);
        }
        let rows = existing(tx, &self.session_identifier)?;
        let settled = rows.iter().any(|row| !row.is_open());
        if let Some(row) = last(&rows, self.event_type) {
            if row.agrees(&self.instrument, self.user.as_deref(), &self.timestamp) {
                tracing::warn!(
                    session = %self.session_identifier,
                    "{} row is there already", self.event_type
                );
                return Ok(Stored::AlreadyThere);
            }
            if settled {
                return Ok(self.keep("the session is settled"));
            }
            require_names(tx, &self.session_identifier, &self.instrument)?;
            tracing::warn!(session = %self.session_identifier, "{} row is revised", self.event_type);
            revise_session(tx, &self.session_identifier, &self.instrument, self.user.as_deref())?;
            revise_time(tx, &self.session_identifier, self.event_type, &self.timestamp)?;
            return Ok(Stored::Revised);
        }
        if settled {
            return Ok(self.keep("the session is settled"));
        }
        if self.record_status.is_open() && record_may_exist(tx, &self.session_identifier)? {
            return Ok(self.keep("a record of it may exist"));
        }
        require_names(tx, &self.session_identifier, &self.instrument)?;
        self.add(tx)?;
        if !rows.is_empty() {
            let user = self.user.as_deref().or(user_of(&rows));
            revise_session(tx, &self.session_identifier, &self.instrument, user)?;
        }
        let waiting =
            last(&rows, EventType::Start).is_some_and(|row| row.status == Some(RecordStatus::WaitingForEnd));
        if waiting && self.event_type == EventType::End && self.record_status == RecordStatus::ToBeBuilt {
            end_waiting(tx, &self.session_identifier)?;
        }
        Ok(Stored::Inserted)
    }

    /// Adds a RECORD_GENERATION row: the builder as its user, now in the system's zone as its time, and
    /// WAITING_FOR_END until the session's status changes. Returns the row.
    pub fn insert_record_generation(
        tx: &Transaction<'_>,
        session: &SessionId,
        instrument: &InstrumentPid,
        clock: &dyn Clock,
    ) -> Result<SessionLog, SessionLogError> {
        let log = Self {
            id: None,
            session_identifier: session.clone(),
            instrument: instrument.clone(),
            timestamp: Timestamp::from_fixed(clock.now_local()),
            event_type: EventType::RecordGeneration,
            record_status: RecordStatus::WaitingForEnd,
            user: Some(BUILDER.to_owned()),
        };
        let id = log.add(tx)?;
        Ok(Self { id: Some(id), ..log })
    }

    /// RECORD_GENERATION rows are many per session; the same one is not added twice.
    fn insert_generation_once(&self, tx: &Transaction<'_>) -> Result<Stored, SessionLogError> {
        let rows = select_existing(tx, &self.session_identifier, true)?;
        let same = |row: &Existing| row.agrees(&self.instrument, self.user.as_deref(), &self.timestamp);
        if rows.iter().any(same) {
            return Ok(Stored::AlreadyThere);
        }
        self.add(tx)?;
        Ok(Stored::Inserted)
    }

    fn add(&self, tx: &Transaction<'_>) -> Result<i64, SessionLogError> {
        tx.prepare_cached(
            "INSERT INTO session_log
                 (session_identifier, instrument, timestamp, event_type, record_status, user)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            statement.insert(params![
                self.session_identifier,
                self.instrument,
                self.timestamp,
                self.event_type,
                self.record_status,
                self.user,
            ])
        })
        .map_err(SessionLogError::database(format!(
            "add the {} row of session `{}`",
            self.event_type, self.session_identifier
        )))
    }

    fn keep(&self, why: &str) -> Stored {
        tracing::warn!(session = %self.session_identifier, "{} row is not stored: {why}", self.event_type);
        Stored::Kept
    }
}

impl Existing {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            instrument: row.get(0).unwrap_or_else(|_| "".into()),
            time: row.get(1).ok(),
            event: row.get(2)?,
            status: row.get(3).ok(),
            user: row.get(4).unwrap_or_default(),
        })
    }

    fn is_open(&self) -> bool {
        self.status.is_some_and(RecordStatus::is_open)
    }

    fn agrees(&self, instrument: &InstrumentPid, user: Option<&str>, time: &Timestamp) -> bool {
        self.instrument == *instrument
            && (user.is_none() || self.user.as_deref() == user)
            && self.time.is_some_and(|stored| stored.same_time(time))
    }
}

fn existing(connection: &Connection, session: &SessionId) -> Result<Vec<Existing>, SessionLogError> {
    select_existing(connection, session, false)
}

fn select_existing(
    connection: &Connection,
    session: &SessionId,
    generations: bool,
) -> Result<Vec<Existing>, SessionLogError> {
    connection
        .prepare_cached(
            "SELECT instrument, timestamp, event_type, record_status, user FROM session_log
             WHERE session_identifier = ?1 AND event_type IN ('START', 'END', 'RECORD_GENERATION')
               AND (event_type = 'RECORD_GENERATION') = ?2
             ORDER BY id_session_log",
        )
        .and_then(|mut statement| {
            statement.query_map(params![session, generations], Existing::read)?.collect()
        })
        .map_err(SessionLogError::database(format!("read the rows of session `{session}`")))
}

/// The row that counts, of several: the last one, as in the pairing.
fn last(rows: &[Existing], event: EventType) -> Option<&Existing> {
    rows.iter().rev().find(|row| row.event == event)
}

/// The user of the session as it is stored: the START row's, else the END row's.
fn user_of(rows: &[Existing]) -> Option<&str> {
    let user = |event| last(rows, event).and_then(|row| row.user.as_deref());
    user(EventType::Start).or_else(|| user(EventType::End))
}

fn require_names(
    tx: &Transaction<'_>,
    session: &SessionId,
    instrument: &InstrumentPid,
) -> Result<(), SessionLogError> {
    if session.as_str().trim().is_empty() {
        return Err(SessionLogError::NoIdentifier(instrument.clone()));
    }
    let known = Instrument::is_known(tx, instrument)
        .map_err(SessionLogError::database(format!("look for instrument `{instrument}`")))?;
    if known {
        Ok(())
    } else {
        Err(SessionLogError::UnknownInstrument { session: session.clone(), instrument: instrument.clone() })
    }
}

fn revise_session(
    tx: &Transaction<'_>,
    session: &SessionId,
    instrument: &InstrumentPid,
    user: Option<&str>,
) -> Result<(), SessionLogError> {
    tx.prepare_cached(
        "UPDATE session_log SET instrument = ?2,
             user = CASE WHEN event_type = 'RECORD_GENERATION' THEN user ELSE coalesce(?3, user) END
         WHERE session_identifier = ?1",
    )
    .and_then(|mut statement| statement.execute(params![session, instrument, user]))
    .map(|_| ())
    .map_err(SessionLogError::database(format!("revise session `{session}`")))
}

fn revise_time(
    tx: &Transaction<'_>,
    session: &SessionId,
    event: EventType,
    time: &Timestamp,
) -> Result<(), SessionLogError> {
    tx.prepare_cached(
        "UPDATE session_log SET timestamp = ?3 WHERE session_identifier = ?1 AND event_type = ?2",
    )
    .and_then(|mut statement| statement.execute(params![session, event, time]))
    .map(|_| ())
    .map_err(SessionLogError::database(format!("revise the {event} row of session `{session}`")))
}

fn end_waiting(tx: &Transaction<'_>, session: &SessionId) -> Result<(), SessionLogError> {
    let moved = move_status(tx, session, RecordStatus::WaitingForEnd, RecordStatus::ToBeBuilt)?;
    if !moved.is_moved() {
        // Inside one transaction nobody else can have changed what was just read.
        tracing::error!(session = %session, ?moved, "session did not become TO_BE_BUILT");
    }
    Ok(())
}
