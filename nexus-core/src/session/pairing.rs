//! START and END rows become sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::{EventType, Session, SessionError};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::timestamp::Timestamp;
use crate::unreadable::{UnreadableRow, value_problem};
use crate::zone::UnknownZone;

/// What is to be built, and what cannot be.
#[derive(Debug, Clone, Default)]
pub struct ToBuild {
    /// Sessions, by the instant of their end, then by identifier.
    pub sessions: Vec<Session>,
    /// Sessions that are TO_BE_BUILT and that somebody must put right first, by identifier.
    pub broken: Vec<BrokenSession>,
}

/// A session whose rows do not make a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("session `{identifier}` cannot be built: {why}")]
pub struct BrokenSession {
    /// The session.
    pub identifier: SessionId,
    /// Its instrument, as the rows say.
    pub instrument: InstrumentPid,
    /// What is wrong.
    #[source]
    pub why: WhyBroken,
}

/// What is wrong with the rows of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyBroken {
    /// Rows of nobody's session, as a program wrote that knew no identifier.
    #[error(
        "rows {start} and {end} of session_log have an empty session identifier; give each session its own"
    )]
    NoIdentifier {
        /// The START row, 0 if there is none.
        start: i64,
        /// The END row, 0 if there is none.
        end: i64,
    },
    /// Half of it is missing.
    #[error("it has no {0} row")]
    Missing(EventType),
    /// Half of it has another status.
    #[error("its {event} row {row} is {status}, not TO_BE_BUILT")]
    OtherStatus {
        /// The half.
        event: EventType,
        /// Its row in `session_log`.
        row: i64,
        /// The status found, which may be none that is known.
        status: String,
    },
    /// START and END name two instruments.
    #[error("its START row names instrument `{start}`, its END row `{end}`")]
    TwoInstruments {
        /// Instrument of the START row.
        start: InstrumentPid,
        /// Instrument of the END row.
        end: InstrumentPid,
    },
    /// A value is not what it should be.
    #[error("{0}")]
    Unreadable(UnreadableRow),
    /// It ends before it starts.
    #[error("it ends ({end}, row {end_row}) before it starts ({start}, row {start_row})")]
    EndsBeforeStart {
        /// Start, as stored.
        start: Timestamp,
        /// End, as stored.
        end: Timestamp,
        /// The START row.
        start_row: i64,
        /// The END row.
        end_row: i64,
    },
    /// Nobody knows the instrument.
    #[error("instrument `{0}` is not in the table of instruments; add it, or correct the rows")]
    UnknownInstrument(InstrumentPid),
    /// The instrument's zone is not one.
    #[error("instrument `{instrument}` has an {zone}")]
    UnknownZone {
        /// The instrument.
        instrument: InstrumentPid,
        /// Its zone.
        zone: UnknownZone,
    },
}

/// A START or END row.
#[derive(Debug, Clone)]
struct Half {
    row: i64,
    instrument: InstrumentPid,
    user: Option<String>,
    time: Result<Timestamp, String>,
}

/// The START and END rows of one session.
#[derive(Debug, Default)]
struct Halves {
    /// Of those that are to be built the one with the largest row id.
    start: Option<Half>,
    end: Option<Half>,
    /// The first row that is to be built.
    first: Option<i64>,
    /// The last row with another status.
    other: Option<WhyBroken>,
    /// Rows of which there are several: what they are, the one that counts, the one before.
    doubled: Vec<(EventType, i64, i64)>,
}

/// A session that is to be built, by one of its rows: all that need be remembered of it to read it again.
#[derive(Debug)]
pub struct Candidate {
    /// The first of its START and END rows in `session_log`: the same before and after it is built.
    pub row: i64,
    /// The session, or why it cannot be built.
    pub session: Result<Session, BrokenSession>,
}

/// The sessions that are TO_BE_BUILT, START and END paired by session identifier.
///
/// As [`each_to_build`], all of them in memory.
pub fn sessions_to_build(
    connection: &Connection,
    instruments: &Instruments,
) -> Result<ToBuild, SessionError> {
    let mut found = ToBuild::default();
    each_to_build(connection, instruments, &mut |candidate| match candidate.session {
        Ok(session) => found.sessions.push(session),
        Err(broken) => found.broken.push(broken),
    })?;
    found.sessions.sort_by_cached_key(|session| (session.ended_at(), session.identifier.clone()));
    found.broken.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    Ok(found)
}

/// Tells the sessions that are TO_BE_BUILT one by one, in the order of their first rows.
///
/// Of several START or END rows the one with the largest row id counts, with a warning. The users of the two
/// rows need not agree. A session whose rows are broken is told as such and does not keep the others from being
/// built. One pass over the table, in the database; memory holds one session at a time.
pub fn each_to_build(
    connection: &Connection,
    instruments: &Instruments,
    tell: &mut dyn FnMut(Candidate),
) -> Result<(), SessionError> {
    let reading = SessionError::database("read the sessions that are TO_BE_BUILT");
    let mut read = || {
        let mut statement = connection.prepare_cached(CANDIDATES)?;
        let mut rows = statement.query([])?;
        let mut odd = BTreeMap::<String, BrokenSession>::new();
        // START and END nearly always follow each other.
        let mut told: Option<SessionId> = None;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let identifier = match row.get::<_, SessionId>(1) {
                Ok(identifier) => identifier,
                Err(error) => {
                    let why = value_problem(&error).ok_or(error)?;
                    let (identifier, broken) = odd_identifier(row, number, why)?;
                    odd.insert(identifier, broken);
                    continue;
                }
            };
            if told.as_ref() == Some(&identifier) {
                continue;
            }
            let halves = read_halves(connection, &identifier)?;
            if halves.first != Some(number) {
                continue;
            }
            for (event, row, instead_of) in &halves.doubled {
                tracing::warn!(
                    session = %identifier,
                    row,
                    instead_of,
                    "several {event} rows: the last one counts"
                );
            }
            let instrument = halves.instrument();
            let session = pair(&identifier, halves, instruments).map_err(|why| BrokenSession {
                identifier: identifier.clone(),
                instrument,
                why,
            });
            tell(Candidate { row: number, session });
            told = Some(identifier);
        }
        for broken in odd.into_values() {
            tell(Candidate { row: 0, session: Err(broken) });
        }
        Ok(())
    };
    read().map_err(reading)
}

