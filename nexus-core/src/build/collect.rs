//! Outcomes become commits and lines of the report.

use std::sync::{Arc, Mutex, mpsc};

use super::make::{End, Outcome};
use super::permits::Permits;
use super::{BuildReport, Builder, CRASHED, Pending, line, lock, save};
use crate::report::{MOST_LINES, Progress, SessionResult};
use crate::session::{RecordStatus, Session};
use crate::writer::WriteError;

impl Builder<'_> {
    /// Saves outcomes as they come: whatever is ready goes to the writer together.
    pub(super) fn collect(
        &self,
        collected: &mpsc::Receiver<Outcome>,
        permits: &Permits,
        report: &Mutex<BuildReport>,
    ) -> Result<(), WriteError> {
        while let Ok(first) = collected.recv() {
            let ready: Vec<Outcome> = std::iter::once(first).chain(collected.try_iter()).collect();
            let count = ready.len();
            self.save_all(ready, report)?;
            permits.give(count);
            self.bell.ring();
        }
        Ok(())
    }

    /// Saves outcomes in one group, and waits for the commit.
    pub(super) fn save_all(
        &self,
        outcomes: Vec<Outcome>,
        report: &Mutex<BuildReport>,
    ) -> Result<(), WriteError> {
        let pending = outcomes.into_iter().map(|outcome| self.save(outcome)).collect();
        self.take_notes(pending, report)
    }

    fn save(&self, outcome: Outcome) -> Pending {
        let Outcome { job, end, seconds } = outcome;
        let mut pending = match end {
            End::Built(record) => {
                let status = RecordStatus::BuiltNotExported.to_string();
                let mut line = line(&job.session, status, &job.plan.record_name);
                line.files = record.file_count;
                let built = save::Built {
                    session: job.session,
                    rebuild: job.rebuild,
                    reservation: job.plan.reservation,
                    record,
                    routes: self.routes.clone(),
                    now: self.clock.now(),
                    now_local: self.clock.now_local(),
                    version: self.version.to_owned(),
                    boot: self.boot.to_owned(),
                    journal: Arc::clone(&self.journal),
                };
                (line, self.writer.submit(move |tx| save::built(tx, &built)))
            }
            End::Waiting { reason, detail } => self.wait(&job.session, reason, &detail),
            // The record that is there stays: a new one was asked for, and cannot be.
            End::Invalid(text) if job.rebuild => self.wait(&job.session, "rebuild is not valid", &text),
            End::Invalid(text) => self.settle(&job.session, RecordStatus::Error, "invalid_record", &text),
            End::Crashed(message) => {
                let text = format!("{CRASHED}: {message}; `nexus sessions retry` tries it once more");
                if job.rebuild {
                    self.wait(&job.session, "rebuild crashed", &text)
                } else {
                    self.settle(&job.session, RecordStatus::Error, "crashed", &text)
                }
            }
        };
        pending.0.seconds = seconds;
        pending
    }

    /// Settles a session without a record.
    pub(super) fn settle(
        &self,
        session: &Session,
        status: RecordStatus,
        code: &'static str,
        text: &str,
    ) -> Pending {
        let settled = save::Settled {
            session: session.clone(),
            status,
            code,
            text: text.to_owned(),
            now: self.clock.now(),
            now_local: self.clock.now_local(),
            journal: Arc::clone(&self.journal),
        };
        let line = line(session, status.to_string(), text);
        (line, self.writer.submit(move |tx| save::settled(tx, &settled)))
    }

    /// Leaves a session as it is, with the reason.
    pub(super) fn wait(&self, session: &Session, reason: &str, detail: &str) -> Pending {
        let line = line(session, "WAITING".to_owned(), detail);
        let (id, reason, now) = (session.identifier.clone(), reason.to_owned(), self.clock.now());
        (line, self.writer.submit(move |tx| save::waiting(tx, &id, &reason, now)))
    }

    /// Waits for commits, and notes what they were.
    pub(super) fn take_notes(
        &self,
        pending: Vec<Pending>,
        report: &Mutex<BuildReport>,
    ) -> Result<(), WriteError> {
        for (line, ticket) in pending {
            let saved = ticket.wait()?;
            self.take_note(&mut lock(report), line, saved);
        }
        Ok(())
    }

    fn take_note(&self, report: &mut BuildReport, mut line: SessionResult, saved: save::Saved) {
        let counts = &mut report.counts;
        match saved {
            save::Saved::Settled(status) => {
                match status {
                    RecordStatus::NoConsent => counts.no_consent += 1,
                    RecordStatus::NoReservation => counts.no_reservation += 1,
                    RecordStatus::NoFilesFound => counts.no_files += 1,
                    RecordStatus::Error => counts.error += 1,
                    _ => counts.built += 1,
                }
                line.result = status.to_string();
            }
            save::Saved::Waiting(reason) => *counts.waiting.entry(reason).or_default() += 1,
            save::Saved::Moved(actual) => {
                line.detail = format!("another program made it {actual} meanwhile: left alone");
                *counts.waiting.entry("moved by another program".to_owned()).or_default() += 1;
            }
        }
        let crashed = line.detail.starts_with(CRASHED);
        if crashed || line.result == RecordStatus::Error.to_string() {
            report.needs_person.push(format!("session {}: {}", line.session, line.detail));
        }
        (self.progress)(Progress::Session(&line));
        counts.note_time(&line);
        if report.sessions.len() < MOST_LINES {
            report.sessions.push(line);
        } else {
            counts.lines_left_out += 1;
        }
    }
}
