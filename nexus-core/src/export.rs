//! Record → destinations: each with its own workers and its own pace.
//!
//! A worker claims deliveries that are due (one commit: `in_flight`, with the moment of intent), asks the
//! destination what it holds, delivers in steps (each checkpoint committed), and commits the outcome with its
//! upload log row and the session's status. The queue is the table; nothing is remembered elsewhere.
//!
//! Destinations share the writer and the processor. One that has just failed makes room for the others; see [`Board`].

mod attempt;
mod before;
mod bell;
mod board;
mod context;
mod outcome;
mod pace;
mod places;
mod queue;
mod resettle;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

pub use bell::Bell;
pub use board::Board;
pub(crate) use outcome::{Moment, write_down};
pub use outcome::{Route, Routes, settle_session};
pub use places::Places;
pub use resettle::resettle;

use self::board::Seat;
use self::pace::Pace;
use self::queue::Claimed;
use crate::clock::Clock;
use crate::delivery::{Class, TargetFacts, wait_for_somebody};
use crate::folders::Folders;
use crate::ids::DestinationName;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::plugins::DestinationInstance;
use crate::report::{ExportCounts, Told};
use crate::stop::StopFlag;
use crate::writer::{WriteError, Writer};

/// Workers of a destination that can tell what it holds, unless it has processes of its own: then one for each.
const WORKERS: usize = 4;
/// Deliveries claimed at once for each worker of such a destination while it is well; what is not begun when it pauses
/// is put back.
const PAGE: usize = 8;
/// Failures of the destination as a whole after which it is left alone until the next run.
const FAILURES_BEFORE_PAUSE: u32 = 3;

/// Everything the export of one run needs.
pub struct Exporter<'a> {
    /// Where rows are read and saved.
    pub writer: &'a Writer,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Where records are.
    pub folders: &'a Folders,
    /// The instruments, read once.
    pub instruments: &'a Instruments,
    /// The destinations and the strategy, as the transactions need them.
    pub routes: Routes,
    /// The destinations themselves, by falling priority.
    pub destinations: &'a [DestinationInstance],
    /// Rung when there may be something to do.
    pub bell: &'a Bell,
    /// Who makes room for whom.
    pub board: Board,
    /// Where they deliver to.
    pub places: Places,
    /// Set when the run is asked to stop.
    pub stop: &'a StopFlag,
    /// When the time budget ends; `None`: no limit.
    pub until: Option<DateTime<Utc>>,
    /// The journal of the run.
    pub journal: Arc<Journal>,
}

/// What one destination did, and what somebody should look at.
#[derive(Debug, Default)]
pub struct Tally {
    /// Counts for the report.
    pub counts: ExportCounts,
    /// What is worth knowing and asks for nothing.
    pub warnings: Vec<String>,
    /// What needs a person.
    pub needs_person: Told,
}

/// One destination during one run.
struct Desk<'a> {
    exporter: &'a Exporter<'a>,
    destination: &'a DestinationInstance,
    target: TargetFacts,
    /// Destinations it waits for.
    after: &'a [DestinationName],
    pace: Pace,
    tally: Mutex<Tally>,
    failures_in_a_row: AtomicU32,
    seat: Seat<'a>,
    workers: usize,
    /// Claimed, and not begun. The workers share it, so that what is under way at the same time lies together
    /// in the tables, and is saved together.
    taken: Mutex<VecDeque<Claim>>,
}

/// What came of looking for more.
enum Taken {
    /// There is something to do.
    Some,
    /// Nothing is due.
    Nothing,
    /// Something is, if another destination has said where it delivers to.
    Later,
    /// The run ends before the destination's pace allows another delivery.
    TooLate,
}

