//! What an audit found.

use std::collections::BTreeMap;
use std::fmt;

use nexus_plugin_api::OutsideEvents;
use serde::Serialize;

use crate::ids::{HarvesterName, InstrumentPid, SessionId};
use crate::report::MOST_LINES;
use crate::timestamp::UtcTime;

/// What a usage event is, as far as the database can tell: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// It has not ended.
    Unfinished,
    /// Its source says it did not take place.
    Cancelled,
    /// Its session has this record status, which is an end.
    Settled(String),
    /// Its session goes on, and this is what it waits for.
    Waiting(String),
    /// The source has it, no run to come brings it, and the database does not have it.
    Missing,
    /// The source or the core cannot read it.
    Unreadable,
}

/// Usage events by class; the classes add up to all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// In use.
    pub unfinished: u64,
    /// Settled, by record status.
    pub settled: BTreeMap<String, u64>,
    /// Waiting, by reason.
    pub waiting: BTreeMap<String, u64>,
    /// Of tools that are no instrument.
    pub not_an_instrument: u64,
    /// Called off.
    pub cancelled: u64,
    /// Missing.
    pub missing: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
}

impl Sum {
    /// Counts an event.
    pub fn count(&mut self, class: &Class) {
        match class {
            Class::Unfinished => self.unfinished += 1,
            Class::Cancelled => self.cancelled += 1,
            Class::Settled(status) => *self.settled.entry(status.clone()).or_default() += 1,
            Class::Waiting(reason) => *self.waiting.entry(reason.clone()).or_default() += 1,
            Class::Missing => self.missing += 1,
            Class::Unreadable => self.unreadable += 1,
        }
    }

    /// Adds the events of another sum.
    pub fn add(&mut self, other: &Self) {
        let Self { unfinished, settled, waiting, not_an_instrument, cancelled, missing, unreadable } = other;
        self.unfinished += unfinished;
        for (mine, theirs) in [(&mut self.settled, settled), (&mut self.waiting, waiting)] {
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
        self.not_an_instrument = self.not_an_instrument.saturating_add(*not_an_instrument);
        self.cancelled += cancelled;
        self.missing += missing;
        self.unreadable += unreadable;
    }

    /// All settled events.
    #[must_use]
    pub fn all_settled(&self) -> u64 {
        self.settled.values().sum()
    }

    /// All waiting events.
    #[must_use]
    pub fn all_waiting(&self) -> u64 {
        self.waiting.values().sum()
    }

    /// All classes together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counts = [
            self.unfinished,
            self.all_settled(),
            self.all_waiting(),
            self.not_an_instrument,
            self.cancelled,
            self.missing,
            self.unreadable,
        ];
        counts.into_iter().fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} unfinished + {} settled + {} waiting + {} not an instrument + {} cancelled + {} missing + {} unreadable",
            self.unfinished,
            self.all_settled(),
            self.all_waiting(),
            self.not_an_instrument,
            self.cancelled,
            self.missing,
            self.unreadable
        )
    }
}

/// Rows of an answer, counted as they came: apart from the classes, so that the two can be held against each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Usage events on all pages.
    pub rows: u64,
    /// Of these, told once more.
    pub again: u64,
    /// Of these, not of the window: they ended before or after it.
    pub beyond: u64,
    /// Of these, of instruments that the audit is not about.
    pub not_chosen: u64,
    /// Events of tools that are no instrument, which come as counts.
    pub not_an_instrument: u64,
    /// Rows that the source could not read.
    pub rejected: u64,
}

impl Told {
    /// How many events the classes must add up to.
    #[must_use]
    pub fn events(&self) -> u64 {
        let apart = self.again.saturating_add(self.beyond).saturating_add(self.not_chosen);
        let rows = self.rows.saturating_sub(apart);
        rows.saturating_add(self.not_an_instrument).saturating_add(self.rejected)
    }
}

/// A list with an end; what is beyond it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// The first of them, up to [`MOST_LINES`].
    pub lines: Vec<T>,
    /// How many more there are.
    pub left_out: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), left_out: 0 }
    }
}

impl<T> Listed<T> {
    /// Adds one.
    pub fn push(&mut self, line: T) {
        if self.lines.len() < MOST_LINES {
            self.lines.push(line);
        } else {
            self.left_out += 1;
        }
    }

    /// Lists none of them, and goes on counting them.
    pub fn leave_out(&mut self) {
        self.left_out = self.count();
        self.lines.clear();
    }

    /// How many there are, with those that are not listed.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.lines.len() as u64).saturating_add(self.left_out)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// Why an event is thought to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyMissing {
    /// Its harvester reads on from behind it.
    Passed,
    /// It was harvested, and its rows are gone from the session log.
    RowsGone,
    /// The same, and a record of it may exist at a destination: nothing may make it a second time.
    RecordExists,
    /// Its session is that of another event.
    Claimed,
    /// Whether the next run brings it could not be asked.
    NotAsked,
}

