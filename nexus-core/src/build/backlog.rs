//! Which sessions this run looks at, and in which order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::{Builder, files};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::{Instrument, Instruments};
use crate::report::Told;
use crate::session::{self, Candidate, Session, SessionError};
use crate::session_state;
use crate::unreadable::value_problem;
use crate::walk::Window;
use crate::writer::WriteError;

/// Which of the sessions that are to be built somebody wants built now. By default all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only these sessions, if any are named.
    pub sessions: BTreeSet<SessionId>,
    /// Only sessions of these instruments, if any are named.
    pub instruments: BTreeSet<InstrumentPid>,
    /// Only sessions that began at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Only sessions that began before this instant.
    pub until: Option<DateTime<Utc>>,
    /// At most so many sessions are built or settled. Those that have to wait do not count, so that they
    /// never keep the others from their turn.
    pub limit: Option<usize>,
}

impl Choice {
    /// Whether the session is one of those that are wanted.
    pub fn takes(&self, session: &Session) -> bool {
        let began = session.started_at();
        (self.sessions.is_empty() || self.sessions.contains(&session.identifier))
            && (self.instruments.is_empty() || self.instruments.contains(&session.instrument.pid))
            && self.since.is_none_or(|since| began >= since)
            && self.until.is_none_or(|until| began < until)
    }
}

/// A session's place in the backlog: the instant of its end in microseconds, and the first row of its START and END.
///
/// No two sessions share a row, and what a run does to a session changes neither: so every session has one
/// place, the same whenever the backlog is read.
type Position = (i64, i64);

/// A session that is to be built: all that is held of it before its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The instant of its end, in microseconds.
    ended_at: i64,
    /// The first of its START and END rows in the session log.
    pub row: i64,
    /// Its record may be somewhere: its status stays until the new one is committed.
    pub rebuild: bool,
}

impl Entry {
    fn position(&self) -> Position {
        (self.ended_at, self.row)
    }
}

/// Where the files of an instrument are, and when its sessions were.
#[derive(Debug)]
pub(super) struct Place {
    pub filestore_path: String,
    pub windows: Vec<Window>,
}

/// The sessions that are built together, by the instant of their end: as much of the backlog as is held at once.
#[derive(Debug, Default)]
pub(super) struct Tranche {
    /// Those that were in hand when an earlier run ended before its time. All of them are in the first tranche:
    /// there are no more than a run has in hand.
    pub suspects: Vec<Entry>,
    /// All others.
    pub others: Vec<Entry>,
    /// The instruments that they are of.
    pub places: BTreeMap<InstrumentPid, Place>,
    /// What is to be built and cannot be, each in a sentence; told with the first tranche.
    pub broken: Told,
    /// Sessions that somebody named and that are not to be built, with what they are; told with the first tranche.
    pub not_to_be_built: Vec<String>,
}

impl Tranche {
    pub fn len(&self) -> usize {
        self.suspects.len() + self.others.len()
    }
}

/// How far a run has come in the backlog. The backlog itself stays in the database.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Whether the first tranche was read.
    begun: bool,
    /// Where the tranche before ended.
    reached: Option<Position>,
    /// Rows of the suspects, sorted: they came before their turn, and are not met again when it comes.
    early: Vec<i64>,
    /// How many sessions come after the tranche that was read last.
    pub beyond: usize,
}

impl Backlog {
    /// Reads the next tranche, of at most so many sessions beside the suspects.
    ///
    /// A session that waits after a tranche lies behind, and is not met again.
    pub fn next(&mut self, builder: &Builder<'_>) -> Result<Tranche, WriteError> {
        let (instruments, choice) = (builder.instruments.clone(), builder.choice.clone());
        let most = builder.tranche.get();
        let mut this = std::mem::take(self);
        let (this, tranche) = builder.writer.run(move |tx| {
            let tranche = this.read(tx, &instruments, &choice, most)?;
            Ok((this, tranche))
        })?;
        *self = this;
        Ok(tranche)
    }