/// What keeps one session from being built; `None`: nothing does, or it is not to be built.
pub fn broken(
    connection: &Connection,
    instruments: &Instruments,
    identifier: &SessionId,
) -> Result<Option<BrokenSession>, SessionError> {
    let halves = read_halves(connection, identifier)
        .map_err(SessionError::database(format!("read the rows of session `{identifier}`")))?;
    if halves.first.is_none() {
        return Ok(None);
    }
    let instrument = halves.instrument();
    let why = pair(identifier, halves, instruments).err();
    Ok(why.map(|why| BrokenSession { identifier: identifier.clone(), instrument, why }))
}

/// The identifier itself is no text, so that nothing could be asked or written under it.
fn odd_identifier(row: &Row<'_>, number: i64, why: String) -> rusqlite::Result<(String, BrokenSession)> {
    let (text, instrument) = (lossy(row, 1)?, InstrumentPid::new(lossy(row, 2)?));
    let why = WhyBroken::Unreadable(UnreadableRow { table: "session_log", row: number, session: None, why });
    let broken = BrokenSession { identifier: SessionId::new(text.clone()), instrument, why };
    Ok((text, broken))
}

impl Halves {
    fn instrument(&self) -> InstrumentPid {
        let half = self.start.as_ref().or(self.end.as_ref());
        half.map_or_else(|| "".into(), |half| half.instrument.clone())
    }
}

fn pair(identifier: &SessionId, halves: Halves, instruments: &Instruments) -> Result<Session, WhyBroken> {
    if identifier.as_str().trim().is_empty() {
        let row = |half: &Option<Half>| half.as_ref().map_or(0, |half| half.row);
        return Err(WhyBroken::NoIdentifier { start: row(&halves.start), end: row(&halves.end) });
    }
    if let Some(why) = halves.other {
        return Err(why);
    }
    let start = halves.start.ok_or(WhyBroken::Missing(EventType::Start))?;
    let end = halves.end.ok_or(WhyBroken::Missing(EventType::End))?;
    if start.instrument != end.instrument {
        let [start, end] = [start, end].map(|half| half.instrument);
        return Err(WhyBroken::TwoInstruments { start, end });
    }
    let pid = &start.instrument;
    let instrument = instruments.get(pid).ok_or_else(|| WhyBroken::UnknownInstrument(pid.clone()))?;
    let zone =
        instrument.timezone().map_err(|zone| WhyBroken::UnknownZone { instrument: pid.clone(), zone })?;
    let time = |half: &Half| {
        half.time.clone().map_err(|why| {
            WhyBroken::Unreadable(UnreadableRow { table: "session_log", row: half.row, session: None, why })
        })
    };
    let session = Session {
        identifier: identifier.clone(),
        instrument: Arc::clone(instrument),
        zone,
        start: time(&start)?,
        end: time(&end)?,
        user: start.user.or(end.user),
    };
    if session.ended_at() < session.started_at() {
        return Err(WhyBroken::EndsBeforeStart {
            start: session.start,
            end: session.end,
            start_row: start.row,
            end_row: end.row,
        });
    }
    Ok(session)
}

/// In the order of the table: the index on the identifier would be followed row by row, which takes far longer
/// than one pass when nearly all sessions are settled.
pub(super) const CANDIDATES: &str = "SELECT id_session_log, session_identifier, instrument
     FROM session_log
     WHERE record_status = 'TO_BE_BUILT' AND event_type IN ('START', 'END')
     ORDER BY id_session_log";

/// The START and END rows of a session. One look-up for each session to be built: nearly always far cheaper than
/// a second pass over the table, and nothing has to be remembered of the first.
fn read_halves(connection: &Connection, identifier: &SessionId) -> rusqlite::Result<Halves> {
    let mut statement = connection.prepare_cached(
        "SELECT id_session_log, event_type = 'START', record_status, instrument, timestamp, user FROM session_log
         WHERE session_identifier = ?1 AND event_type IN ('START', 'END') AND record_status IS NOT NULL
         ORDER BY id_session_log",
    )?;
    let mut halves = Halves::default();
    let mut rows = statement.query([identifier])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let event = if row.get(1)? { EventType::Start } else { EventType::End };
        let status = lossy(row, 2)?;
        if status != "TO_BE_BUILT" {
            halves.other = Some(WhyBroken::OtherStatus { event, row: number, status });
            continue;
        }
        halves.first.get_or_insert(number);
        let half = Half {
            row: number,
            instrument: InstrumentPid::new(lossy(row, 3)?),
            time: match row.get(4) {
                Ok(time) => Ok(time),
                Err(error) => Err(value_problem(&error).ok_or(error)?),
            },
            user: row.get_ref(5)?.as_bytes_or_null().ok().flatten().map(text),
        };
        let slot = if event == EventType::Start { &mut halves.start } else { &mut halves.end };
        if let Some(earlier) = slot.replace(half) {
            halves.doubled.push((event, number, earlier.row));
        }
    }
    Ok(halves)
}

/// A value as text whatever it is, so that one odd value does not keep the rest from being read.
fn lossy(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => text(bytes),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
