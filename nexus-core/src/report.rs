//! What a run did: counts that add up, what needs a person.

mod told;

use std::collections::BTreeMap;

use nexus_plugin_api::{OutsideEvents, RejectedRow};
use serde::Serialize;

use crate::ids::{DestinationName, HarvesterName, SessionId};
use crate::plugins::Unserved;
use crate::session::RecordStatus;

pub use told::Told;

/// Everything a run has to say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// Number of the run in `nexus_run`; `None` if it changed nothing.
    pub run_id: Option<i64>,
    /// Harvesters, by name.
    pub harvest: BTreeMap<HarvesterName, HarvestCounts>,
    /// What became of the sessions that were to be built.
    pub build: BuildCounts,
    /// Destinations, by name.
    pub export: BTreeMap<DestinationName, ExportCounts>,
    /// One line per session that was looked at, in the order of their end, up to [`MOST_LINES`]. If there are more,
    /// those that were built are left out first.
    pub sessions: Vec<SessionResult>,
    /// What is worth knowing and asks for nothing.
    pub warnings: Vec<String>,
    /// What somebody should look at: each names the thing, says why, and what to do.
    pub needs_person: Vec<String>,
    /// Instruments that no harvester serves, until all steps have said which: then they are in `needs_person`.
    #[serde(skip)]
    pub unserved: Unserved,
    /// Whether the run was asked to stop before it was through.
    pub interrupted: bool,
}

impl RunReport {
    /// Harvest and build meet the same instruments, and a person hears of them once.
    pub(crate) fn tell_unserved(&mut self) {
        self.needs_person.extend(std::mem::take(&mut self.unserved).sentences());
    }

    /// A harvester that could be asked neither for events nor for reservations is said once, with the sessions that wait.
    pub(crate) fn merge_failures(&mut self) {
        for (name, why) in self.harvest.iter().filter_map(|(name, one)| Some((name, one.failed.as_ref()?))) {
            let of_build = format!("harvester `{name}`: {why} (");
            let Some(at) = self.needs_person.iter().position(|text| text.starts_with(&of_build)) else {
                continue;
            };
            let of_harvest = harvest_failed(name, why);
            if let Some(said) = self.needs_person.iter().position(|text| *text == of_harvest) {
                let waiting = self.needs_person.remove(at).split_off(of_build.len() - 2);
                if let Some(text) = self.needs_person.get_mut(said - usize::from(at < said)) {
                    text.push_str(&waiting);
                }
            }
        }
    }

    /// Whether the run changed anything beside its heartbeat.
    pub fn changed_something(&self) -> bool {
        self.harvest
            .values()
            .any(|counts| counts.new + counts.revised + counts.follow + counts.opened + counts.gone > 0)
            || self.build.settled() > 0
            || self.export.values().any(|counts| counts.attempts() > 0)
    }
}

/// What a person is told of a harvester that did not finish.
pub(crate) fn harvest_failed(name: &HarvesterName, why: &str) -> String {
    format!("harvester `{name}` did not finish: {why}")
}

/// What one harvester brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HarvestCounts {
    /// Usage events seen.
    pub events: u64,
    /// Sessions that are new.
    pub new: u64,
    /// Sessions whose times, user or instrument changed before they were built, or whose event came back.
    pub revised: u64,
    /// Events that changed after their session was settled.
    pub revised_late: u64,
    /// Of these: whose session follows, and is built or built again.
    pub follow: u64,
    /// Those sessions, up to [`MOST_LINES`].
    pub following: Vec<SessionId>,
    /// Sessions whose event went or was called off after their record was built: reported once, nothing else.
    pub gone_late: u64,
    /// The sessions that stay as they are though their event changed or went, up to [`MOST_LINES`].
    pub late: Vec<SessionId>,
    /// Events newly in use.
    pub opened: u64,
    /// Events still in use.
    pub open: u64,
    /// Events that did not take place, as their source says.
    pub cancelled: u64,
    /// Sessions settled because their event was cancelled or has vanished.
    pub gone: u64,
    /// Events that were known and unchanged.
    pub unchanged: u64,
    /// Events of tools that are no instrument here.
    pub outside: Vec<OutsideEvents>,
    /// What could not be read, up to [`MOST_LINES`].
    pub rejected: Vec<RejectedRow>,
    /// How many more could not be read.
    pub rejected_left_out: u64,
    /// Why the harvest ended early, if it did.
    pub failed: Option<String>,
    /// Whether somebody stopped it: then nobody can say whether it would have failed.
    #[serde(skip)]
    pub stopped: bool,
    /// What it took over from another name that proved to be its own.
    #[serde(skip)]
    pub taken_over: Vec<String>,
}

/// What became of the sessions that were to be built.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BuildCounts {
    /// Sessions that were to be built.
    pub planned: u64,
    /// Built: a record is on disk, and in the database.
    pub built: u64,
    /// Consent was refused or not given.
    pub no_consent: u64,
    /// No reservation belongs to them.
    pub no_reservation: u64,
    /// No files, and the delay is over.
    pub no_files: u64,
    /// They cannot be built.
    pub error: u64,
    /// They wait, by reason.
    pub waiting: BTreeMap<String, u64>,
    /// Log rows that cannot be read or paired: their sessions are left alone.
    pub broken: u64,
    /// Not reached before the run was asked to stop.
    pub not_reached: u64,
    /// Left for later, because no more were asked for.
    pub beyond_limit: u64,
    /// Sessions without a line in the report, which has [`MOST_LINES`] of them.
    pub lines_left_out: u64,
    /// The sessions that took longest to build, slowest first.
    pub slowest: Vec<SlowSession>,
}

/// Lines in the report of a run; whatever the backlog, a report has a size.
pub const MOST_LINES: usize = 1_000;

