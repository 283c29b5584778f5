//! The other direction: sessions that ended in the window and are no event's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::AuditError;
use super::classes::{Place, Scope};
use super::known::{Tables, lossy};
use super::proof::Range;
use super::report::{Alone, AloneKind, Listed};
use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::session;
use crate::session_state::{EVENT_CANCELLED, EVENT_GONE, SessionState};
use crate::timestamp::Timestamp;

/// Sessions whose event is asked for by name.
const ASKED_FOR: usize = 500;

/// Who is asked for an instrument, and what the answer proves; `None`: nothing.
pub(super) struct Served {
    pub answer: usize,
    pub range: Option<Range>,
}

/// What the sessions are held against.
pub(super) struct Against<'a> {
    pub scope: &'a Scope<'a>,
    /// The sessions that are some event's.
    pub claimed: &'a HashMap<SessionId, Place>,
    /// The instruments that are asked about.
    pub served: &'a BTreeMap<InstrumentPid, Served>,
    /// The instruments that no harvester serves matter too: nobody asked for certain harvesters only.
    pub with_unserved: bool,
    /// All instruments that some harvester of the configuration serves.
    pub served_by_any: &'a BTreeSet<InstrumentPid>,
    /// The harvesters of the configuration.
    pub configured: &'a BTreeSet<HarvesterName>,
    /// The newest row of the session log before anybody was asked: what came later, an answer cannot have.
    pub newest_row: i64,
}

/// A session whose event is asked for by name before it counts as gone.
#[derive(Debug, Clone)]
pub(super) struct Doubtful {
    pub answer: usize,
    pub external_id: String,
    pub session: SessionId,
}

/// Sessions without an event.
#[derive(Default)]
pub(super) struct Found {
    pub alone: Listed<Alone>,
    pub by_kind: BTreeMap<AloneKind, u64>,
    pub doubtful: Vec<Doubtful>,
    /// Those of which no complete answer tells anything.
    pub not_judged: u64,
    /// Those that ended before the time that the answer tells of, by instrument.
    pub before: BTreeMap<InstrumentPid, u64>,
}

/// A session that is no event's, as its rows tell.
struct Candidate {
    session: SessionId,
    instrument: InstrumentPid,
    at: DateTime<Utc>,
    written: String,
    has_end: bool,
}

/// Looks through the sessions that ended, or began and have no end, in the window.
pub(super) fn find(tables: Tables<'_>, against: &Against<'_>) -> Result<Found, AuditError> {
    // Times are compared as text, by the day: with offsets from -12 to +14 hours two days are enough.
    let day = |at: DateTime<Utc>, days| {
        let at = at.checked_add_signed(TimeDelta::days(days)).unwrap_or(at);
        at.format("%Y-%m-%d").to_string()
    };
    let (first, last) = (day(against.scope.from, -2), day(against.scope.until, 3));
    let mut found = Found::default();
    let mut seen = HashSet::new();
    let mut statement = tables.connection.prepare(
        "SELECT session_identifier, instrument, timestamp, event_type = 'END' FROM session_log s
          WHERE timestamp >= ?1 AND timestamp < ?2
            AND (event_type = 'END' OR event_type = 'START' AND NOT EXISTS (
                 SELECT 1 FROM session_log e WHERE e.session_identifier = s.session_identifier AND e.event_type = 'END'))
          ORDER BY id_session_log",
    )?;
    let mut rows = statement.query(params![first, last])?;
    while let Some(row) = rows.next()? {
        let session = SessionId::new(lossy(row, 0)?);
        if against.claimed.contains_key(&session) || seen.contains(&session) {
            continue;
        }
        let instrument = InstrumentPid::new(lossy(row, 1)?);
        let written = lossy(row, 2)?;
        let Ok(time) = written.parse::<Timestamp>() else { continue };
        let at = time.instant(against.scope.zone(&instrument));
        let candidate = Candidate { session, instrument, at, written, has_end: row.get(3)? };
        let Some(candidate) = last_end(tables, against, candidate)? else { continue };
        seen.insert(candidate.session.clone());
        judge(tables, against, candidate, &mut found)?;
    }
    Ok(found)
}

