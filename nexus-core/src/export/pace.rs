//! How fast a destination may be served: the time between the beginnings of two deliveries.

use std::sync::{Mutex, PoisonError};
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

impl Pace {
    /// No two deliveries begin within this time; zero: as they come.
    pub(super) fn of(interval: Duration) -> Self {
        let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX);
        Self { interval, next: Mutex::new(DateTime::<Utc>::MIN_UTC) }
    }

    /// Whether there is anything to wait for at all.
    pub(super) fn is_kept(&self) -> bool {
        !self.interval.is_zero()
    }

    /// Waits for the next beginning and makes it: only one that `began` says of makes the others wait.
    /// `None`, with nothing begun, if `over` says so or the moment lies behind `until`.
    ///
    /// # Errors
    /// Those of `begin`.
    pub(super) fn keep<T, E>(
        &self,
        clock: &dyn Clock,
        until: Option<DateTime<Utc>>,
        over: &dyn Fn() -> bool,
        begin: impl FnOnce() -> Result<T, E>,
        began: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, E> {
        if !self.is_kept() {
            return begin().map(Some);
        }
        // Held while waiting: the others would have to wait longer still.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| *next > until) {
            return Ok(None);
        }
        if clock.now() < *next {
            clock.wait_until(*next, over);
        }
        if over() {
            return Ok(None);
        }
        let begun = begin()?;
        if began(&begun) {
            let now = clock.now();
            *next = now.checked_add_signed(self.interval).unwrap_or(DateTime::<Utc>::MAX_UTC);
        }
        Ok(Some(begun))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::clock::ManualClock;

    fn moment() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn begin(pace: &Pace, clock: &ManualClock, until: Option<DateTime<Utc>>, what: bool) -> Option<i64> {
        let begun = pace.keep(clock, until, &|| false, || Ok::<_, Infallible>(clock.now()), |_| what);
        begun.unwrap().map(|at| (at - moment()).num_seconds())
    }

    #[test]
    fn beginnings_are_an_interval_apart() {
        let (pace, clock) = (Pace::of(Duration::from_secs(5)), ManualClock::at(moment()));
        assert_eq!([(); 3].map(|()| begin(&pace, &clock, None, true)), [Some(0), Some(5), Some(10)]);
        clock.advance(TimeDelta::seconds(60));
        assert_eq!(begin(&pace, &clock, None, true), Some(70));
        let end = Some(moment() + TimeDelta::seconds(74));
        assert_eq!(begin(&pace, &clock, end, true), None, "the run ends before that");
        assert_eq!(clock.now(), moment() + TimeDelta::seconds(70));
    }

    #[test]
    fn where_nothing_began_nobody_waits() {
        let (pace, clock) = (Pace::of(Duration::from_secs(5)), ManualClock::at(moment()));
        assert_eq!([false, false, true].map(|what| begin(&pace, &clock, None, what)), [Some(0); 3]);
        assert_eq!(begin(&pace, &clock, None, true), Some(5));
        let idle = Pace::of(Duration::ZERO);
        assert_eq!([true; 3].map(|what| begin(&idle, &clock, None, what)), [Some(5); 3]);
    }
}