/// Why a session waits that is no longer as it was when the run began.
pub(crate) const MOVED_MEANWHILE: &str = "moved by another program";

/// How many of the slowest sessions are named.
const SLOWEST: usize = 5;

/// A session that took long to build.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowSession {
    /// The session.
    pub session: SessionId,
    /// Seconds between the first look at its files and its record on disk.
    pub seconds: f64,
    /// Files in its record.
    pub files: u64,
}

/// How far the build is.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// So many sessions are to be built.
    Backlog(u64),
    /// One more is done.
    Session(&'a SessionResult),
}

impl BuildCounts {
    /// Sessions whose status moved.
    pub fn settled(&self) -> u64 {
        self.built + self.no_consent + self.no_reservation + self.no_files + self.error
    }

    /// Counts a session that has this status now.
    pub(crate) fn settle(&mut self, status: RecordStatus) {
        let count = match status {
            RecordStatus::NoConsent => &mut self.no_consent,
            RecordStatus::NoReservation => &mut self.no_reservation,
            RecordStatus::NoFilesFound => &mut self.no_files,
            RecordStatus::Error => &mut self.error,
            _ => &mut self.built,
        };
        *count += 1;
    }

    /// Sessions accounted for; equal to `planned` at the end of a run.
    pub fn accounted(&self) -> u64 {
        self.settled() + self.waiting.values().sum::<u64>() + self.not_reached + self.beyond_limit
    }

    /// Counts sessions that are gone from the session log since the run began.
    pub(crate) fn removed_meanwhile(&mut self, count: usize) {
        if count > 0 {
            *self.waiting.entry(MOVED_MEANWHILE.to_owned()).or_default() += count as u64;
        }
    }

    /// Keeps the slowest sessions.
    pub(crate) fn note_time(&mut self, line: &SessionResult) {
        if line.files == 0 {
            return;
        }
        let at = self.slowest.partition_point(|slow| slow.seconds >= line.seconds);
        if at < SLOWEST {
            let slow =
                SlowSession { session: line.session.clone(), seconds: line.seconds, files: line.files };
            self.slowest.insert(at, slow);
            self.slowest.truncate(SLOWEST);
        }
    }
}

/// What one destination did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportCounts {
    /// Records it newly holds.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts whose end nobody can tell.
    pub unknown: u64,
    /// Deliveries that are due later.
    pub due: u64,
    /// Deliveries that wait for a change or a person.
    pub stuck: u64,
    /// Why it was left alone for the rest of the run, if it was.
    pub paused: Option<String>,
}

impl ExportCounts {
    /// Attempts made.
    pub fn attempts(&self) -> u64 {
        self.delivered + self.failed + self.unknown
    }
}

/// What became of one session in the build.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionResult {
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
    /// The record status it has now, or `WAITING`.
    pub result: String,
    /// Why, or the record's name.
    pub detail: String,
    /// Files in its record.
    pub files: u64,
    /// Seconds that building it took.
    pub seconds: f64,
}

/// The lines of a report while it grows: never more of them than it may need.
///
/// A line of a session that was built says little that the database does not; the others say why there is no record.
#[derive(Debug, Default)]
pub struct Lines {
    built: Vec<SessionResult>,
    others: Vec<SessionResult>,
    left_out: u64,
}

impl Lines {
    pub(crate) fn push(&mut self, line: SessionResult) {
        let list = if line.files > 0 { &mut self.built } else { &mut self.others };
        if list.len() < MOST_LINES {
            list.push(line);
        } else {
            self.left_out += 1;
        }
    }

    /// The lines, by the instant of the session's end, and how many were left out.
    pub(crate) fn into_sorted(self) -> (Vec<SessionResult>, u64) {
        let Self { built, others: mut lines, mut left_out } = self;
        let room = MOST_LINES.saturating_sub(lines.len());
        left_out += built.len().saturating_sub(room) as u64;
        lines.extend(built.into_iter().take(room));
        // Their zones differ: it is the instant that counts.
        lines.sort_by_cached_key(|line| {
            (chrono::DateTime::parse_from_rfc3339(&line.end).ok(), line.session.clone())
        });
        (lines, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, files: u64) -> SessionResult {
        SessionResult {
            session: format!("s{number}").as_str().into(),
            instrument: "TEM".to_owned(),
            user: None,
            start: "2024-03-05T09:00:00+00:00".to_owned(),
            end: format!("2024-03-05T09:{:02}:{:02}+00:00", number / 60 % 60, number % 60),
            result: if files > 0 { "COMPLETED" } else { "WAITING" }.to_owned(),
            detail: String::new(),
            files,
            seconds: 0.0,
        }
    }

    #[test]
    fn a_report_names_the_sessions_without_a_record_before_those_with_one() {
        let mut lines = Lines::default();
        for number in 0..MOST_LINES + 10 {
            lines.push(line(number, 1));
        }
        for number in 0..3 {
            lines.push(line(5_000 + number, 0));
        }
        assert!(lines.built.len() <= MOST_LINES);
        let (lines, left_out) = lines.into_sorted();
        assert_eq!((lines.len(), left_out), (MOST_LINES, 13));
        assert_eq!(lines.iter().filter(|line| line.files == 0).count(), 3);
        assert!(lines.is_sorted_by_key(|line| line.end.clone()));
    }

    #[test]
    fn a_report_of_troubles_alone_has_its_size_too() {
        let mut lines = Lines::default();
        for number in 0..MOST_LINES + 10 {
            lines.push(line(number, 0));
            lines.push(line(number, 1));
        }
        let (lines, left_out) = lines.into_sorted();
        assert_eq!((lines.len(), left_out), (MOST_LINES, MOST_LINES as u64 + 20));
        assert!(lines.iter().all(|line| line.files == 0));
    }
}
