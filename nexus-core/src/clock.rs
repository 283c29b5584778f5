//! The clock, injected so that tests move time and never sleep.

use std::sync::Mutex;

use chrono::{DateTime, FixedOffset, Local, TimeDelta, Utc};

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// This instant (UTC).
    fn now(&self) -> DateTime<Utc>;

    /// This instant in the system's zone; what the peer writes into RECORD_GENERATION rows.
    fn now_local(&self) -> DateTime<FixedOffset>;

    /// Waits until the given instant, or until `stop` answers true; used only where a run with
    /// nothing else to do waits for a destination to settle.
    fn wait_until(&self, instant: DateTime<Utc>, stop: &dyn Fn() -> bool);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        Local::now().fixed_offset()
    }

    fn wait_until(&self, instant: DateTime<Utc>, stop: &dyn Fn() -> bool) {
        let slice = std::time::Duration::from_millis(100);
        while !stop() {
            let Ok(left) = (instant - Utc::now()).to_std() else { return };
            std::thread::sleep(left.min(slice));
        }
    }
}

/// A clock that stands still until it is moved. Its local zone is UTC.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows the given instant.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves it forward (or back, with a negative step).
    pub fn advance(&self, step: TimeDelta) {
        *self.lock() += step;
    }

    /// Sets it.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.lock() = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.lock()
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        self.now().fixed_offset()
    }

    /// Jumps there at once.
    fn wait_until(&self, instant: DateTime<Utc>, stop: &dyn Fn() -> bool) {
        if !stop() {
            let mut now = self.lock();
            *now = (*now).max(instant);
        }
    }
}
