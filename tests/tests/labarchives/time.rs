//! Time for the plugin, without waiting for any.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_plugin_api::Call;
use nexus_plugin_labarchives::pause::Pause;

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap()
}

/// Who waits moves the clock. For one worker: calls arrive at the moment that the clock shows.
pub struct Moving(pub Arc<ManualClock>);

impl Pause for Moving {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn wait(&self, _call: &Call, length: Duration) -> bool {
        self.0.advance(delta(length));
        true
    }
}

/// Every thread waits for itself, and is ahead of the clock by what it waited. For several workers: the moment of a
/// call is the one it was signed for, whoever else waited meanwhile.
pub struct OfThread(pub Arc<ManualClock>);

thread_local! {
    static AHEAD: Cell<TimeDelta> = const { Cell::new(TimeDelta::zero()) };
}

impl Pause for OfThread {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + AHEAD.get()
    }

    fn wait(&self, _call: &Call, length: Duration) -> bool {
        AHEAD.set(AHEAD.get() + delta(length));
        true
    }
}
