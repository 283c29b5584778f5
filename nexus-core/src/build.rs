//! Sessions → records: reservations in bulk, one walk over the instruments' folders, the rayon pool, the commits.
//!
//! ```text
//! backlog → tranche → page → plan ─┬→ settled or waiting ────────────→ writer
//!                                  └→ pool: make the record → collector → writer, bell of the exporters
//! ```
//!
//! The pool does CPU and local files only. What it makes goes to one collector, which saves whatever is ready
//! together, gives the permits back and rings for the exporters. Tranches, pages and permits bound what is in
//! memory, whatever the backlog; the next page is planned while the pool builds.

mod backlog;
mod collect;
mod files;
mod make;
mod notices;
mod permits;
mod plan;
mod rehearse;
mod reservations;
mod save;
mod skip;
mod tranches;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

pub use backlog::Choice;
pub(crate) use plan::reserve_name;
pub use rehearse::{PlannedActivity, PlannedSession};
pub use reservations::Answer;
pub use skip::{SKIPPED, Skipped, skip};
pub use tranches::TRANCHE;

use crate::causes::with_causes;
use crate::clock::Clock;
use crate::durable::{self, DurableError};
use crate::export::{Bell, Routes};
use crate::extract::Readers;
use crate::folders::Folders;
use crate::ids::SessionId;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::plugins::{HarvesterInstance, Unserved};
use crate::report::{self, BuildCounts, Lines, Progress, SessionResult};
use crate::session::Session;
use crate::session_state;
use crate::stop::StopFlag;
use crate::timestamp::Timestamp;
use crate::validate::RecordValidator;
use crate::walk::Selection;
use crate::writer::{Ticket, WriteError, Writer};
use backlog::Entry;
use files::Files;
use make::{Job, Outcome};
use notices::Notices;
use permits::Permits;
use plan::{Planned, Verdict};

/// Sessions in hand for each thread of the pool: bounds memory, whatever the backlog, and keeps the threads at work
/// during a slow commit.
const IN_HAND_PER_THREAD: usize = 16;
/// Sessions marked as in hand in one commit.
const MARKED_AT_ONCE: usize = 32;
/// Sessions planned together: their reservations are asked for in bulk.
const PAGE: usize = 500;

/// How the reason of a session that ended the program begins.
const CRASHED: &str = "crashed the program";

/// Everything the build of one run needs.
pub struct Builder<'a> {
    /// Where rows are read and saved.
    pub writer: &'a Writer,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Where things are.
    pub folders: &'a Folders,
    /// The instruments, read once.
    pub instruments: &'a Instruments,
    /// Who knows the reservations.
    pub harvesters: &'a [HarvesterInstance],
    /// Where records go.
    pub routes: Routes,
    /// Which sessions are wanted.
    pub choice: &'a Choice,
    /// How many sessions are listed, looked for and built at a time; [`TRANCHE`] but in tests.
    pub tranche: NonZeroUsize,
    /// Which files count.
    pub selection: &'a Selection,
    /// How long files may arrive late.
    pub file_delay: TimeDelta,
    /// How long files must have been left alone.
    pub quiet_period: Duration,
    /// Whether links out of an instrument's folder are followed.
    pub follow_outside_links: bool,
    /// Whether a storage that is not the one of the last run is taken as it is.
    pub accept_storage: bool,
    /// The pool.
    pub pool: &'a rayon::ThreadPool,
    /// Rung after each commit.
    pub bell: &'a Bell,
    /// Set when the run is asked to stop.
    pub stop: &'a StopFlag,
    /// Version of this program, for the records.
    pub version: &'a str,
    /// Which boot of the machine this is.
    pub boot: &'a str,
    /// Who reads the files.
    pub readers: &'a Readers,
    /// Who judges the records.
    pub validator: &'a dyn RecordValidator,
    /// How readily pauses between files part activities.
    pub sensitivity: f64,
    /// Whether previews are made.
    pub previews: bool,
    /// The journal of the run.
    pub journal: Arc<Journal>,
    /// Told how far the build is.
    pub progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// What the build of a run did.
#[derive(Debug, Default)]
pub struct BuildReport {
    /// Counts.
    pub counts: BuildCounts,
    /// A line for each session, as many as a report holds.
    pub lines: Lines,
    /// What somebody should look at.
    pub needs_person: report::Told,
    /// What is worth knowing.
    pub warnings: Vec<String>,
    /// Instruments whose sessions wait because no harvester serves them.
    pub unserved: Unserved,
    /// By reason: how many sessions wait, and what is known of the first.
    troubles: BTreeMap<String, (u64, String)>,
}

