//! Sessions → records: reservations in bulk, one walk per instrument folder, the rayon pool, the commits.
//!
//! The pool does CPU and local files only. What it makes goes to one collector, which saves whatever is ready
//! together, gives the permits back and rings for the exporters.

mod permits;
mod plan;
mod reservations;
mod save;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use nexus_plugin_api::Reservation;
use uuid::Uuid;

pub(crate) use plan::reserve_name;
pub use reservations::Answer;

use crate::builder::{self, Material};
use crate::clock::Clock;
use crate::durable::{self, DurableError};
use crate::export::{Bell, Routes};
use crate::extract::Readers;
use crate::folders::Folders;
use crate::ids::SessionId;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::plugins::HarvesterInstance;
use crate::report::{BuildCounts, SessionResult};
use crate::session::{RecordStatus, Session};
use crate::session_state;
use crate::stop::StopFlag;
use crate::timestamp::Timestamp;
use crate::walk::{Forest, Selection, Window};
use crate::writer::{Ticket, WriteError, Writer};
use permits::Permits;

/// Sessions in hand for each thread of the pool: bounds memory, whatever the backlog.
const IN_HAND_PER_THREAD: usize = 4;
/// Sessions marked as in hand in one commit.
const PAGE: usize = 32;

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
    /// Which files count.
    pub selection: &'a Selection,
    /// How long files may arrive late.
    pub file_delay: TimeDelta,
    /// The pool.
    pub pool: &'a rayon::ThreadPool,
    /// Rung after each commit.
    pub bell: &'a Bell,
    /// Set when the run is asked to stop.
    pub stop: &'a StopFlag,
    /// Version of this program, for the records.
    pub version: &'a str,
    /// Who reads the files.
    pub readers: &'a Readers,
    /// How readily pauses between files part activities.
    pub sensitivity: f64,
    /// Whether previews are made.
    pub previews: bool,
    /// The journal of the run.
    pub journal: Arc<Journal>,
    /// Told after every session.
    pub progress: &'a (dyn Fn(&SessionResult) + Sync),
}

/// What the build of a run did.
#[derive(Default)]
pub struct BuildReport {
    /// Counts.
    pub counts: BuildCounts,
    /// One line per session.
    pub sessions: Vec<SessionResult>,
    /// What somebody should look at.
    pub needs_person: Vec<String>,
    /// Moves that are on their way into the database.
    pending: Vec<(SessionResult, Ticket<save::Saved>)>,
}

/// A session that is ready to be built.
#[derive(Debug)]
struct Job {
    session: Session,
    record_key: Uuid,
    record_name: String,
    /// Its record may be somewhere: its status stays until the new one is committed.
    rebuild: bool,
    /// It was in hand when an earlier run ended before its time.
    suspect: bool,
    reservation: Reservation,
    /// The walk of its instrument's folder, shared by all its sessions.
    forest: Arc<Forest>,
    /// Its instrument's folder in that walk.
    root: usize,
    /// Its window in that folder.
    window: Window,
}

/// How a session ended, before it is saved.
#[derive(Debug)]
enum Outcome {
    /// The record is on disk.
    Built { job: Box<Job>, record: builder::BuiltRecord },
    /// The record could not be written: the session stays as it is.
    Waiting { job: Box<Job>, reason: String },
    /// Making the record panicked, and would do so again.
    Crashed { job: Box<Job>, message: String },
}

