//! What a person should look at after a build, each said once.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::mem::discriminant;

use crate::plugins::{NoHarvester, Unserved};
use crate::report::{MOST_LINES, Told};
use crate::walk::{Problem, ProblemKind};

/// Folders and files named one by one; a broken share may have thousands.
const PROBLEMS_NAMED: usize = 20;

/// What sessions wait for beyond the reasons that are kept apart.
const OTHER_REASONS: &str = "other reasons, which the log names";

/// Collects what a person should look at.
#[derive(Debug, Default)]
pub(super) struct Notices {
    said: Told,
    waiting: BTreeMap<String, u64>,
    unserved: Unserved,
    /// Hashes of the places in the storage that were told: eight bytes each, of which a walk holds the whole path.
    problems: HashSet<u64>,
    known: Vec<String>,
}

impl Notices {
    /// Something that is said as it is.
    pub fn add(&mut self, text: String) {
        self.said.push_once(text);
    }

    /// A session waits for this; said once, with how many do.
    pub fn waits(&mut self, detail: &str) {
        let known = self.waiting.len() < MOST_LINES || self.waiting.contains_key(detail);
        *self.waiting.entry(if known { detail } else { OTHER_REASONS }.to_owned()).or_default() += 1;
    }

    /// A session waits, since no harvester can be asked about its instrument.
    pub fn unserved(&mut self, none: NoHarvester) {
        self.unserved.note(none, 1);
    }

    /// A place in the storage; said once, however many walks come to it.
    pub fn problem(&mut self, problem: &Problem) {
        let place = BuildHasherDefault::<DefaultHasher>::default()
            .hash_one((&problem.path, discriminant(&problem.kind)));
        if !self.problems.insert(place) {
            return;
        }
        tracing::warn!("{}: {}", problem.path.display(), problem.reason);
        if self.problems.len() <= PROBLEMS_NAMED {
            let text = format!("`{}`: {}", problem.path.display(), problem.reason);
            match problem.kind {
                // What is there is not known, so that nothing can be settled.
                ProblemKind::Unreadable => self.said.push(text),
                ProblemKind::LinkOut | ProblemKind::ClockAhead => self.known.push(text),
            }
        }
    }

    /// Adds everything to what somebody should look at, and to what is worth knowing. Instruments that are not
    /// served are the answer: the harvest may know of more of them.
    pub fn tell(self, needs_person: &mut Told, warnings: &mut Vec<String>) -> Unserved {
        needs_person.extend(self.said);
        needs_person.extend(
            self.waiting.into_iter().map(|(detail, count)| format!("{detail} ({})", super::waiting(count))),
        );
        warnings.extend(self.known);
        if self.problems.len() > PROBLEMS_NAMED {
            let more = self.problems.len() - PROBLEMS_NAMED;
            warnings.push(format!("{more} more places in the storage: the log names them"));
        }
        self.unserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_every_walk_comes_to_is_said_and_counted_once() {
        let mut notices = Notices::default();
        for found in [2, 2, PROBLEMS_NAMED + 5, PROBLEMS_NAMED + 5] {
            for number in 0..found {
                let path = format!("/tem/{number}").into();
                let kind = if number == 0 { ProblemKind::Unreadable } else { ProblemKind::LinkOut };
                notices.problem(&Problem { path, reason: "scripted".to_owned(), kind });
            }
        }
        // The same place for another reason.
        let (path, reason) = ("/tem/1".into(), "closed".to_owned());
        notices.problem(&Problem { path, reason, kind: ProblemKind::Unreadable });
        let (mut told, mut warnings) = (Told::default(), Vec::new());
        assert_eq!(notices.tell(&mut told, &mut warnings), Unserved::default());
        assert_eq!(told.into_iter().collect::<Vec<_>>(), ["`/tem/0`: scripted"]);
        assert_eq!(warnings.len(), PROBLEMS_NAMED, "{warnings:?}");
        assert_eq!(warnings.last().unwrap(), "6 more places in the storage: the log names them");
    }
}
