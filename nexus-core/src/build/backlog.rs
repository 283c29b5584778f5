//! Which sessions this run looks at, and in which order.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Builder;
use crate::ids::{InstrumentPid, SessionId};
use crate::session::{self, Session};
use crate::session_state;
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

/// A session that is to be built.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub session: Session,
    /// Its record may be somewhere: its status stays until the new one is committed.
    pub rebuild: bool,
}

/// The sessions to be built, by the instant of their end.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Those that were in hand when an earlier run ended before its time.
    pub suspects: Vec<Entry>,
    /// All others.
    pub others: Vec<Entry>,
    /// What is to be built and cannot be, each in a sentence.
    pub broken: Vec<String>,
    /// Sessions that somebody named and that are not to be built, with what they are.
    pub not_to_be_built: Vec<String>,
}

impl Backlog {
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.suspects.iter().chain(&self.others)
    }

    pub fn len(&self) -> usize {
        self.suspects.len() + self.others.len()
    }
}

pub(super) fn read(builder: &Builder<'_>) -> Result<Backlog, WriteError> {
    let (instruments, choice) = (builder.instruments.clone(), builder.choice.clone());
    builder.writer.run(move |tx| {
        let found = session::sessions_to_build(tx, &instruments)?;
        let rebuilds = session::sessions_to_rebuild(tx, &instruments)?;
        let mut backlog = Backlog {
            broken: found.broken.iter().chain(&rebuilds.broken).map(ToString::to_string).collect(),
            ..Backlog::default()
        };
        let in_hand: BTreeSet<SessionId> =
            session_state::unfinished(tx)?.into_iter().map(|unfinished| unfinished.session).collect();
        let mut missing = choice.sessions.clone();
        let sorted = rebuilds.sessions.is_empty();
        backlog.others.reserve_exact(found.sessions.len() + rebuilds.sessions.len());
        let first = found.sessions.into_iter().map(|session| Entry { session, rebuild: false });
        let again = rebuilds.sessions.into_iter().map(|session| Entry { session, rebuild: true });
        for entry in first.chain(again) {
            missing.remove(&entry.session.identifier);
            if !choice.takes(&entry.session) {
                continue;
            }
            if in_hand.contains(&entry.session.identifier) {
                backlog.suspects.push(entry);
            } else {
                backlog.others.push(entry);
            }
        }
        // Those to be built for the first time come in this order.
        for list in [&mut backlog.suspects, &mut backlog.others].into_iter().filter(|_| !sorted) {
            list.sort_by_cached_key(|entry| (entry.session.ended_at(), entry.session.identifier.clone()));
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
