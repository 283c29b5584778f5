//! What a build would do, told and not done.

use std::sync::Mutex;

use serde::Serialize;

use super::backlog::Entry;
use super::files::{Files, Slice};
use super::notices::Notices;
use super::plan::{Plan, Planned, Verdict};
use super::{BuildReport, Builder, lock, page_size};
use crate::builder;
use crate::extract;
use crate::ids::SessionId;
use crate::session::{RecordStatus, Session};
use crate::timestamp::Timestamp;
use crate::writer::WriteError;

/// What would become of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedSession {
    /// The session.
    pub session: SessionId,
    /// Its instrument.
    pub instrument: String,
    /// Its user, if known.
    pub user: Option<String>,
    /// Start of the session, in the instrument's zone.
    pub start: String,
    /// End of the session, in the instrument's zone.
    pub end: String,
    /// `BUILD`, `REBUILD`, the status it would be settled with, or `WAITING`.
    pub result: String,
    /// Why, or the name of its record.
    pub detail: String,
    /// Title of its reservation.
    pub title: Option<String>,
    /// Who the reservation says it was.
    pub experimenter: Option<String>,
    /// Number of the reservation at its source.
    pub reservation: Option<String>,
    /// Its acquisition activities.
    pub activities: Vec<PlannedActivity>,
    /// The destinations that its record would go to, in their order.
    pub destinations: Vec<String>,
}

/// Files that would stand together in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedActivity {
    /// Modification time of the first file, in the instrument's zone.
    pub start: String,
    /// Paths below the instrument data, in the order of the record.
    pub files: Vec<String>,
}

impl Builder<'_> {
    /// Tells session by session what [`Builder::run`] would do. Records are neither made nor written; what is
    /// reserved goes through the writer, which therefore should have a database that nobody needs. Counted is
    /// what would become of each session.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn rehearse(&self, tell: &mut dyn FnMut(PlannedSession)) -> Result<BuildReport, WriteError> {
        let report = Mutex::new(BuildReport::default());
        let mut notices = Notices::default();
        self.in_tranches(&report, &mut notices, &mut |tranche, left, notices| {
            let mut files = Files::of(tranche.places, self);
            let mut entries = tranche.suspects.into_iter().chain(tranche.others);
            while *left > 0 && !self.stop.is_set() {
                let page: Vec<Entry> = entries.by_ref().take(page_size(*left)).collect();
                if page.is_empty() {
                    break;
                }
                for one in self.plan_page(page, &mut files, left, &report, notices)? {
                    let counts = &mut lock(&report).counts;
                    match &one.verdict {
                        Verdict::Wait { reason, .. } => {
                            *counts.waiting.entry(reason.clone()).or_default() += 1;
                        }
                        Verdict::Drop { reason, .. } => {
                            *counts.waiting.entry((*reason).to_owned()).or_default() += 1;
                        }
                        Verdict::Build(_) => counts.settle(RecordStatus::BuiltNotExported),
                        Verdict::Settle { status, .. } => counts.settle(*status),
                    }
                    tell(self.planned(one));
                }
            }
            self.leave(entries.count(), &report);
            Ok(())
        })?;
        let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        report.unserved = notices.tell(&mut report.needs_person, &mut report.warnings);
        Ok(report)
    }

    fn planned(&self, planned: Planned) -> PlannedSession {
        let Planned { session, rebuild, verdict } = planned;
        let local = |time: &Timestamp| Timestamp::from_fixed(time.in_zone(session.zone)).to_string();
        let mut told = PlannedSession {
            session: session.identifier.clone(),
            instrument: session.instrument.pid.to_string(),
            user: session.user.clone(),
            start: local(&session.start),
            end: local(&session.end),
            result: String::new(),
            detail: String::new(),
            title: None,
            experimenter: None,
            reservation: None,
            activities: Vec::new(),
            destinations: Vec::new(),
        };
        match verdict {
            Verdict::Build(plan) => {
                let Plan { reservation, record_name, files, .. } = *plan;
                if rebuild { "REBUILD" } else { "BUILD" }.clone_into(&mut told.result);
                told.detail = record_name;
                told.title = reservation.title;
                told.experimenter = reservation.user_full_name.or(reservation.username);
                told.reservation = reservation.internal_id;
                told.activities = self.activities(&session, &files);
                told.destinations =
                    self.routes.destinations.iter().map(|route| route.name.to_string()).collect();
            }
            Verdict::Settle { status, text, .. } => {
                told.result = status.to_string();
                told.detail = text;
            }
            Verdict::Wait { detail, .. } | Verdict::Drop { detail, .. } => {
                "WAITING".clone_into(&mut told.result);
                told.detail = detail;
            }
        }
        told
    }

    fn activities(&self, session: &Session, slice: &Slice) -> Vec<PlannedActivity> {
        let files = slice.files();
        let shown = |file: &crate::walk::FoundFile| {
            let relative = file.path.strip_prefix(&self.folders.instrument_data).unwrap_or(&file.path);
            relative.display().to_string()
        };
        builder::group(&files, self.sensitivity)
            .into_iter()
            .filter_map(|range| files.get(range))
            .filter_map(|group| {
                Some(PlannedActivity {
                    start: extract::modified_text(group.first()?, session.zone),
                    files: group.iter().map(shown).collect(),
                })
            })
            .collect()
    }
}
