//! Who is well and at work: what a destination that has just failed steps back for.
//!
//! A destination that fails now and then, and takes its records in between, would have the same part of the machine as one
//! that never does. So after each failure it makes room for the others, for a moment and only as long as they make
//! use of it: at least [`REST`], and on as long as what they deliver shows that this machine is all that holds them up, which ends
//! at [`LONGEST`]. Beside others that wait for a server far away, and leave the machine free, there is no need for more.
//!
//! Nobody waits for a destination that rests or that has nothing in hand, so two that wait for each other (`after`, or both
//! failing) never stand still together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// How long a destination steps back after a failure. In a second others deliver hundreds of records to a folder
/// or over a network; and a destination that fails at every hundredth of ten thousand records loses two minutes by it.
pub(super) const REST: TimeDelta = TimeDelta::seconds(1);

/// How long others may keep it back, however much they deliver.
const LONGEST: TimeDelta = TimeDelta::seconds(30);

/// Deliveries in one [`REST`] of which it takes more than waiting for a server: one that answers in 10 ms takes about 200, by
/// [four workers](super::WORKERS) and two requests each.
const MANY: u64 = 250;

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
    /// Deliveries that worked.
    delivered: u64,
    rest: Option<Rest>,
}

/// A rest after a failure.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// The moment of the failure.
    began: DateTime<Utc>,
    /// It is looked at again then.
    until: DateTime<Utc>,
    /// What the others had delivered one [`REST`] before that.
    others: u64,
}

impl Rest {
    /// A rest that has just begun.
    fn begin(now: DateTime<Utc>, others: u64) -> Option<Self> {
        Some(Self { began: now, until: now.checked_add_signed(REST)?, others })
    }

    /// Whether it is not over. Its end lies never further away, unless the clock was set back: then it is.
    fn lasts(&self, now: DateTime<Utc>) -> bool {
        now < self.until && self.until - now <= REST
    }

    /// The same for longer, if the others delivered many in the meantime.
    fn longer(&self, now: DateTime<Utc>, others: u64) -> Option<Self> {
        let rests =
            u64::try_from((now - self.until).num_milliseconds() / REST.num_milliseconds() + 1).ok()?;
        let many = others.saturating_sub(self.others) > MANY.saturating_mul(rests);
        let until = now.checked_add_signed(REST)?;
        (many && until - self.began <= LONGEST).then_some(Self { began: self.began, until, others })
    }
}

impl Standing {
    fn rests(&self, now: DateTime<Utc>) -> bool {
        self.rest.is_some_and(|rest| rest.lasts(now))
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
        self.change(|standing| {
            standing.is_well = true;
            standing.delivered += 1;
        });
    }

    /// A delivery failed, and it told of the destination.
    pub(super) fn failed(&self, now: DateTime<Utc>) {
        let mut standings = self.board.lock();
        let others = self.others(&standings).map(|other| other.delivered).sum();
        if let Some(standing) = standings.get_mut(self.number) {
            standing.is_well = false;
            standing.rest = Rest::begin(now, others);
        }
    }

    /// Whether the last delivery that told something of it worked.
    pub(super) fn is_well(&self) -> bool {
        self.board.lock().get(self.number).is_some_and(|standing| standing.is_well)
    }

    /// Until when it is to rest, to look again then; `None`: it is not, or nobody else would be the better for it.
    pub(super) fn rests_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut standings = self.board.lock();
        let rest = standings.get(self.number)?.rest?;
        let is_at_work = |other: &Standing| other.is_well && other.hands > 0 && !other.rests(now);
        let is_of_use = self.others(&standings).any(is_at_work);
        let others = self.others(&standings).map(|other| other.delivered).sum();
        let rest = if rest.lasts(now) { Some(rest) } else { rest.longer(now, others).filter(|_| is_of_use) };
        standings.get_mut(self.number)?.rest = rest;
        rest.filter(|_| is_of_use).map(|rest| rest.until)
    }

    fn others<'s>(&self, standings: &'s [Standing]) -> impl Iterator<Item = &'s Standing> + use<'s> {
        let me = self.number;
        standings.iter().enumerate().filter(move |(number, _)| *number != me).map(|(_, other)| other)
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

    /// How many rests it takes until the flapping one may go on, if the others deliver so many in each; 0: for ever.
    fn looks(delivered: u64, apart: i32) -> i32 {
        let board = Board::default();
        let [flapping, healthy] = [(); 2].map(|()| board.seat());
        let _hand = healthy.hand();
        (0..1000).for_each(|_| healthy.worked());
        flapping.failed(BEGAN);
        for look in 1..100 {
            (0..delivered).for_each(|_| healthy.worked());
            if flapping.rests_until(BEGAN + REST * look * apart).is_none() {
                return look;
            }
        }
        0
    }

    #[test]
    fn a_rest_goes_on_while_others_deliver_as_fast_as_the_machine_can() {
        assert_eq!(looks(MANY, 1), 1, "they wait for a server");
        assert_eq!(looks(MANY + 1, 1), 30, "LONGEST is over");
        assert_eq!(looks(2 * MANY + 1, 2), 15, "the same, when nobody looks in time");
        assert_eq!(looks(2 * MANY, 2), 1);
    }

    #[test]
    fn a_rest_that_went_on_ends_when_nobody_makes_use_of_it() {
        let board = Board::default();
        let [flapping, healthy] = [(); 2].map(|()| board.seat());
        let hand = healthy.hand();
        healthy.worked();
        flapping.failed(BEGAN);
        (0..=MANY).for_each(|_| healthy.worked());
        assert_eq!(flapping.rests_until(BEGAN + REST), Some(BEGAN + REST * 2));
        drop(hand);
        assert_eq!(flapping.rests_until(BEGAN + REST), None);
        let _hand = healthy.hand();
        assert!(flapping.rests_until(BEGAN + REST).is_some(), "it has something in hand again");
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