impl Exporter<'_> {
    /// Works through the deliveries of one destination until nothing more can become due in this run.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn work(&self, destination: &DestinationInstance) -> Result<Tally, WriteError> {
        let worked = self.work_inner(destination);
        self.absent(destination);
        worked
    }

    /// Nothing (more) is done for a destination in this run: nobody is to wait for it.
    pub fn absent(&self, destination: &DestinationInstance) {
        self.places.tell(&destination.name, None);
        self.bell.ended(&destination.name);
    }

    fn work_inner(&self, destination: &DestinationInstance) -> Result<Tally, WriteError> {
        if let Some(until) = queue::paused_until(self, &destination.name)? {
            let mut tally = Tally::default();
            tally.counts.paused = Some(format!("it asked to be left alone until {until}"));
            return Ok(tally);
        }
        let target = match destination.target() {
            Ok(target) => TargetFacts::from(&target).settling(destination.settle),
            Err(error) => {
                let error = error.told();
                queue::note_destination(self, &destination.name, None, Some(error.clone()))?;
                let mut tally = Tally::default();
                tally
                    .needs_person
                    .push(format!("destination `{}` cannot be used: {error}", destination.name));
                tally.counts.paused = Some(error);
                return Ok(tally);
            }
        };
        self.places.tell(&destination.name, Some(&target.id));
        self.bell.ring();
        queue::wake(self, destination, &target)?;
        let workers = workers(target.can_find, destination.at_once, destination.concurrency);
        let desk = Desk {
            exporter: self,
            destination,
            target,
            after: self.routes.after(&destination.name),
            pace: Pace::of(destination.interval),
            tally: Mutex::default(),
            failures_in_a_row: AtomicU32::new(0),
            seat: self.board.seat(),
            workers,
            taken: Mutex::default(),
        };
        let ended = std::thread::scope(|scope| {
            let thread = || std::thread::Builder::new().name(format!("export {}", destination.name));
            // Where the system has no more threads to give, it is done with fewer.
            let others: Vec<_> =
                (1..workers).map_while(|_| thread().spawn_scoped(scope, || desk.serve()).ok()).collect();
            let mut ended = desk.serve();
            for other in others {
                let joined = other.join().unwrap_or_else(|_| Err(WriteError::Closed));
                ended = ended.and(joined);
            }
            ended
        });
        let tally = desk.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended?;
        queue::note_destination(
            self,
            &destination.name,
            Some(desk.target.id.clone()),
            tally.counts.paused.clone(),
        )?;
        Ok(tally)
    }

    /// Counts what is left for a destination at the end of a run, and tells of what nobody goes on with.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn leftovers(&self, destination: &DestinationInstance, tally: &mut Tally) -> Result<(), WriteError> {
        let name = &destination.name;
        let queue::Left { due, stuck, moved } = queue::left(self, name)?;
        tally.counts.due = due;
        tally.counts.stuck = stuck;
        if stuck > 0 && tally.needs_person.is_empty() {
            tally.needs_person.push(wait_for_somebody(name.as_str(), stuck));
        }
        if moved > 0 {
            tally.warnings.push(format!(
                "destination `{name}` is another place than it was: {moved} records stay where they were delivered; \
                 `nexus export backfill --destination {name}` sends them to the new one as well"
            ));
        }
        Ok(())
    }

    fn time_is_up(&self) -> bool {
        self.stop.is_set() || self.until.is_some_and(|until| self.clock.now() >= until)
    }
}

/// How many deliveries to a destination are under way at the same time; `wanted` is what the configuration says.
fn workers(can_find: bool, processes: Option<usize>, wanted: Option<usize>) -> usize {
    let natural = if can_find { processes.unwrap_or(WORKERS) } else { 1 };
    wanted.unwrap_or(natural).min(processes.unwrap_or(usize::MAX)).max(1)
}

