//! The proof that no session is missing.
//!
//! Every harvester is asked for the usage events that ended in a window, whatever its cursors say, and each event is
//! held against the database. It falls into exactly one class, so that the classes add up to the events that were
//! told; they were counted apart, as they came, and the two figures must agree.
//!
//! An event that the database does not have is no loss as long as the next run brings it. That is not guessed from times
//! that were noted: the harvester is asked the very question that the next run will ask, and what it does not bring is
//! missing. The other way round, sessions that are no event's are listed.
//!
//! Nothing is written and no lock is taken, so a run may be under way. The sources are read before the database:
//! what a run stores in between is found. What it stores after is in the answer to the next run's question, which is asked
//! with the cursors that were read together with the sessions. A session of which the session log had no row before
//! the sources were asked is not held against their answers.

mod alone;
mod answers;
mod classes;
mod known;
mod proof;
mod report;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{HarvestRequest, InstrumentRef};
use rusqlite::Connection;

use crate::clock::Clock;
use crate::cursor::Cursor;
use crate::db::{Database, DbError};
use crate::ids::{HarvesterName, InstrumentPid};
use crate::instrument::{InstrumentError, Instruments};
use crate::own_table::OwnTableError;
use crate::plugins::{self, HarvesterInstance};
use crate::question::{self, Ended, QuestionError, Window};
use crate::session::SessionError;
use crate::session_log::SessionLogError;
use crate::session_state::SessionStateError;
use crate::stop::StopFlag;
use crate::timestamp::UtcTime;

use self::alone::{Against, Found, Served};
use self::answers::Answer;
use self::classes::{Classes, Next, Scope};
use self::known::Tables;
use self::proof::{Bounds, Range, Sentences};
use self::storage::Uses;

pub use report::{
    Alone, AloneKind, AuditReport, Class, FilesReport, HarvesterAudit, InstrumentAudit, Late, Listed,
    Missing, NotProved, Orphans, OrphansOfFolder, Sum, Told, Unreadable, WhyLate, WhyMissing,
};
pub use storage::Storage;

/// How far back an audit looks if nobody says.
pub const LOOKS_BACK: TimeDelta = TimeDelta::days(30);

