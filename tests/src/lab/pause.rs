//! The clock of the facility, for plugins that know of time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_plugin_api::Call;
use nexus_plugin_cdcs::pause::Pause;

/// Who waits moves the clock.
#[derive(Debug, Clone)]
pub struct OfClock(
    /// The clock.
    pub Arc<ManualClock>,
);

impl Pause for OfClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn wait(&self, _call: &Call, length: Duration) -> bool {
        self.0.advance(TimeDelta::from_std(length).unwrap_or(TimeDelta::zero()));
        true
    }
}