impl Desk<'_> {
    /// One worker: claims, attempts, until nothing is left or somebody said stop.
    fn serve(&self) -> Result<(), WriteError> {
        let exporter = self.exporter;
        let mut hand = None;
        loop {
            if self.is_over() {
                return self.give_back();
            }
            if let Some(until) = self.rests_until() {
                hand = None;
                self.give_back()?;
                exporter.clock.wait_until(until, &|| self.is_over() || self.rests_until().is_none());
                continue;
            }
            // Taken out first: the others are not to wait for the attempt.
            let next = self.taken().pop_front();
            if let Some(claim) = next {
                hand.get_or_insert_with(|| self.seat.hand());
                self.attempt(claim)?;
                continue;
            }
            let seen = exporter.bell.rings();
            let quiet = exporter.bell.quiet(self.after);
            if quiet && !self.after.is_empty() {
                queue::release_all(exporter, &self.destination.name)?;
            }
            if !self.destination.interval.is_zero() {
                // Until its turn comes it has no use for room.
                hand = None;
            }
            match self.take()? {
                Taken::Some => continue,
                Taken::Nothing => hand = None,
                Taken::Later => {
                    hand = None;
                    exporter.bell.wait(seen);
                    continue;
                }
                Taken::TooLate => return Ok(()),
            }
            if !quiet {
                exporter.bell.wait(seen);
            } else if !self.wait_for_question()? {
                return Ok(());
            }
        }
    }

    /// Takes what is due, when the destination's pace allows it.
    fn take(&self) -> Result<Taken, WriteError> {
        let exporter = self.exporter;
        let claim = |limit| queue::claim(exporter, self.destination, &self.target, limit);
        let nothing = |depends| if depends { Taken::Later } else { Taken::Nothing };
        let Some(turn) = self.pace.turn() else {
            // Who comes meanwhile waits, and finds something here.
            let mut taken = self.taken();
            let mut depends = false;
            if taken.is_empty() {
                let claimed = claim(self.page())?;
                depends = claimed.depends;
                taken.extend(self.told(claimed));
            }
            return Ok(if taken.is_empty() { nothing(depends) } else { Taken::Some });
        };
        if !queue::is_anything_due(exporter, &self.destination.name)? {
            return Ok(Taken::Nothing);
        }
        if !turn.wait(exporter.clock, exporter.until, &|| self.is_over()) {
            return Ok(Taken::TooLate);
        }
        let claimed = claim(1)?;
        let depends = claimed.depends;
        let claims = self.told(claimed);
        if claims.is_empty() {
            return Ok(nothing(depends));
        }
        turn.begun(exporter.clock.now());
        self.taken().extend(claims);
        Ok(Taken::Some)
    }

    /// What was claimed, after the tally has what is to be said of it.
    fn told(&self, claimed: Claimed) -> Vec<Claim> {
        if !claimed.told.is_empty() {
            self.with_tally(|tally| {
                for text in claimed.told {
                    tally.needs_person.push_once(text);
                }
            });
        }
        claimed.claims
    }

    /// Puts back what was claimed and not begun.
    fn give_back(&self) -> Result<(), WriteError> {
        let left: Vec<_> = self.taken().drain(..).map(|claim| claim.delivery).collect();
        if left.is_empty() { Ok(()) } else { queue::put_back(self.exporter, left) }
    }

    fn taken(&self) -> MutexGuard<'_, VecDeque<Claim>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many deliveries are claimed at once. One as long as the destination has taken nothing, or after it
    /// failed: the rest of a page would only be given back, and that is work that others wait for.
    fn page(&self) -> usize {
        if self.target.can_find && self.seat.is_well() { PAGE * self.workers } else { 1 }
    }

    /// Waits until a delivery whose end is unclear may be asked for; false if there is none worth waiting for.
    fn wait_for_question(&self) -> Result<bool, WriteError> {
        let exporter = self.exporter;
        let longest = exporter.clock.now() + self.target.settle + TimeDelta::minutes(1);
        let limit = exporter.until.map_or(longest, |until| until.min(longest));
        match queue::next_question(exporter, &self.destination.name)? {
            Some(at) if at <= limit => {
                tracing::info!(destination = %self.destination.name, "waiting until {at} to ask how a delivery ended");
                exporter.clock.wait_until(at, &|| exporter.stop.is_set());
                Ok(!exporter.stop.is_set())
            }
            _ => Ok(false),
        }
    }

    /// Whether the destination is not to be asked any more in this run.
    fn is_over(&self) -> bool {
        self.exporter.time_is_up() || self.destination.is_off() || self.is_paused()
    }

    /// Until when the destination steps back, since it has just failed and others make use of the room.
    fn rests_until(&self) -> Option<DateTime<Utc>> {
        self.seat.rests_until(self.exporter.clock.now())
    }

    fn with_tally(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn is_paused(&self) -> bool {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).counts.paused.is_some()
    }

    fn worked(&self) {
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        self.seat.worked();
    }

    fn count_against(&self, class: Class, failure: Option<&str>) {
        self.seat.failed(self.exporter.clock.now());
        let failures = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES_BEFORE_PAUSE {
            let last = attempt::quoted(", the last", failure);
            self.pause(format!(
                "{failures} failures in a row ({class}){last}; it is tried again by the next run"
            ));
        }
    }

    fn pause(&self, why: String) {
        self.with_tally(|tally| {
            if tally.counts.paused.is_none() {
                tally
                    .needs_person
                    .push(format!("destination `{}` was left alone: {why}", self.destination.name));
                tally.counts.paused = Some(why);
            }
        });
        // The other workers may be waiting for the bell.
        self.exporter.bell.ring();
    }
}

/// A delivery in the hands of a worker.
pub(crate) struct Claim {
    delivery: crate::delivery::Delivery,
    effects: Vec<crate::delivery::Effect>,
    facts: context::Facts,
}

#[cfg(test)]
mod tests {
    use super::workers;

    #[test]
    fn workers_are_as_many_as_asked_for_and_never_more_than_processes() {
        for (can_find, processes, wanted, expected) in [
            (true, None, None, 4),
            (false, None, None, 1),
            (true, Some(2), None, 2),
            (false, Some(2), None, 1),
            (true, None, Some(9), 9),
            (false, None, Some(3), 3),
            (true, Some(2), Some(9), 2),
            (true, Some(2), Some(1), 1),
        ] {
            assert_eq!(workers(can_find, processes, wanted), expected, "{can_find} {processes:?} {wanted:?}");
        }
    }
}
