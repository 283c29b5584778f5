//! Who is well and at work: what a destination that has just failed steps back for.
//!
//! A destination that fails now and then, and takes its records in between, would have the same part of the machine as one
//! that never does. So after each failure it makes room for the others, for a moment and only as long as they make
//! use of it. Nobody waits for a destination that rests or that has nothing in hand, so two that wait for each other
//! (`after`, or both failing) never stand still together; and no rest is longer than [`REST`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// How long a destination steps back after a failure. In a second others deliver hundreds of records to a folder
/// or over a network; and a destination that fails at every hundredth of ten thousand records loses two minutes by it.
pub(super) const REST: TimeDelta = TimeDelta::seconds(1);

/// The destinations of one run, as far as they make room for each other.
#[derive(Debug, Default)]
pub struct Board(Mutex<Vec<Standing>>);

/// How one destination stands.
#[derive(Debug, Default)]
struct Standing {
    /// Whether the last delivery that told something of the destination worked.
    is_well: bool,
    /// Workers that have deliveries in hand, or had some and look for more.
    hands: usize,
    rests_until: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether it rests. The end of a rest lies never further away, unless the clock was set back: then it is over.
    fn rests(&self, now: DateTime<Utc>) -> bool {
        self.rests_until.is_some_and(|until| now < until && until - now <= REST)
    }
}

/// The place of one destination on the board; its workers share it.
#[derive(Debug)]
pub(super) struct Seat<'b> {
    board: &'b Board,
    number: usize,
}

/// A worker of the destination has deliveries in hand, as long as this lives.
#[derive(Debug)]
pub(super) struct Hand<'s>(&'s Seat<'s>);

impl Board {
    /// A place for one more destination, of which nothing is known yet.
    pub(super) fn seat(&self) -> Seat<'_> {
        let mut standings = self.lock();
        standings.push(Standing::default());
        Seat { board: self, number: standings.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// One of its workers has deliveries in hand.
    pub(super) fn hand(&self) -> Hand<'_> {
        self.change(|standing| standing.hands += 1);
        Hand(self)
    }

    /// A delivery worked. A rest that has begun goes on: the others may have been asked before the failure.
    pub(super) fn worked(&self) {
        self.change(|standing| standing.is_well = true);
    }

    /// A delivery failed, and it told of the destination.
    pub(super) fn failed(&self, now: DateTime<Utc>) {
        self.change(|standing| {
            standing.is_well = false;
            standing.rests_until = now.checked_add_signed(REST);
        });
    }

    /// Whether the last delivery that told something of it worked.
    pub(super) fn is_well(&self) -> bool {
        self.board.lock().get(self.number).is_some_and(|standing| standing.is_well)
    }

    /// Until when it is to rest; `None`: it is not, or nobody else would be the better for it.
    pub(super) fn rests_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let standings = self.board.lock();
        let (until, me) = (standings.get(self.number)?.rests_until, self.number);
        let rests = standings.get(me)?.rests(now);
        let is_at_work = |other: &Standing| other.is_well && other.hands > 0 && !other.rests(now);
        let others = standings.iter().enumerate().filter(|(number, _)| *number != me);
        until.filter(|_| rests && others.map(|(_, other)| other).any(is_at_work))
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.board.lock().get_mut(self.number) {
            change(standing);
        }
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.0.change(|standing| standing.hands = standing.hands.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn rests(seat: &Seat<'_>) -> bool {
        seat.rests_until(BEGAN).is_some()
    }

    #[test]
    fn one_that_failed_rests_while_another_that_is_well_has_something_in_hand() {
        let board = Board::default();
        let [flapping, healthy] = [(); 2].map(|()| board.seat());
        let hand = healthy.hand();
        flapping.failed(BEGAN);
        assert!(!rests(&flapping), "nobody is known to be well");
        healthy.worked();
        assert_eq!(flapping.rests_until(BEGAN), Some(BEGAN + REST));
        assert!(!rests(&healthy), "it has not failed");
        let more = healthy.hand();
        drop(hand);
        assert!(rests(&flapping));
        drop(more);
        assert!(!rests(&flapping), "nobody has anything in hand");
    }

    #[test]
    fn a_rest_ends_by_itself_and_not_by_a_delivery_that_was_under_way() {
        let board = Board::default();
        let [flapping, healthy] = [(); 2].map(|()| board.seat());
        healthy.worked();
        let _hand = healthy.hand();
        flapping.failed(BEGAN);
        flapping.worked();
        assert!(rests(&flapping) && flapping.is_well());
        assert_eq!(flapping.rests_until(BEGAN + REST), None);
        assert_eq!(flapping.rests_until(BEGAN - TimeDelta::hours(1)), None, "the clock was set back");
        // Another failure meanwhile: all workers rest longer.
        let later = BEGAN + TimeDelta::milliseconds(600);
        flapping.failed(later);
        assert_eq!(flapping.rests_until(BEGAN + REST), Some(later + REST));
    }

    #[test]
    fn nobody_waits_for_one_that_rests_or_for_itself() {
        let board = Board::default();
        let [one, other] = [(); 2].map(|()| board.seat());
        let _hands = [one.hand(), other.hand()];
        for seat in [&one, &other] {
            seat.failed(BEGAN);
            seat.worked();
        }
        assert!(!rests(&one) && !rests(&other));
    }
}
