//! A build that panics, though the program has no panic to offer: the clock has.
//!
//! The panic of a reader is contained and costs one file. So the reader only sees the file that is to end the
//! build, and lets the clock, which the build asks next on the same thread, panic in its place.

use std::cell::Cell;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Utc};
use nexus_core::clock::{self, ManualClock};
use nexus_plugin_api::{Call, CheckReport, Extractor, PathRef, PluginError, Signal};

/// In the name of a file: its session cannot be built.
pub(super) const NAME: &str = "trap";

thread_local! {
    static SPRUNG: Cell<bool> = const { Cell::new(false) };
}

/// Wants no file.
pub(super) struct Reader;

impl Extractor for Reader {
    fn accepts(&self, _call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        SPRUNG.set(path.as_path().to_string_lossy().ends_with("_trap.txt"));
        Ok(false)
    }

    fn extract(&self, _call: &Call, _path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        Err(PluginError::permanent("wants no file"))
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(CheckReport::default())
    }
}

/// The facility's clock.
pub(super) struct Clock(pub Arc<ManualClock>);

impl clock::Clock for Clock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn now_local(&self) -> DateTime<FixedOffset> {
        assert!(!SPRUNG.take(), "scripted: the build");
        self.0.now_local()
    }

    fn wait_until(&self, instant: DateTime<Utc>, stop: &dyn Fn() -> bool) {
        self.0.wait_until(instant, stop);
    }
}
