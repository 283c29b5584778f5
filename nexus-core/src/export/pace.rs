//! How fast a destination may be served: the time between the beginnings of two deliveries.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// The pace of one destination during one run, shared by its workers.
#[derive(Debug)]
pub(super) struct Pace {
    interval: TimeDelta,
    /// The next delivery does not begin before this.
    next: Mutex<DateTime<Utc>>,
}

/// The right to begin the next delivery. The other workers wait until it is given back.
pub(super) struct Turn<'p> {
    interval: TimeDelta,
    next: MutexGuard<'p, DateTime<Utc>>,
}

impl Pace {
    /// No two deliveries begin within this time; zero: as they come.
    pub(super) fn of(interval: Duration) -> Self {
        let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX);
        Self { interval, next: Mutex::new(DateTime::<Utc>::MIN_UTC) }
    }

    /// The next turn; `None`: there is no pace to keep.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let taken = || Turn {
            interval: self.interval,
            next: self.next.lock().unwrap_or_else(PoisonError::into_inner),
        };
        (!self.interval.is_zero()).then(taken)
    }
}

impl Turn<'_> {
    /// Waits until the next delivery may begin; false if `over` says so or that moment lies behind `until`.
    pub(super) fn wait(
        &self,
        clock: &dyn Clock,
        until: Option<DateTime<Utc>>,
        over: &dyn Fn() -> bool,
    ) -> bool {
        if until.is_some_and(|until| *self.next > until) {
            return false;
        }
        if clock.now() < *self.next {
            clock.wait_until(*self.next, over);
        }
        !over()
    }

    /// A delivery has begun.
    pub(super) fn begun(mut self, now: DateTime<Utc>) {
        *self.next = now.checked_add_signed(self.interval).unwrap_or(DateTime::<Utc>::MAX_UTC);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn moment() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn begin(pace: &Pace, clock: &ManualClock, until: Option<DateTime<Utc>>) -> Option<i64> {
        let turn = pace.turn()?;
        if !turn.wait(clock, until, &|| false) {
            return None;
        }
        turn.begun(clock.now());
        Some((clock.now() - moment()).num_seconds())
    }

    #[test]
    fn beginnings_are_an_interval_apart() {
        let (pace, clock) = (Pace::of(Duration::from_secs(5)), ManualClock::at(moment()));
        assert_eq!([(); 3].map(|()| begin(&pace, &clock, None)), [Some(0), Some(5), Some(10)]);
        clock.advance(TimeDelta::seconds(60));
        assert_eq!(begin(&pace, &clock, None), Some(70));
        let end = Some(moment() + TimeDelta::seconds(74));
        assert_eq!(begin(&pace, &clock, end), None, "the run ends before that");
        assert_eq!(clock.now(), moment() + TimeDelta::seconds(70));
    }

    #[test]
    fn a_turn_in_which_nothing_began_makes_nobody_wait() {
        let (pace, clock) = (Pace::of(Duration::from_secs(5)), ManualClock::at(moment()));
        assert!(pace.turn().unwrap().wait(&clock, None, &|| false));
        assert_eq!([(); 2].map(|()| begin(&pace, &clock, None)), [Some(0), Some(5)]);
        assert!(!pace.turn().unwrap().wait(&clock, None, &|| true), "the run is over");
        assert!(Pace::of(Duration::ZERO).turn().is_none());
    }
}
