//! The backlog: instruments, sessions, and the files that were saved during them.
//!
//! Everything follows from the numbers of sessions and files and from the seed.

mod random;
mod tree;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use random::Random;
pub use tree::write;

/// The zone in which the scheduler writes its times.
pub const SCHEDULER_ZONE: Tz = Tz::America__New_York;

/// 2012-01-02 in UTC: a backlog of 100,000 sessions still lies in the past.
const FIRST_DAY: i64 = 1_325_462_400;

/// Seconds.
const MINUTE: i64 = 60;

/// An instrument of the facility.
#[derive(Debug)]
pub struct Instrument {
    /// Primary key.
    pub pid: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Its folder below the instrument data.
    pub folder: &'static str,
    /// Where it stands.
    pub zone: Tz,
    /// The scheduler's number of it.
    pub tool: u64,
}

/// Three instruments in three zones.
pub const INSTRUMENTS: [Instrument; 3] = [
    Instrument {
        pid: "Borealis-TEM-012345",
        name: "Borealis TEM",
        folder: "borealis",
        zone: Tz::America__New_York,
        tool: 1,
    },
    Instrument {
        pid: "Linden-SEM-222222",
        name: "Linden SEM",
        folder: "linden",
        zone: Tz::Europe__Berlin,
        tool: 2,
    },
    Instrument {
        pid: "Juniper-FIB-345678",
        name: "Juniper FIB",
        folder: "juniper",
        zone: Tz::America__Denver,
        tool: 3,
    },
];

/// How a session must end, whoever builds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Built and delivered.
    Completed,
    /// The user did not agree.
    Refused,
    /// Nothing was saved.
    Empty,
}

impl Fate {
    /// The status in the session log.
    pub fn status(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Refused => "NO_CONSENT",
            Self::Empty => "NO_FILES_FOUND",
        }
    }
}

/// A use of an instrument.
#[derive(Debug)]
pub struct Session {
    /// The scheduler's number of the usage event.
    pub number: u64,
    /// Whose folder its files are in.
    pub instrument: &'static Instrument,
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended.
    pub end: DateTime<Utc>,
    /// How it must end.
    pub fate: Fate,
    /// What was saved, in time order; no two at the same time.
    pub files: Vec<File>,
}

/// A file that was saved during a session.
#[derive(Debug)]
pub struct File {
    /// Below the instrument data.
    pub path: PathBuf,
    /// When it was saved.
    pub modified: DateTime<Utc>,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Some lines of text.
    Text,
    /// A small grey picture (PNG).
    Picture,
}

/// What a backlog is made from.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Sessions that are to be built.
    pub sessions: usize,
    /// Files of each.
    pub files: usize,
    /// Whether the files' names promise nothing that a preview could be made of.
    pub plain: bool,
    /// Another seed, another backlog.
    pub seed: u64,
}

/// All sessions: first those without consent and without files, one each; then those that are to be built.
#[derive(Debug)]
pub struct Backlog {
    /// In order of their numbers.
    pub sessions: Vec<Session>,
}

/// Sessions that no record is made of, at the head of every backlog.
pub const WITHOUT_RECORD: usize = 2;

impl Backlog {
    /// Plans a backlog.
    pub fn plan(size: &Size) -> Self {
        let mut random = Random::new(size.seed);
        let first_day = DateTime::UNIX_EPOCH + TimeDelta::seconds(FIRST_DAY);
        // The instruments take turns; each is free again when its session has ended.
        let mut free: VecDeque<_> = INSTRUMENTS.iter().map(|instrument| (instrument, first_day)).collect();
        let mut sessions = Vec::with_capacity(size.sessions + WITHOUT_RECORD);
        let fates = [Fate::Refused, Fate::Empty].into_iter().chain(std::iter::repeat(Fate::Completed));
        for (number, fate) in (1..).zip(fates).take(size.sessions + WITHOUT_RECORD) {
            let Some((instrument, idle_since)) = free.pop_front() else { break };
            let start = idle_since + random.between(20 * MINUTE, 120 * MINUTE);
            let mut session = Session { number, instrument, start, end: start, fate, files: Vec::new() };
            session.plan_files(&mut random, size);
            free.push_back((instrument, session.end));
            sessions.push(session);
        }
        Self { sessions }
    }

