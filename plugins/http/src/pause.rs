//! The time, and waiting for it to pass.

use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_plugin_api::Call;

/// What the plugin knows of time. Tests bring their own.
pub trait Pause: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// Waits; `false` if the call ended meanwhile.
    fn wait(&self, call: &Call, length: Duration) -> bool;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPause;

impl Pause for SystemPause {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn wait(&self, call: &Call, length: Duration) -> bool {
        // Short naps: nothing else wakes it when the answer is no longer wanted.
        const NAP: Duration = Duration::from_millis(100);
        let mut left = length;
        while !left.is_zero() {
            if call.should_stop() {
                return false;
            }
            let nap = left.min(NAP);
            std::thread::sleep(nap);
            left -= nap;
        }
        !call.should_stop()
    }
}