/// The candidate with its last END, which is the one that counts; `None`: that is not in the window.
fn last_end(
    tables: Tables<'_>,
    against: &Against<'_>,
    mut candidate: Candidate,
) -> Result<Option<Candidate>, AuditError> {
    if candidate.has_end
        && let Some(whole) = session::load(tables.connection, &candidate.session, against.scope.instruments)?
    {
        candidate.at = whole.ended_at();
        candidate.written = whole.end.to_string();
        candidate.instrument = whole.instrument.pid.clone();
    }
    let is_wanted = against.scope.is_chosen(&candidate.instrument)
        && against.scope.holds(candidate.at)
        && tables.first_row(&candidate.session)? <= against.newest_row;
    Ok(is_wanted.then_some(candidate))
}

fn judge(
    tables: Tables<'_>,
    against: &Against<'_>,
    candidate: Candidate,
    found: &mut Found,
) -> Result<(), AuditError> {
    let Candidate { session, instrument, at, written, has_end } = candidate;
    let state = if tables.has_own { SessionState::load(tables.connection, &session)? } else { None };
    let mut doubtful = None;
    let (kind, detail) = match against.served.get(&instrument) {
        None if against.served_by_any.contains(&instrument) => return Ok(()),
        None if !against.with_unserved => return Ok(()),
        None => (AloneKind::Unserved, format!("no harvester serves instrument `{instrument}`")),
        Some(_) if !has_end => (
            AloneKind::NoEnd,
            "it has a START row and no END row: whoever began it has to end it, or its rows are to be corrected".to_owned(),
        ),
        Some(served) => {
            let judged = served.range.is_some_and(|(from, until)| from <= at && at < until);
            if !judged {
                found.not_judged += 1;
                if served.range.is_some_and(|(from, _)| at < from) {
                    *found.before.entry(instrument).or_default() += 1;
                }
                return Ok(());
            }
            match state.as_ref().and_then(|state| Some((state, state.harvester.as_ref()?))) {
                None => (
                    AloneKind::OtherProgram,
                    "NexusLIMS or another program brought it, and the source of its instrument has no such event".to_owned(),
                ),
                Some((_, harvester)) if !against.configured.contains(harvester) => (
                    AloneKind::HarvesterGone,
                    format!("harvester `{harvester}`, which brought it, is not in the configuration"),
                ),
                Some((state, _)) => {
                    if let Some(external_id) = state.external_id.clone() {
                        let session = session.clone();
                        doubtful = Some(Doubtful { answer: served.answer, external_id, session });
                    }
                    (AloneKind::EventGone, gone(state).to_owned())
                }
            }
        }
    };
    *found.by_kind.entry(kind).or_default() += 1;
    if found.doubtful.len() < ASKED_FOR {
        found.doubtful.extend(doubtful);
    }
    let status = tables.status(&session)?;
    found.alone.push(Alone { session, instrument, status, time: written, kind, detail });
    Ok(())
}

/// What a run has made of a session whose event is gone.
fn gone(state: &SessionState) -> &'static str {
    let is_end = |code: Option<&str>| code.is_some_and(|code| [EVENT_GONE, EVENT_CANCELLED].contains(&code));
    if is_end(state.outcome_code.as_deref()) {
        "its event is gone from its source: settled for that reason"
    } else if is_end(state.pending_revision.as_deref()) {
        "its event is gone from its source: reported by a run, and its record stays"
    } else if state.gone_since.is_some() {
        "its event is gone from its source: a run has noticed, and the next complete answer settles it"
    } else {
        "its event is not at its source (any more): a run takes it as gone only where it still reads"
    }
}

impl Found {
    /// Forgets a session whose event was answered when it was asked for by name.
    pub fn forget(&mut self, session: &SessionId) {
        match self.alone.lines.iter().position(|one| one.session == *session) {
            Some(at) => {
                self.alone.lines.remove(at);
            }
            None => self.alone.left_out = self.alone.left_out.saturating_sub(1),
        }
        if let Some(count) = self.by_kind.get_mut(&AloneKind::EventGone) {
            *count = count.saturating_sub(1);
        }
        self.by_kind.retain(|_, count| *count > 0);
    }
}