    fn read(
        &mut self,
        connection: &Connection,
        instruments: &Instruments,
        choice: &Choice,
        most: usize,
    ) -> Result<Tranche, WriteError> {
        let first = !std::mem::replace(&mut self.begun, true);
        let mut in_hand = BTreeSet::new();
        let mut missing = BTreeSet::new();
        if first {
            let unfinished = session_state::unfinished(connection)?;
            in_hand.extend(unfinished.into_iter().map(|unfinished| unfinished.session));
            missing.clone_from(&choice.sessions);
        }
        let mut tranche = Tranche::default();
        let (mut suspects, mut others) = (Vec::new(), Nearest::new(most));
        let mut take = |candidate: Candidate, rebuild: bool| match candidate.session {
            Ok(session) => {
                missing.remove(&session.identifier);
                if !choice.takes(&session) {
                    return;
                }
                let ended_at = session.ended_at().timestamp_micros();
                let entry = Entry { ended_at, row: candidate.row, rebuild };
                if in_hand.contains(&session.identifier) {
                    suspects.push(Listed::of(&session, entry));
                } else if self.is_ahead(entry) {
                    others.offer(entry.position(), || Listed::of(&session, entry));
                }
            }
            Err(broken) if first => tranche.broken.push(broken.to_string()),
            Err(_) => {}
        };
        session::each_to_build(connection, instruments, &mut |candidate| take(candidate, false))?;
        session::each_to_rebuild(connection, instruments, &mut |candidate| take(candidate, true))?;
        suspects.sort_unstable();
        self.early.extend(suspects.iter().map(|suspect| suspect.entry.row));
        self.early.sort_unstable();
        self.beyond = others.beyond;
        let others = others.kept.into_sorted_vec();
        self.reached = others.last().map(|last| last.entry.position()).or(self.reached);
        for listed in suspects.iter().chain(&others) {
            listed.add_to(&mut tranche.places);
        }
        tranche.suspects = suspects.into_iter().map(|listed| listed.entry).collect();
        tranche.others = others.into_iter().map(|listed| listed.entry).collect();
        for id in missing {
            let status = match session::status_of(connection, &id) {
                Err(SessionError::Database { source, what }) => match value_problem(&source) {
                    Some(why) => {
                        tranche.not_to_be_built.push(format!(
                            "session {id} cannot be built: its status cannot be read: {why}; `nexus sessions show` shows its rows"
                        ));
                        continue;
                    }
                    None => return Err(SessionError::Database { source, what }.into()),
                },
                other => other?,
            };
            tranche.not_to_be_built.push(match status {
                Some(status) => format!(
                    "session {id} is {status}: `nexus sessions retry` or `nexus sessions rebuild` asks for it again"
                ),
                None => format!("there is no session {id}: `nexus sessions list` shows the identifiers"),
            });
        }
        Ok(tranche)
    }

    /// Whether a session has not had its turn.
    fn is_ahead(&self, entry: Entry) -> bool {
        self.reached.is_none_or(|reached| entry.position() > reached)
            && self.early.binary_search(&entry.row).is_err()
    }
}

/// The first sessions of those that are offered, in whatever order: memory holds no more than are wanted.
struct Nearest {
    most: usize,
    kept: BinaryHeap<Listed>,
    /// How many were offered beside those that are kept.
    beyond: usize,
}

impl Nearest {
    fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new(), beyond: 0 }
    }

    fn offer(&mut self, position: Position, listed: impl FnOnce() -> Listed) {
        if self.kept.len() < self.most {
            self.kept.push(listed());
            return;
        }
        self.beyond += 1;
        if let Some(mut last) = self.kept.peek_mut()
            && position < last.entry.position()
        {
            *last = listed();
        }
    }
}

/// A session while a tranche is put together; ordered by its place in the backlog.
struct Listed {
    entry: Entry,
    instrument: Arc<Instrument>,
    window: Window,
}

impl Listed {
    fn of(session: &Session, entry: Entry) -> Self {
        Self { entry, instrument: Arc::clone(&session.instrument), window: files::window(session) }
    }

    fn add_to(&self, places: &mut BTreeMap<InstrumentPid, Place>) {
        let instrument = &self.instrument;
        if !places.contains_key(&instrument.pid) {
            let filestore_path = instrument.filestore_path.clone();
            places.insert(instrument.pid.clone(), Place { filestore_path, windows: Vec::new() });
        }
        if let Some(place) = places.get_mut(&instrument.pid) {
            place.windows.push(self.window);
        }
    }
}

impl Ord for Listed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.entry.position().cmp(&other.entry.position())
    }
}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Listed {}

#[cfg(test)]
mod tests;