impl BuildReport {
    /// Says each trouble that sessions share, once.
    fn tell_troubles(&mut self) {
        let troubles = std::mem::take(&mut self.troubles).into_iter();
        self.needs_person.extend(
            troubles.map(|(reason, (count, detail))| format!("{reason} ({}): {detail}", waiting(count))),
        );
    }
}

/// A commit that is on its way.
struct Pending {
    /// The session that it is about.
    line: SessionResult,
    ticket: Ticket<save::Saved>,
    told: Told,
}

/// Whether somebody should look at a session that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It will be built by and by, or the plan has said what is the matter.
    No,
    /// Its disk or its storage is at fault, and that of others too: the trouble is told once.
    Together,
    /// Something is wrong with this one.
    ByName,
}

impl Builder<'_> {
    /// Builds every session that is to be built, is wanted and can be.
    ///
    /// # Errors
    /// The database cannot be read or written. Everything else costs one session, and is in the report.
    pub fn run(&self) -> Result<BuildReport, WriteError> {
        let report = Mutex::new(BuildReport::default());
        let mut notices = Notices::default();
        let done = self.in_tranches(&report, &mut notices, &mut |tranche, left, notices| {
            if let Err(error) = durable::create_dir_all_durable(&self.folders.records) {
                return self.put_off(
                    tranche.suspects.into_iter().chain(tranche.others),
                    &error,
                    &report,
                    notices,
                );
            }
            let mut files = Files::of(tranche.places, self);
            self.build_suspects(tranche.suspects, &mut files, left, &report, notices)?;
            self.build_others(tranche.others, &mut files, left, &report, notices)
        });
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.unserved = notices.tell(&mut report.needs_person, &mut report.warnings);
        report.tell_troubles();
        done.map(|()| report)
    }

    /// Builds one by one the sessions that were in hand when the program ended before its time: if it happens
    /// again, it is known which one it was.
    fn build_suspects(
        &self,
        suspects: Vec<Entry>,
        files: &mut Files,
        left: &mut usize,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
    ) -> Result<(), WriteError> {
        let mut suspects = suspects.into_iter();
        while !self.stop.is_set() && *left > 0 {
            let Some(suspect) = suspects.next() else { break };
            for job in self.page(vec![suspect], files, left, report, notices)? {
                self.mark_in_hand(std::slice::from_ref(&job))?;
                let outcome = self.pool.install(|| self.make(Box::new(job)));
                self.save_all(vec![outcome], report)?;
                self.bell.ring();
            }
        }
        self.leave(suspects.len(), report);
        Ok(())
    }

    fn build_others(
        &self,
        others: Vec<Entry>,
        files: &mut Files,
        left: &mut usize,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
    ) -> Result<(), WriteError> {
        let permits = Permits::new(self.pool.current_num_threads().max(1) * IN_HAND_PER_THREAD);
        let (done, collected) = mpsc::channel::<Outcome>();
        std::thread::scope(|scope| {
            let permits = &permits;
            let collector = scope.spawn(move || {
                // A session that waits for a permit must not wait for a collector that has given up.
                let _open = permits.open_at_the_end();
                self.collect(&collected, permits, report)
            });
            let fed: Result<Vec<SessionId>, WriteError> = self.pool.in_place_scope(|pool| {
                let mut let_go = Vec::new();
                let mut others = others.into_iter();
                while !self.stop.is_set() && *left > 0 && !collector.is_finished() {
                    let page: Vec<Entry> = others.by_ref().take(page_size(*left)).collect();
                    if page.is_empty() {
                        break;
                    }
                    let mut jobs = self.page(page, files, left, report, notices)?.into_iter();
                    while !self.stop.is_set() {
                        let marked: Vec<Job> = jobs.by_ref().take(MARKED_AT_ONCE).collect();
                        if marked.is_empty() {
                            break;
                        }
                        self.mark_in_hand(&marked)?;
                        for job in marked {
                            permits.take();
                            if self.stop.is_set() {
                                lock(report).counts.not_reached += 1;
                                let_go.push(job.session.identifier);
                                permits.give(1);
                                continue;
                            }
                            let done = done.clone();
                            pool.spawn(move |_| {
                                // The collector is gone only when the database failed: the run ends with that.
                                let _ = done.send(self.make(Box::new(job)));
                            });
                        }
                    }
                    lock(report).counts.not_reached += jobs.len() as u64;
                }
                self.leave(others.len(), report);
                Ok(let_go)
            });
            drop(done);
            let collected = collector.join().unwrap_or_else(|_| Err(WriteError::Closed));
            let let_go = fed?;
            collected?;
            self.let_go(let_go)
        })
    }

    /// Plans a page, saves what can be settled or has to wait, and answers what is to be built.
    fn page(
        &self,
        page: Vec<Entry>,
        files: &mut Files,
        left: &mut usize,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
    ) -> Result<Vec<Job>, WriteError> {
        let mut jobs = Vec::new();
        let mut pending: Vec<Pending> = Vec::new();
        for Planned { session, rebuild, verdict } in self.plan_page(page, files, left, report, notices)? {
            match verdict {
                Verdict::Build(plan) => jobs.push(Job { session, rebuild, plan }),
                Verdict::Settle { status, code, text } => {
                    pending.push(self.settle(&session, status, code, &text));
                }
                Verdict::Wait { reason, detail } => {
                    pending.push(self.wait(&session, &reason, &detail, Told::No));
                }
                Verdict::Drop { reason, code, detail } => {
                    pending.push(self.drop_rebuild(&session, reason, code, &detail));
                }
            }
        }
        self.take_notes(pending, report)?;
        Ok(jobs)
    }

    /// Plans a page, as much of it as may still be built or settled.
    fn plan_page(
        &self,
        page: Vec<Entry>,
        files: &mut Files,
        left: &mut usize,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
    ) -> Result<Vec<Planned>, WriteError> {
        let asked = page.len();
        let planned = plan::plan(self, page, files, notices)?;
        lock(report).counts.removed_meanwhile(asked - planned.len());
        let (mut planned, beyond) = plan::within_limit(planned, left);
        lock(report).counts.beyond_limit += beyond;
        plan::reserve_names(self, &mut planned)?;
        Ok(planned)
    }

    /// Sessions whose turn did not come: somebody asked to stop, or for no more.
    fn leave(&self, count: usize, report: &Mutex<BuildReport>) {
        let counts = &mut lock(report).counts;
        if self.stop.is_set() {
            counts.not_reached += count as u64;
        } else {
            counts.beyond_limit += count as u64;
        }
    }

    /// Remembers which sessions are being built, so that one that ends the program twice is found out.
    fn mark_in_hand(&self, jobs: &[Job]) -> Result<(), WriteError> {
        let ids: Vec<SessionId> = jobs.iter().map(|job| job.session.identifier.clone()).collect();
        let journal = Arc::clone(&self.journal);
        self.writer.run(move |tx| {
            journal.begin(tx)?;
            for id in &ids {
                session_state::begin_attempt(tx, id)?;
            }
            Ok(())
        })
    }

    /// Sessions that were marked and then left alone have crashed nothing.
    fn let_go(&self, ids: Vec<SessionId>) -> Result<(), WriteError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.writer.run(move |tx| {
            for id in &ids {
                session_state::end_attempt(tx, id)?;
            }
            Ok(())
        })
    }

    /// There is nowhere to put records: every session waits.
    fn put_off(
        &self,
        entries: impl Iterator<Item = Entry>,
        error: &DurableError,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
    ) -> Result<(), WriteError> {
        let reason = with_causes(error);
        let mut entries = entries.into_iter();
        loop {
            let page: Vec<Entry> = entries.by_ref().take(PAGE).collect();
            if page.is_empty() {
                return Ok(());
            }
            let (asked, known) = (page.len(), plan::remembered(self, page)?);
            lock(report).counts.removed_meanwhile(asked - known.len());
            let wait = |known: &plan::Known| {
                notices.waits(&reason);
                self.wait(&known.session, "no folder for records", &reason, Told::No)
            };
            let pending = known.iter().map(wait).collect();
            self.take_notes(pending, report)?;
        }
    }
}

/// How many sessions wait, in words.
fn waiting(count: u64) -> String {
    if count == 1 { "1 session waits".to_owned() } else { format!("{count} sessions wait") }
}

/// How many sessions to plan together when so many may still be built. A small limit is no reason to ask for
/// reservations one by one.
fn page_size(left: usize) -> usize {
    left.clamp(reservations::BULK, PAGE)
}

fn line(session: &Session, result: String, detail: &str) -> SessionResult {
    let local = |time: &Timestamp| Timestamp::from_fixed(time.in_zone(session.zone)).to_string();
    SessionResult {
        session: session.identifier.clone(),
        instrument: session.instrument.pid.to_string(),
        user: session.user.clone(),
        start: local(&session.start),
        end: local(&session.end),
        result,
        detail: detail.to_owned(),
        files: 0,
        seconds: 0.0,
    }
}

fn lock(report: &Mutex<BuildReport>) -> MutexGuard<'_, BuildReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}
