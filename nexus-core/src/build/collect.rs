//! Outcomes become commits and lines of the report.

use std::sync::{Arc, Mutex, mpsc};

use super::make::{End, Outcome};
use super::permits::Permits;
use super::save::MovedMeanwhile;
use super::{BuildReport, Builder, CRASHED, Pending, Told, line, lock, save};
use crate::report::{MOVED_MEANWHILE, Progress, SessionResult};
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
                let ticket = self.writer.submit(move |tx| save::built(tx, &built));
                Pending { line, ticket, told: Told::No }
            }
            End::Waiting { reason, detail, told } => self.wait(&job.session, reason, &detail, told),
            // The record that is there stays: a new one was asked for, and cannot be.
            End::Invalid(text) if job.rebuild => {
                self.wait(&job.session, "rebuild is not valid", &text, Told::ByName)
            }
            End::Invalid(text) => self.settle(&job.session, RecordStatus::Error, "invalid_record", &text),
            End::Crashed(message) => {
                let text = format!("{CRASHED}: {message}; `nexus sessions retry` tries it once more");
                if job.rebuild {
                    self.wait(&job.session, "rebuild crashed", &text, Told::ByName)
                } else {
                    self.settle(&job.session, RecordStatus::Error, "crashed", &text)
                }
            }
        };
        pending.line.seconds = seconds;
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
        let ticket = self.writer.submit(move |tx| save::settled(tx, &settled));
        Pending { line, ticket, told: Told::No }
    }

    /// Leaves a session as it is, with the reason.
    pub(super) fn wait(&self, session: &Session, reason: &str, detail: &str, told: Told) -> Pending {
        let line = line(session, "WAITING".to_owned(), detail);
        let (id, reason, now) = (session.identifier.clone(), reason.to_owned(), self.clock.now());
        let ticket = self.writer.submit(move |tx| save::waiting(tx, &id, &reason, now));
        Pending { line, ticket, told }
    }

    /// Takes back the wish for another record, and tells it.
    pub(super) fn drop_rebuild(
        &self,
        session: &Session,
        reason: &'static str,
        code: &'static str,
        detail: &str,
    ) -> Pending {
        let line = line(session, "WAITING".to_owned(), detail);
        let (id, detail, now) = (session.identifier.clone(), detail.to_owned(), self.clock.now());
        let journal = Arc::clone(&self.journal);
        let ticket = self.writer.submit(move |tx| {
            save::dropped(tx, &id, code, &detail, &journal, now)?;
            Ok(save::Saved::Waiting(reason.to_owned()))
        });
        Pending { line, ticket, told: Told::ByName }
    }

    /// Waits for commits, and notes what they were.
    pub(super) fn take_notes(
        &self,
        pending: Vec<Pending>,
        report: &Mutex<BuildReport>,
    ) -> Result<(), WriteError> {
        for Pending { line, ticket, told } in pending {
            let saved = match ticket.wait() {
                Ok(saved) => saved,
                // What another program did to one session ends nothing.
                Err(error) => match error.cause::<MovedMeanwhile>() {
                    Some(MovedMeanwhile(actual)) => {
                        self.let_go(vec![line.session.clone()])?;
                        save::Saved::Moved(*actual)
                    }
                    None => return Err(error),
                },
            };
            self.take_note(&mut lock(report), line, saved, told);
        }
        Ok(())
    }

    fn take_note(&self, report: &mut BuildReport, mut line: SessionResult, saved: save::Saved, told: Told) {
        let counts = &mut report.counts;
        let mut by_name = false;
        match saved {
            save::Saved::Settled(status) => {
                by_name = status == RecordStatus::Error;
                counts.settle(status);
                line.result = status.to_string();
            }
            save::Saved::Waiting(reason) => {
                by_name = told == Told::ByName;
                if told == Told::Together {
                    let first = || (0, line.detail.clone());
                    report.troubles.entry(reason.clone()).or_insert_with(first).0 += 1;
                }
                *counts.waiting.entry(reason).or_default() += 1;
            }
            save::Saved::Moved(actual) => {
                "WAITING".clone_into(&mut line.result);
                line.files = 0;
                line.detail = format!("another program made it {actual} meanwhile: left alone");
                *counts.waiting.entry(MOVED_MEANWHILE.to_owned()).or_default() += 1;
            }
        }
        if by_name {
            report.needs_person.push(format!("session {}: {}", line.session, line.detail));
        }
        (self.progress)(Progress::Session(&line));
        counts.note_time(&line);
        report.lines.push(line);
    }
}