impl Builder<'_> {
    /// Builds every session that is to be built and can be.
    ///
    /// # Errors
    /// The database cannot be read or written. Everything else costs one session, and is in the report.
    pub fn run(&self) -> Result<BuildReport, WriteError> {
        let mut report = BuildReport::default();
        let jobs = plan::plan(self, &mut report)?;
        self.drain(&mut report)?;
        if jobs.is_empty() {
            return Ok(report);
        }
        if let Err(error) = durable::create_dir_all_durable(&self.folders.records) {
            return self.put_off(jobs, &error, report);
        }
        let report = Mutex::new(report);
        let (suspects, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.suspect);
        self.build_suspects(suspects, &report)?;
        self.build_all(jobs, &report)?;
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.sessions.sort_by(|a, b| a.end.cmp(&b.end).then_with(|| a.session.cmp(&b.session)));
        Ok(report)
    }

    fn build_all(&self, jobs: Vec<Job>, report: &Mutex<BuildReport>) -> Result<(), WriteError> {
        let permits = Permits::new(self.pool.current_num_threads().max(1) * IN_HAND_PER_THREAD);
        let (done, collected) = mpsc::channel::<Outcome>();
        std::thread::scope(|scope| {
            let permits = &permits;
            let collector = scope.spawn(move || {
                let result = self.collect(&collected, permits, report);
                // A session that waits for a permit must not wait for a collector that has given up.
                permits.open();
                result
            });
            let mut failed = None;
            let mut let_go = Vec::new();
            self.pool.in_place_scope(|pool| {
                let mut jobs = jobs.into_iter().peekable();
                while jobs.peek().is_some() {
                    let page: Vec<Job> = jobs.by_ref().take(PAGE).collect();
                    if failed.is_none() && !self.stop.is_set() && !collector.is_finished() {
                        failed = self.mark_in_hand(&page).err();
                    } else {
                        lock(report).counts.not_reached += page.len() as u64;
                        continue;
                    }
                    for job in page {
                        permits.take();
                        if self.stop.is_set() || failed.is_some() {
                            lock(report).counts.not_reached += 1;
                            let_go.push(job.session.identifier);
                            permits.give(1);
                            continue;
                        }
                        let done = done.clone();
                        pool.spawn(move |_| {
                            let outcome = self.build_one(Box::new(job));
                            // The collector is gone only when the database failed: the run ends with that.
                            let _ = done.send(outcome);
                        });
                    }
                }
            });
            drop(done);
            let collected = collector.join().unwrap_or_else(|_| Err(WriteError::Closed));
            failed.map_or(Ok(()), Err).and(collected)?;
            self.let_go(let_go)
        })
    }

    /// Builds one by one the sessions that were in hand when the program ended before its time: if it happens
    /// again, it is known which one it was.
    fn build_suspects(&self, jobs: Vec<Job>, report: &Mutex<BuildReport>) -> Result<(), WriteError> {
        for job in jobs {
            if self.stop.is_set() {
                lock(report).counts.not_reached += 1;
                continue;
            }
            self.mark_in_hand(std::slice::from_ref(&job))?;
            let outcome = self.pool.install(|| self.build_one(Box::new(job)));
            let (line, ticket) = self.save(outcome);
            let saved = ticket.wait()?;
            self.take_note(&mut lock(report), line, saved);
            self.bell.ring();
        }
        Ok(())
    }

    /// Remembers which sessions are being built, so that one that ends the program twice is found out.
    fn mark_in_hand(&self, jobs: &[Job]) -> Result<(), WriteError> {
        let ids: Vec<SessionId> = jobs.iter().map(|job| job.session.identifier.clone()).collect();
        self.writer.run(move |tx| {
            for id in &ids {
                session_state::begin_attempt(tx, id)?;
            }
            Ok(())
        })
    }

    /// Sessions that were marked and not begun, because the run was asked to stop, have crashed nothing.
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

    fn build_one(&self, job: Box<Job>) -> Outcome {
        let material = Material {
            record_key: job.record_key,
            instrument_pid: job.session.instrument.pid.to_string(),
            instrument_name: job.session.instrument.display_name.clone(),
            zone: job.session.zone,
            start: job.session.start.in_zone(job.session.zone),
            reservation: job.reservation.clone(),
            files: job.forest.tree(job.root).map(|tree| tree.files(job.window)).unwrap_or_default(),
            instrument_data: self.folders.instrument_data.clone(),
            data: self.folders.data.clone(),
            readers: self.readers,
            clock: self.clock,
            version: self.version,
            sample_ids: builder::SampleIds::Derived,
            sensitivity: self.sensitivity,
            previews: self.previews,
        };
        // A panic that left the pool would end the run with every session in hand.
        let record = match catch_unwind(AssertUnwindSafe(|| builder::build(&material))) {
            Ok(Ok(record)) => record,
            Ok(Err(error)) => return Outcome::Waiting { job, reason: with_causes(&error) },
            Err(panic) => return Outcome::Crashed { job, message: message_of(panic.as_ref()) },
        };
        match durable::write_atomic(&self.folders.fresh_record(&job.record_name), &record.xml) {
            Ok(()) => Outcome::Built { job, record },
            Err(error) => Outcome::Waiting { job, reason: with_causes(&error) },
        }
    }

    /// Saves outcomes as they come: whatever is ready goes to the writer together.
    fn collect(
        &self,
        collected: &mpsc::Receiver<Outcome>,
        permits: &Permits,
        report: &Mutex<BuildReport>,
    ) -> Result<(), WriteError> {
        while let Ok(first) = collected.recv() {
            let ready: Vec<Outcome> = std::iter::once(first).chain(collected.try_iter()).collect();
            let count = ready.len();
            let mut tickets = Vec::with_capacity(count);
            for outcome in ready {
                tickets.push(self.save(outcome));
            }
            for (line, ticket) in tickets {
                let saved = ticket.wait()?;
                self.take_note(&mut lock(report), line, saved);
            }
            permits.give(count);
            self.bell.ring();
        }
        Ok(())
    }

    fn save(&self, outcome: Outcome) -> (SessionResult, Ticket<save::Saved>) {
        match outcome {
            Outcome::Built { job, record } => {
                let mut line =
                    line(&job.session, RecordStatus::BuiltNotExported.to_string(), &job.record_name);
                line.files = record.file_count;
                let built = save::Built {
                    session: job.session,
                    rebuild: job.rebuild,
                    reservation: job.reservation,
                    record,
                    routes: self.routes.clone(),
                    now: self.clock.now(),
                    now_local: self.clock.now_local(),
                    version: self.version.to_owned(),
                    journal: Arc::clone(&self.journal),
                };
                (line, self.writer.submit(move |tx| save::built(tx, &built)))
            }
            Outcome::Waiting { job, reason } => {
                let line = line(&job.session, "WAITING".to_owned(), &reason);
                let (id, now) = (job.session.identifier, self.clock.now());
                (line, self.writer.submit(move |tx| save::waiting(tx, &id, &reason, now)))
            }
            Outcome::Crashed { job, message } => self.save_crash(&job, &message),
        }
    }

    /// A session whose build panics is settled at once: it is known which one it was.
    fn save_crash(&self, job: &Job, message: &str) -> (SessionResult, Ticket<save::Saved>) {
        let text = format!("{CRASHED}: {message}; `nexus sessions retry` tries it once more");
        if job.rebuild {
            let (id, now) = (job.session.identifier.clone(), self.clock.now());
            let line = line(&job.session, "WAITING".to_owned(), &text);
            return (line, self.writer.submit(move |tx| save::waiting(tx, &id, "rebuild crashed", now)));
        }
        let settled = self.settled(&job.session, RecordStatus::Error, "crashed", &text);
        let line = line(&job.session, RecordStatus::Error.to_string(), &text);
        (line, self.writer.submit(move |tx| save::settled(tx, &settled)))
    }

    fn take_note(&self, report: &mut BuildReport, mut line: SessionResult, saved: save::Saved) {
        match saved {
            save::Saved::Settled(status) => {
                let counts = &mut report.counts;
                match status {
                    RecordStatus::NoConsent => counts.no_consent += 1,
                    RecordStatus::NoReservation => counts.no_reservation += 1,
                    RecordStatus::NoFilesFound => counts.no_files += 1,
                    RecordStatus::Error => counts.error += 1,
                    _ => counts.built += 1,
                }
                line.result = status.to_string();
            }
            save::Saved::Waiting(reason) => *report.counts.waiting.entry(reason).or_default() += 1,
            save::Saved::Moved(actual) => {
                line.detail = format!("another program made it {actual} meanwhile: left alone");
                *report.counts.waiting.entry("moved by another program".to_owned()).or_default() += 1;
            }
        }
        let crashed = line.detail.starts_with(CRASHED);
        if crashed || line.result == RecordStatus::Error.to_string() {
            report.needs_person.push(format!("session {}: {}", line.session, line.detail));
        }
        tracing::info!(session = %line.session, result = %line.result, "{}", line.detail);
        (self.progress)(&line);
        report.sessions.push(line);
    }

    /// Settles a session without a record. Saved together with others; see [`Self::drain`].
    fn settle(
        &self,
        session: &Session,
        status: RecordStatus,
        code: &'static str,
        text: &str,
        report: &mut BuildReport,
    ) {
        let line = line(session, status.to_string(), text);
        let settled = self.settled(session, status, code, text);
        report.pending.push((line, self.writer.submit(move |tx| save::settled(tx, &settled))));
    }

    fn settled(
        &self,
        session: &Session,
        status: RecordStatus,
        code: &'static str,
        text: &str,
    ) -> save::Settled {
        save::Settled {
            session: session.clone(),
            status,
            code,
            text: text.to_owned(),
            now: self.clock.now(),
            now_local: self.clock.now_local(),
            journal: Arc::clone(&self.journal),
        }
    }

    /// Leaves a session as it is, with the reason. Saved together with others; see [`Self::drain`].
    fn wait(&self, session: &Session, reason: &str, detail: &str, report: &mut BuildReport) {
        let line = line(session, "WAITING".to_owned(), detail);
        let (id, reason, now) = (session.identifier.clone(), reason.to_owned(), self.clock.now());
        report.pending.push((line, self.writer.submit(move |tx| save::waiting(tx, &id, &reason, now))));
    }

    /// Waits for the commits of everything that was settled or left waiting.
    fn drain(&self, report: &mut BuildReport) -> Result<(), WriteError> {
        for (line, ticket) in std::mem::take(&mut report.pending) {
            self.take_note(report, line, ticket.wait()?);
        }
        Ok(())
    }

    fn put_off(
        &self,
        jobs: Vec<Job>,
        error: &DurableError,
        mut report: BuildReport,
    ) -> Result<BuildReport, WriteError> {
        let reason = with_causes(error);
        report.needs_person.push(reason.clone());
        for job in jobs {
            self.wait(&job.session, &reason, &reason, &mut report);
        }
        self.drain(&mut report)?;
        Ok(report)
    }
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
    }
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

fn lock(report: &Mutex<BuildReport>) -> std::sync::MutexGuard<'_, BuildReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with everything behind it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
