//! One call into a plugin: how long it may take, whether it is still wanted, where it may write.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A flag that says the caller no longer wants the answer. Cloning shares the flag.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Flag>);

#[derive(Default)]
struct Flag {
    set: AtomicBool,
    /// Another flag that counts as this one: the host's, seen from inside a library.
    source: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl Cancel {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that is also set as soon as `source` says so. `source` is asked whenever somebody
    /// looks, from any thread, and must be quick.
    #[must_use]
    pub fn following(source: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Flag { set: AtomicBool::new(false), source: Some(Box::new(source)) }))
    }

    /// Sets the flag; it is never cleared.
    pub fn cancel(&self) {
        self.0.set.store(true, Ordering::Release);
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        if self.0.set.load(Ordering::Acquire) {
            return true;
        }
        let set = self.0.source.as_ref().is_some_and(|source| source());
        if set {
            self.cancel();
        }
        set
    }

    /// The byte that becomes 1, for a carrier that hands its address across the C boundary. Valid
    /// as long as this flag or a clone of it lives. What a flag made by [`Cancel::following`]
    /// follows shows here only after somebody asked [`Cancel::is_cancelled`].
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.set.as_ptr().cast::<u8>().cast_const()
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// How serious a log line of a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// The call did not do what it should.
    Error,
    /// Somebody should look at it some day.
    Warn,
    /// A step a person would want to see.
    Info,
    /// For the plugin's author.
    Debug,
    /// Everything.
    Trace,
}

/// Where a plugin's log lines go: the host's log, under the plugin's name.
pub type LogSink = Arc<dyn Fn(LogLevel, &str) + Send + Sync>;

/// The circumstances of one call.
#[derive(Clone)]
pub struct Call {
    /// When the host stops waiting. `None`: no limit.
    pub deadline: Option<Instant>,
    /// Whether the answer is still wanted.
    pub cancel: Cancel,
    /// A folder of the host's for files that must cross; emptied after the run.
    pub scratch: PathBuf,
    log: LogSink,
}

impl Call {
    /// A call with a deadline, a cancel flag, a scratch folder and a log.
    #[must_use]
    pub fn new(deadline: Option<Instant>, cancel: Cancel, scratch: PathBuf, log: LogSink) -> Self {
        Self { deadline, cancel, scratch, log }
    }

    /// A call without a limit whose log lines are dropped; for tests and tools.
    #[must_use]
    pub fn unlimited(scratch: impl Into<PathBuf>) -> Self {
        Self::new(None, Cancel::new(), scratch.into(), Arc::new(|_, _| {}))
    }

    /// Writes one line to the host's log, under the plugin's name. Never put a secret here.
    pub fn log(&self, level: LogLevel, message: &str) {
        (self.log)(level, message);
    }

    /// Time left before the deadline; `None` when there is no limit.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the plugin should stop: cancelled, or the deadline has passed.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.cancel.is_cancelled() || self.time_left() == Some(Duration::ZERO)
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("deadline", &self.deadline)
            .field("cancelled", &self.cancel.is_cancelled())
            .field("scratch", &self.scratch)
            .finish_non_exhaustive()
    }
}