/// An audit that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Nothing can end in it.
    #[error("no usage event can have ended at {from} or later and before {until}")]
    EmptyWindow {
        /// From when on.
        from: UtcTime,
        /// Before when.
        until: UtcTime,
    },
    /// The classes are not all events: a mistake of this program, and nothing else that it says holds.
    #[error(
        "the audit contradicts itself: harvester `{harvester}` told of {told} usage events, and {classed} were put into \
         a class ({sum}); please report this"
    )]
    Unequal {
        /// The harvester.
        harvester: HarvesterName,
        /// Events as they were counted when they came.
        told: u64,
        /// Events as they were counted in their classes.
        classed: u64,
        /// The classes.
        sum: Box<Sum>,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] DbError),
    /// The table of instruments cannot be read.
    #[error(transparent)]
    Instruments(#[from] InstrumentError),
    /// The session log cannot be read.
    #[error(transparent)]
    SessionLog(#[from] SessionLogError),
    /// A session cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What is remembered of a session cannot be read.
    #[error(transparent)]
    State(#[from] SessionStateError),
    /// What is remembered of the harvesters cannot be read.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// One of our own tables cannot be read.
    #[error(transparent)]
    Own(#[from] OwnTableError),
    /// The database answered with an error.
    #[error("failed to read the database")]
    Database(#[from] rusqlite::Error),
}

/// What is to be audited.
pub struct Audit<'a> {
    /// All harvesters of the configuration.
    pub harvesters: &'a [HarvesterInstance],
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Set when somebody asks to stop: then nothing is proved.
    pub stop: &'a StopFlag,
    /// Usage events that ended at this instant or later; `None`: within [`LOOKS_BACK`].
    pub since: Option<DateTime<Utc>>,
    /// Usage events that ended before this instant; `None`: up to now.
    pub until: Option<DateTime<Utc>>,
    /// Only these instruments; empty: all.
    pub instruments: BTreeSet<InstrumentPid>,
    /// Only these harvesters; empty: all.
    pub only: BTreeSet<HarvesterName>,
    /// The storage, if its side is wanted too.
    pub storage: Option<Storage<'a>>,
}

impl Audit<'_> {
    /// Holds what the harvesters tell against the database.
    ///
    /// # Errors
    /// The database cannot be read, or the sum is wrong. A harvester that fails is told in the report.
    pub fn run(&self, database: &Database) -> Result<AuditReport, AuditError> {
        let now = self.clock.now();
        let past = self.until.filter(|until| *until < now);
        let bounds = Bounds {
            from: self.since.unwrap_or_else(|| now.checked_sub_signed(LOOKS_BACK).unwrap_or(now)),
            until: past.unwrap_or(now),
            from_is_asked: self.since.is_some(),
            until_is_asked: past.is_some(),
        };
        if bounds.from >= bounds.until {
            let (from, until) = (UtcTime::new(bounds.from), UtcTime::new(bounds.until));
            return Err(AuditError::EmptyWindow { from, until });
        }
        let connection = database.read();
        let tables = Tables { connection, has_own: database.has_own_tables()? };
        let instruments = Instruments::load(connection)?;
        let newest_row = tables.newest_row()?;
        let asked = self.ask(&instruments, Window { from: bounds.from, until: past });
        let scope = Scope {
            from: bounds.from,
            until: bounds.until,
            is_open: past.is_none(),
            chosen: &self.instruments,
            instruments: &instruments,
        };
        let read = Reading { audit: self, scope: &scope, bounds, tables, newest_row };
        read.report(asked)
    }

    /// Asks every harvester that serves an instrument which is asked about, all at once, as a run does. Each is asked
    /// for all of its instruments: what is none of them is not an instrument.
    fn ask(&self, instruments: &Instruments, window: Window) -> Asked<'_> {
        let (served, _) = plugins::served(instruments.iter(), self.harvesters);
        let served_by_any =
            served.iter().flatten().map(|one| InstrumentPid::from(one.pid.as_str())).collect();
        let is_wanted = |one: &InstrumentRef| {
            self.instruments.is_empty() || self.instruments.contains(&InstrumentPid::from(one.pid.as_str()))
        };
        let wanted: Vec<(&HarvesterInstance, Vec<InstrumentRef>)> = self
            .harvesters
            .iter()
            .zip(served)
            .filter(|(harvester, served)| self.is_named(harvester) && served.iter().any(is_wanted))
            .collect();
        std::thread::scope(|scope| {
            let running: Vec<_> = wanted
                .into_iter()
                .map(|(harvester, served)| {
                    let name = harvester.name.clone();
                    let again = served.clone();
                    let thread =
                        scope.spawn(move || Answer::of(harvester, served, window, (self.stop, self.clock)));
                    (harvester, name, again, thread)
                })
                .collect();
            let answered = running.into_iter().map(|(harvester, name, served, thread)| {
                let answer = thread.join().unwrap_or_else(|_| {
                    let mut none = Answer::new(name, served);
                    none.ended = Ended::Failed("its answer could not be read: please report this".to_owned());
                    none
                });
                (harvester, answer)
            });
            let (harvesters, answers) = answered.unzip();
            Asked { harvesters, answers, served_by_any }
        })
    }

    fn is_named(&self, harvester: &HarvesterInstance) -> bool {
        self.only.is_empty() || self.only.contains(&harvester.name)
    }
}

/// Who was asked, and what they answered.
struct Asked<'a> {
    harvesters: Vec<&'a HarvesterInstance>,
    answers: Vec<Answer>,
    served_by_any: BTreeSet<InstrumentPid>,
}

/// The answers against the database.
struct Reading<'a> {
    audit: &'a Audit<'a>,
    scope: &'a Scope<'a>,
    bounds: Bounds,
    tables: Tables<'a>,
    newest_row: i64,
}

/// What was read in one transaction.
struct Snapshot {
    classes: Classes,
    found: Found,
    uses: Option<Uses>,
    /// By answer: what the next run asks, and when the cursors last moved.
    next: Vec<(HarvestRequest, BTreeMap<InstrumentPid, UtcTime>)>,
}

