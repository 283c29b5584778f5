//! Which sessions this run looks at, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Builder, files};
use crate::ids::{InstrumentPid, SessionId};
use crate::report::Told;
use crate::session::{self, Candidate, Session};
use crate::session_state;
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

/// A session that is to be built: all that is held of it before its turn comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The instant of its end, in microseconds.
    ended_at: i64,
    /// A row of it in the session log.
    pub row: i64,
    /// Its record may be somewhere: its status stays until the new one is committed.
    pub rebuild: bool,
}

/// Where the files of an instrument are, and when its sessions were.
#[derive(Debug)]
pub(super) struct Place {
    pub filestore_path: String,
    pub windows: Vec<Window>,
}

/// The sessions to be built, by the instant of their end.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Those that were in hand when an earlier run ended before its time.
    pub suspects: Vec<Entry>,
    /// All others.
    pub others: Vec<Entry>,
    /// The instruments that they are of.
    pub places: BTreeMap<InstrumentPid, Place>,
    /// What is to be built and cannot be, each in a sentence.
    pub broken: Told,
    /// Sessions that somebody named and that are not to be built, with what they are.
    pub not_to_be_built: Vec<String>,
}

impl Backlog {
    pub fn len(&self) -> usize {
        self.suspects.len() + self.others.len()
    }

    fn add(&mut self, session: &Session, row: i64, rebuild: bool, in_hand: bool) {
        let entry = Entry { ended_at: session.ended_at().timestamp_micros(), row, rebuild };
        if in_hand { &mut self.suspects } else { &mut self.others }.push(entry);
        let instrument = &session.instrument;
        if !self.places.contains_key(&instrument.pid) {
            let filestore_path = instrument.filestore_path.clone();
            self.places.insert(instrument.pid.clone(), Place { filestore_path, windows: Vec::new() });
        }
        if let Some(place) = self.places.get_mut(&instrument.pid) {
            place.windows.push(files::window(session));
        }
    }
}

pub(super) fn read(builder: &Builder<'_>) -> Result<Backlog, WriteError> {
    let (instruments, choice) = (builder.instruments.clone(), builder.choice.clone());
    builder.writer.run(move |tx| {
        let in_hand: BTreeSet<SessionId> =
            session_state::unfinished(tx)?.into_iter().map(|unfinished| unfinished.session).collect();
        let mut backlog = Backlog::default();
        let mut missing = choice.sessions.clone();
        let mut take = |candidate: Candidate, rebuild: bool| match candidate.session {
            Ok(session) => {
                missing.remove(&session.identifier);
                if choice.takes(&session) {
                    let in_hand = in_hand.contains(&session.identifier);
                    backlog.add(&session, candidate.row, rebuild, in_hand);
                }
            }
            Err(broken) => backlog.broken.push(broken.to_string()),
        };
        session::each_to_build(tx, &instruments, &mut |candidate| take(candidate, false))?;
        session::each_to_rebuild(tx, &instruments, &mut |candidate| take(candidate, true))?;
        for list in [&mut backlog.suspects, &mut backlog.others] {
            list.sort_unstable_by_key(|entry| (entry.ended_at, entry.row));
            list.shrink_to_fit();
        }
        for id in missing {
            backlog.not_to_be_built.push(match session::status_of(tx, &id)? {
                Some(status) => format!(
                    "session {id} is {status}: `nexus sessions retry` or `nexus sessions rebuild` asks for it again"
                ),
                None => format!("there is no session {id}: `nexus sessions list` shows the identifiers"),
            });
        }
        Ok(backlog)
    })
}
