//! START and END rows become sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row};

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

/// A START or END row, its time not yet read. There are two for every session of a backlog: what they share is
/// held once.
#[derive(Debug, Clone)]
struct Half {
    row: i64,
    instrument: Rc<InstrumentPid>,
    user: Option<Rc<str>>,
    time: Result<Timestamp, String>,
}

/// The rows of one session: for each half the one with the largest row id.
#[derive(Debug, Default)]
struct Halves {
    start: Option<Half>,
    end: Option<Half>,
    /// The identifier itself is no text, so that nothing could be asked or written under it.
    odd: Option<Box<UnreadableRow>>,
}

/// The sessions that are TO_BE_BUILT, START and END paired by session identifier.
///
/// Of several START or END rows the one with the largest row id counts, with a warning. The users of the two
/// rows need not agree. A session whose rows are broken is reported and does not keep the others from being
/// built. One pass over the table, in the database; only rows to be built come into memory.
pub fn sessions_to_build(
    connection: &Connection,
    instruments: &Instruments,
) -> Result<ToBuild, SessionError> {
    let candidates = read_candidates(connection)
        .map_err(SessionError::database("read the sessions that are TO_BE_BUILT"))?;
    let mut found = ToBuild::default();
    for (identifier, halves) in candidates {
        let its_instrument = halves.instrument();
        let other = read_other_status(connection, &identifier)
            .map_err(SessionError::database(format!("read the rows of session `{identifier}`")))?;
        match pair(&identifier, halves, other, instruments) {
            Ok(session) => found.sessions.push(session),
            Err(why) => {
                let instrument = its_instrument.map_or_else(|| "".into(), |pid| (*pid).clone());
                found.broken.push(BrokenSession { identifier, instrument, why });
            }
        }
    }
    // They come by identifier, and the sort is stable.
    found.sessions.sort_by_cached_key(Session::ended_at);
    Ok(found)
}

impl Halves {
    fn instrument(&self) -> Option<Rc<InstrumentPid>> {
        self.start.as_ref().or(self.end.as_ref()).map(|half| Rc::clone(&half.instrument))
    }
}

fn pair(
    identifier: &SessionId,
    halves: Halves,
    other: Option<WhyBroken>,
    instruments: &Instruments,
) -> Result<Session, WhyBroken> {
    if let Some(odd) = halves.odd {
        return Err(WhyBroken::Unreadable(*odd));
    }
    if identifier.as_str().trim().is_empty() {
        let row = |half: &Option<Half>| half.as_ref().map_or(0, |half| half.row);
        return Err(WhyBroken::NoIdentifier { start: row(&halves.start), end: row(&halves.end) });
    }
    if let Some(why) = other {
        return Err(why);
    }
    let start = halves.start.ok_or(WhyBroken::Missing(EventType::Start))?;
    let end = halves.end.ok_or(WhyBroken::Missing(EventType::End))?;
    if start.instrument != end.instrument {
        let [start, end] = [start, end].map(|half| half.instrument.as_ref().clone());
        return Err(WhyBroken::TwoInstruments { start, end });
    }
    let pid = start.instrument.as_ref();
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
        user: start.user.or(end.user).map(|user| (*user).to_owned()),
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
pub(super) const CANDIDATES: &str =
    "SELECT id_session_log, session_identifier, instrument, timestamp, user, event_type = 'START'
     FROM session_log
     WHERE record_status = 'TO_BE_BUILT' AND event_type IN ('START', 'END')
     ORDER BY id_session_log";

fn read_candidates(connection: &Connection) -> rusqlite::Result<BTreeMap<SessionId, Halves>> {
    let mut statement = connection.prepare_cached(CANDIDATES)?;
    let mut found = BTreeMap::<SessionId, Halves>::new();
    let (mut instruments, mut users) = (BTreeSet::<Rc<InstrumentPid>>::new(), BTreeSet::<Rc<str>>::new());
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let identifier = SessionId::new(lossy(row, 1)?);
        let half = Half {
            row: row.get(0)?,
            instrument: one_of(&mut instruments, Rc::new(InstrumentPid::new(lossy(row, 2)?))),
            time: match row.get(3) {
                Ok(time) => Ok(time),
                Err(error) => Err(value_problem(&error).ok_or(error)?),
            },
            user: row
                .get_ref(4)?
                .as_bytes_or_null()
                .ok()
                .flatten()
                .map(|user| one_of(&mut users, Rc::from(text(user)))),
        };
        let halves = found.entry(identifier).or_default();
        if let Err(error) = row.get::<_, SessionId>(1) {
            let why = value_problem(&error).ok_or(error)?;
            let odd = UnreadableRow { table: "session_log", row: half.row, session: None, why };
            halves.odd = Some(Box::new(odd));
        }
        let (slot, event) = if row.get(5)? {
            (&mut halves.start, EventType::Start)
        } else {
            (&mut halves.end, EventType::End)
        };
        if let Some(earlier) = slot.replace(half) {
            tracing::warn!(
                session = %lossy(row, 1)?,
                row = row.get::<_, i64>(0)?,
                instead_of = earlier.row,
                "several {event} rows: the last one counts"
            );
        }
    }
    Ok(found)
}

/// The one that is known already, if any.
fn one_of<T: Ord + ?Sized>(known: &mut BTreeSet<Rc<T>>, new: Rc<T>) -> Rc<T> {
    if let Some(known) = known.get(&new) {
        return Rc::clone(known);
    }
    known.insert(Rc::clone(&new));
    new
}

/// The last START or END row of a session that is not TO_BE_BUILT. One look-up for each session to be built:
/// nearly always far cheaper than a second pass over the table.
fn read_other_status(connection: &Connection, session: &SessionId) -> rusqlite::Result<Option<WhyBroken>> {
    let mut statement = connection.prepare_cached(
        "SELECT event_type = 'START', id_session_log, record_status FROM session_log
         WHERE session_identifier = ?1 AND event_type IN ('START', 'END') AND record_status <> 'TO_BE_BUILT'
         ORDER BY id_session_log DESC LIMIT 1",
    )?;
    let found = statement.query_row([session], |row| {
        let event = if row.get(0)? { EventType::Start } else { EventType::End };
        Ok(WhyBroken::OtherStatus { event, row: row.get(1)?, status: lossy(row, 2)? })
    });
    found.optional()
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