impl Reading<'_> {
    fn report(&self, mut asked: Asked<'_>) -> Result<AuditReport, AuditError> {
        let mut ranges: Vec<BTreeMap<InstrumentPid, Result<Range, String>>> = Vec::new();
        for answer in &asked.answers {
            let pids = answer.instruments.iter().map(|one| InstrumentPid::from(one.pid.as_str()));
            let of = |pid: InstrumentPid| (pid.clone(), proof::range(answer, &pid, self.bounds));
            ranges.push(pids.filter(|pid| self.scope.is_chosen(pid)).map(of).collect());
        }
        let mut snapshot = self.snapshot(&mut asked, &ranges)?;
        self.second_question(&asked, &mut snapshot);
        let Snapshot { mut classes, found, uses, .. } = snapshot;
        let mut not_proved = Sentences::default();
        let mut notes = Sentences::default();
        for ((answer, ranges), audit) in asked.answers.iter().zip(ranges).zip(&mut classes.harvesters) {
            if let Ended::Failed(why) = &answer.ended {
                audit.failed = Some(why.clone());
            }
            for (pid, range) in ranges {
                let place = (&answer.harvester, &pid);
                match range {
                    Err(why) => not_proved.say(place.0, place.1, why),
                    Ok(range) => {
                        let before = found.before.get(&pid).copied().unwrap_or_default();
                        proof::gaps(place, range, self.bounds, before, (&mut not_proved, &mut notes));
                        if let Some(one) = audit.instruments.iter_mut().find(|one| one.instrument == pid) {
                            one.proved_from = Some(UtcTime::new(range.0));
                            one.proved_until = Some(UtcTime::new(range.1));
                        }
                    }
                }
            }
        }
        classes.add_up();
        for audit in &classes.harvesters {
            check(audit)?;
        }
        let mut sum = Sum::default();
        for audit in &classes.harvesters {
            sum.add(&audit.sum);
        }
        let mut not_proved: Vec<NotProved> = not_proved.into_not_proved().collect();
        not_proved.extend(self.nobody_answers_for());
        let files = self.audit.storage.zip(uses).map(|(storage, uses)| {
            let (report, not_looked_at) = storage::look(storage, self.scope, &uses);
            not_proved.extend(not_looked_at);
            report
        });
        let notes = notes
            .into_not_proved()
            .map(|note| {
                let who = note.harvester.as_ref().map_or("", HarvesterName::as_str);
                format!("harvester `{who}`, {}: {}", named(&note.instruments), note.why)
            })
            .collect();
        Ok(AuditReport {
            from: UtcTime::new(self.bounds.from),
            until: UtcTime::new(self.bounds.until),
            accounted_for: sum.missing == 0
                && sum.unreadable == 0
                && not_proved.is_empty()
                && files.as_ref().is_none_or(|files| files.late.is_empty()),
            events: sum.total(),
            sum,
            remedy: classes.to_bring.map(remedy),
            harvesters: classes.harvesters,
            missing: classes.missing,
            unreadable: classes.unreadable,
            alone: found.alone,
            alone_by_kind: found.by_kind,
            not_judged: found.not_judged,
            files,
            not_proved,
            notes,
        })
    }

    /// Reads everything that the database says, of one moment.
    fn snapshot(
        &self,
        asked: &mut Asked<'_>,
        ranges: &[BTreeMap<InstrumentPid, Result<Range, String>>],
    ) -> Result<Snapshot, AuditError> {
        // Never committed: nothing is written, and it ends with its name.
        let _moment = self.tables.connection.unchecked_transaction()?;
        classes::look_up(self.tables, &mut asked.answers)?;
        let classes = classes::sort(self.scope, &asked.answers);
        let mut served = BTreeMap::new();
        for (answer, ranges) in ranges.iter().enumerate() {
            for (pid, range) in ranges {
                served.insert(pid.clone(), Served { answer, range: range.as_ref().ok().copied() });
            }
        }
        let configured = self.audit.harvesters.iter().map(|one| one.name.clone()).collect();
        let against = Against {
            scope: self.scope,
            claimed: &classes.claimed,
            served: &served,
            with_unserved: self.audit.only.is_empty(),
            served_by_any: &asked.served_by_any,
            configured: &configured,
            newest_row: self.newest_row,
        };
        let found = alone::find(self.tables, &against)?;
        let mut next = Vec::new();
        for answer in &asked.answers {
            next.push(next_question(self.tables, answer)?);
        }
        let uses = match self.audit.storage {
            Some(_) => Some(storage::uses(self.tables, self.scope, &asked.answers)?),
            None => None,
        };
        Ok(Snapshot { classes, found, uses, next })
    }

    /// Asks what the next run will ask, where something depends on it. Events of sessions that seem to be alone are asked
    /// for by name as well: one that was moved to another time is not gone.
    fn second_question(&self, asked: &Asked<'_>, snapshot: &mut Snapshot) {
        let Snapshot { classes, found, next, .. } = snapshot;
        let doubtful = std::mem::take(&mut found.doubtful);
        for (at, (answer, harvester)) in asked.answers.iter().zip(&asked.harvesters).enumerate() {
            let unknown: HashSet<&str> = classes
                .unknown
                .get(at)
                .into_iter()
                .flatten()
                .filter_map(|place| Some(answer.events.get(*place)?.external_id.as_str()))
                .collect();
            let doubts: Vec<_> = doubtful.iter().filter(|one| one.answer == at).collect();
            let Some((request, last_read)) = next.get_mut(at) else { continue };
            if unknown.is_empty() && doubts.is_empty() {
                continue;
            }
            request.open.extend(doubts.iter().map(|one| one.external_id.clone()));
            let names: HashSet<&str> = doubts.iter().map(|one| one.external_id.as_str()).collect();
            let mut told = HashSet::new();
            let ended = answers::read(harvester, request, (self.audit.stop, self.audit.clock), &mut |page| {
                let of_interest = |id: &String| unknown.contains(id.as_str()) || names.contains(id.as_str());
                told.extend(page.events.into_iter().map(|event| event.external_id).filter(of_interest));
            });
            for one in doubts {
                if told.contains(&one.external_id) {
                    found.forget(&one.session);
                }
            }
            let next = match ended {
                Ended::Whole => Next::Brings(told),
                Ended::Stopped => Next::Unclear("the audit was stopped".to_owned()),
                Ended::Failed(why) => Next::Unclear(why),
            };
            classes.settle(self.scope, (at, answer), &next, last_read);
        }
    }

    /// Instruments for whose events nobody was asked.
    fn nobody_answers_for(&self) -> Vec<NotProved> {
        if !self.audit.only.is_empty() {
            return Vec::new();
        }
        let chosen = self.scope.instruments.iter().filter(|one| self.scope.is_chosen(&one.pid));
        let (_, unserved) = plugins::served(chosen, self.audit.harvesters);
        let unreadable = self.scope.instruments.unreadable().iter();
        let unreadable = unreadable.filter(|_| self.scope.chosen.is_empty()).map(ToString::to_string);
        let sentence = |why| NotProved { harvester: None, instruments: Vec::new(), why };
        // Nothing found where nobody looked is no proof.
        let nobody = (self.audit.harvesters.is_empty() && self.scope.instruments.is_empty()).then(|| {
            "the configuration has no harvester and the database no instrument, so nobody was asked"
                .to_owned()
        });
        unserved.sentences().into_iter().chain(unreadable).chain(nobody).map(sentence).collect()
    }
}

