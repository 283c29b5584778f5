//! Time for the plugin, without waiting for any.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_plugin_api::Call;
use nexus_plugin_labarchives::pause::Pause;

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap()
}

/// Who waits moves the clock. With one worker, calls arrive at the moment that the clock shows; with several, the clock
/// may have gone on before a call arrives, and the moment is the one that it was signed for.
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