/// An event that the database should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Who told of it.
    pub harvester: HarvesterName,
    /// Its id at its source.
    pub external_id: String,
    /// The session it should be.
    pub session_identifier: String,
    /// Where.
    pub instrument: InstrumentPid,
    /// Who, if known.
    pub user: Option<String>,
    /// When it began, in the instrument's zone.
    pub start: String,
    /// When it ended, in the instrument's zone.
    pub end: String,
    /// Why it is thought to be missing: a word for scripts.
    pub why: WhyMissing,
    /// The same for people.
    pub detail: String,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Who told of it.
    pub harvester: HarvesterName,
    /// Where it stands.
    pub place: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// Why a session of the database has no usage event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AloneKind {
    /// Its event is no longer at its source.
    EventGone,
    /// Its harvester is not in the configuration.
    HarvesterGone,
    /// No harvester serves its instrument.
    Unserved,
    /// NexusLIMS or somebody else brought it.
    OtherProgram,
    /// It has a START and no END.
    NoEnd,
}

/// A session without a usage event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alone {
    /// The session.
    pub session: SessionId,
    /// Its instrument.
    pub instrument: InstrumentPid,
    /// Its record status, as it is stored.
    pub status: String,
    /// When it ended, or began if it has no end, as it is stored.
    pub time: String,
    /// Why it has no event: a word for scripts.
    pub kind: AloneKind,
    /// The same for people.
    pub detail: String,
}

/// Something that an audit cannot prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotProved {
    /// Whose answer it is about, if anybody's.
    pub harvester: Option<HarvesterName>,
    /// The instruments it is about.
    pub instruments: Vec<InstrumentPid>,
    /// Why, and what to do.
    pub why: String,
}

/// One instrument of a harvester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstrumentAudit {
    /// The instrument.
    pub instrument: InstrumentPid,
    /// From when on the answer is complete; `None`: it proves nothing.
    pub proved_from: Option<UtcTime>,
    /// Up to when.
    pub proved_until: Option<UtcTime>,
    /// Its events.
    pub sum: Sum,
}

/// One harvester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HarvesterAudit {
    /// Its name in the configuration.
    pub harvester: HarvesterName,
    /// Why its answer ended early, if it did.
    pub failed: Option<String>,
    /// Its rows as they came.
    pub told: Told,
    /// Its events, with those of no instrument.
    pub sum: Sum,
    /// Its instruments.
    pub instruments: Vec<InstrumentAudit>,
    /// Tools that are no instrument.
    pub outside: Vec<OutsideEvents>,
}

/// Why a session's files came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyLate {
    /// It was settled as having no files, and has some now.
    NoRecord,
    /// There are more files than its record has.
    MoreFiles,
    /// There is a file that is not in its record.
    OtherFiles,
}

/// A session whose files came late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    /// The session.
    pub session: SessionId,
    /// Its instrument.
    pub instrument: InstrumentPid,
    /// When it ended, in the instrument's zone.
    pub end: String,
    /// Why its files are late: a word for scripts.
    pub why: WhyLate,
    /// Files in its record; `None`: it has none, or nobody counted them.
    pub in_record: Option<u64>,
    /// Files in its window now.
    pub now: u64,
    /// One of the new ones.
    pub example: String,
    /// What to do.
    pub command: String,
}

/// Files of a folder right below an instrument's that are in no session's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrphansOfFolder {
    /// Its name; `.`: the instrument's folder itself.
    pub folder: String,
    /// How many.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
    /// When the first was written.
    pub first: UtcTime,
    /// When the last was written.
    pub last: UtcTime,
}

/// Files of an instrument that are in no session's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphans {
    /// The instrument.
    pub instrument: InstrumentPid,
    /// How many.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
    /// When the first was written.
    pub first: UtcTime,
    /// When the last was written.
    pub last: UtcTime,
    /// By folder, those with most files first.
    pub folders: Listed<OrphansOfFolder>,
}

/// What the storage says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FilesReport {
    /// Sessions whose files came late.
    pub late: Listed<Late>,
    /// Files in no session's window, by instrument.
    pub orphans: Vec<Orphans>,
}

/// The whole audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// From when on events ended (UTC).
    pub from: UtcTime,
    /// Before when they ended (UTC).
    pub until: UtcTime,
    /// Whether every event is accounted for, and everything is proved.
    pub accounted_for: bool,
    /// All usage events.
    pub events: u64,
    /// The same by class.
    pub sum: Sum,
    /// Harvesters, in the order of the configuration.
    pub harvesters: Vec<HarvesterAudit>,
    /// Events that the database should have.
    pub missing: Listed<Missing>,
    /// The command that brings those that a harvest can bring.
    pub remedy: Option<String>,
    /// Rows that cannot be read.
    pub unreadable: Listed<Unreadable>,
    /// Sessions without a usage event; not part of the sum.
    pub alone: Listed<Alone>,
    /// How many of each kind.
    pub alone_by_kind: BTreeMap<AloneKind, u64>,
    /// Sessions that could not be held against their source, since it does not answer for their time.
    pub not_judged: u64,
    /// What the storage says, if it was asked.
    pub files: Option<FilesReport>,
    /// What is not proved.
    pub not_proved: Vec<NotProved>,
    /// What is worth knowing and asks for nothing.
    pub notes: Vec<String>,
}