/// The classes of a harvester must hold as many events as it told of.
fn check(audit: &HarvesterAudit) -> Result<(), AuditError> {
    let (told, classed) = (audit.told.events(), audit.sum.total());
    if told == classed {
        return Ok(());
    }
    let (harvester, sum) = (audit.harvester.clone(), Box::new(audit.sum.clone()));
    Err(AuditError::Unequal { harvester, told, classed, sum })
}

/// What the next run asks a harvester, and when the cursors of its instruments last moved.
fn next_question(
    Tables { connection, has_own }: Tables<'_>,
    answer: &Answer,
) -> Result<(HarvestRequest, BTreeMap<InstrumentPid, UtcTime>), AuditError> {
    if !has_own {
        // Nothing was read yet: the first run asks for everything.
        return Ok((first_question(&answer.instruments), BTreeMap::new()));
    }
    let request = question::next(connection, &answer.harvester, &answer.instruments)?;
    Ok((request, last_read(connection, &answer.harvester)?))
}

fn first_question(instruments: &[InstrumentRef]) -> HarvestRequest {
    let instruments = instruments.iter().cloned();
    let query = |instrument| nexus_plugin_api::InstrumentQuery { instrument, cursor: None };
    HarvestRequest { instruments: instruments.map(query).collect(), ..HarvestRequest::default() }
}

fn last_read(
    connection: &Connection,
    harvester: &HarvesterName,
) -> Result<BTreeMap<InstrumentPid, UtcTime>, OwnTableError> {
    let cursors = Cursor::of_harvester(connection, harvester)?;
    Ok(cursors.into_iter().map(|(pid, cursor)| (pid, cursor.checked_at)).collect())
}

/// The command that reads a span of ends again; as instants, since whoever types it may sit in another zone.
fn remedy((first, last): (DateTime<Utc>, DateTime<Utc>)) -> String {
    let whole = |at: DateTime<Utc>| {
        let seconds = at.timestamp().rem_euclid(60);
        at.checked_sub_signed(TimeDelta::seconds(seconds)).unwrap_or(at)
    };
    let after = whole(last).checked_add_signed(TimeDelta::minutes(1)).unwrap_or(last);
    let written = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ");
    format!("nexus harvest --since {} --until {}", written(whole(first)), written(after))
}

/// Instruments by name, not endlessly many.
fn named(instruments: &[InstrumentPid]) -> String {
    const MOST: usize = 10;
    let mut names: Vec<String> = instruments.iter().take(MOST).map(|pid| format!("`{pid}`")).collect();
    let more = instruments.len().saturating_sub(MOST);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

impl NotProved {
    /// As a person reads it.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.harvester {
            Some(harvester) => format!("harvester `{harvester}`, {}: {}", named(&self.instruments), self.why),
            None if self.instruments.is_empty() => self.why.clone(),
            None => format!("{}: {}", named(&self.instruments), self.why),
        }
    }
}