    /// The sessions without a record, and the first `count` of the others.
    pub fn first(&self, count: usize) -> &[Session] {
        self.sessions.get(..count + WITHOUT_RECORD).unwrap_or(&self.sessions)
    }
}

impl Session {
    /// Files in bursts, as people work: some in a row, then a pause.
    fn plan_files(&mut self, random: &mut Random, size: &Size) {
        let mut now = self.start + random.between(3 * MINUTE, 10 * MINUTE);
        if self.fate != Fate::Empty {
            let bursts = random.below(4) + 1;
            let break_after = size.files.div_ceil(usize::try_from(bursts).unwrap_or(1)).max(1);
            for index in 0..size.files {
                if index > 0 {
                    now += if index % break_after == 0 {
                        random.between(15 * MINUTE, 50 * MINUTE)
                    } else {
                        random.between(15, 100)
                    };
                }
                self.files.push(self.plan_file(random, size, index, now));
            }
        }
        self.end = now + random.between(2 * MINUTE, 10 * MINUTE);
    }

    fn plan_file(&self, random: &mut Random, size: &Size, index: usize, second: DateTime<Utc>) -> File {
        let content = if index % 8 == 5 { Content::Picture } else { Content::Text };
        let suffix = match content {
            _ if size.plain => "dat",
            Content::Text => "txt",
            Content::Picture => "png",
        };
        // Some names must be encoded in a record.
        let name = match random.below(10) {
            0 => format!("überblick {index:03} (50%).{suffix}"),
            _ => format!("scan_{index:03}.{suffix}"),
        };
        let path = Path::new(self.instrument.folder).join(format!("session-{:06}", self.number)).join(name);
        let fraction = TimeDelta::microseconds(i64::try_from(random.below(1_000_000)).unwrap_or(0));
        File { path, modified: second + fraction, content }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { sessions: 20, files: 25, plain: false, seed: 7 };

    #[test]
    fn every_file_lies_in_its_session_and_no_two_at_one_time() {
        for session in Backlog::plan(&SIZE).sessions {
            let times: Vec<_> = session.files.iter().map(|file| file.modified).collect();
            assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
            assert!(times.iter().all(|time| session.start < *time && *time < session.end));
            assert_eq!(times.len(), if session.fate == Fate::Empty { 0 } else { 25 });
        }
    }

    #[test]
    fn sessions_of_one_instrument_do_not_overlap() {
        let backlog = Backlog::plan(&SIZE);
        for instrument in &INSTRUMENTS {
            let own: Vec<_> =
                backlog.sessions.iter().filter(|s| s.instrument.pid == instrument.pid).collect();
            assert!(own.is_sorted_by(|a, b| a.end < b.start));
        }
    }

    #[test]
    fn the_seed_decides() {
        let starts = |seed| {
            let backlog = Backlog::plan(&Size { seed, ..SIZE });
            backlog.sessions.iter().map(|session| session.start).collect::<Vec<_>>()
        };
        assert_eq!(starts(1), starts(1));
        assert_ne!(starts(1), starts(2));
    }

    #[test]
    fn the_first_sessions_come_with_those_without_a_record() {
        let backlog = Backlog::plan(&SIZE);
        let count = |fate| backlog.first(5).iter().filter(|session| session.fate == fate).count();
        assert_eq!((count(Fate::Completed), count(Fate::Refused), count(Fate::Empty)), (5, 1, 1));
        assert_eq!(backlog.first(20).len(), backlog.sessions.len());
    }
}
