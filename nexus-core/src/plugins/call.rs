//! One call of a plugin, within a deadline.
//!
//! The call has a thread to itself, so that a plugin that hangs costs its caller the deadline and no
//! more. An overdue call is told to stop, given a moment, and then left behind: its end will not be seen,
//! and after so many of them its instance is not called again in this run: after one, or after a few where such
//! a call can only waste time. A process is killed within that moment, so that nothing of it is left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nexus_plugin_api::call::LogSink;
use nexus_plugin_api::{Call, Cancel, PluginError};

use super::bounds::line;
use super::process::log_of;
use super::threads::Threads;
use super::turns::Turns;
use crate::secret::Redactor;

/// How long the calls of an instance may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Asking: target, find, check, reservations, a page of events.
    pub ask: Duration,
    /// One step of a delivery.
    pub deliver: Duration,
    /// Reading one file.
    pub extract: Duration,
    /// After the deadline: how long a cancelled call may still take to end by itself.
    pub grace: Duration,
    /// After the deadline: how long a plugin's process may still take to end the call by itself before it is
    /// killed. Never more than half the grace, so that its death is seen in time.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ask: Duration::from_mins(2),
            deliver: Duration::from_mins(5),
            extract: Duration::from_mins(1),
            grace: Duration::from_secs(4),
            patience: Duration::from_secs(1),
        }
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The plugin says that it did not work.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// It did not answer in time and was left behind.
    #[error(
        "plugin `{plugin}` did not answer `{method}` within {limit:?}{}",
        if *off { " and is not asked again in this run" } else { "" }
    )]
    Overdue {
        /// The instance.
        plugin: String,
        /// What was asked.
        method: &'static str,
        /// The time it was given.
        limit: Duration,
        /// Whether it is not called again in this run.
        off: bool,
    },
    /// An earlier call is overdue.
    #[error("plugin `{plugin}` is off for this run, because an earlier call never ended")]
    Off {
        /// The instance.
        plugin: String,
    },
}

impl CallError {
    /// What failed, and what to do about it if the plugin knows.
    pub fn told(&self) -> String {
        match self {
            Self::Plugin(PluginError { message, hint: Some(hint), .. }) => format!("{message}; {hint}"),
            other => other.to_string(),
        }
    }
}

/// What every call of one instance has in common.
#[derive(Debug)]
pub(super) struct Caller {
    pub name: String,
    pub scratch: PathBuf,
    pub limits: Limits,
    pub redactor: Redactor,
    /// How many calls may be under way at the same time; `None`: any number.
    turns: Option<Turns>,
    /// How many calls may be left behind before the instance is off: one where nobody can tell what such a
    /// call still does, more where it can do nothing but waste time.
    pub patience: usize,
    left_behind: AtomicUsize,
    threads: Threads,
}

impl Caller {
    pub fn new(name: String, scratch: PathBuf, limits: Limits, redactor: Redactor) -> Self {
        let threads = Threads::named(format!("plugin {name}"));
        let left_behind = AtomicUsize::new(0);
        Self { name, scratch, limits, redactor, patience: 1, left_behind, turns: None, threads }
    }

    /// The same with so many calls at the same time, if that is limited. Waiting for a turn does not count as time
    /// of the call.
    pub fn with_turns(self, calls: Option<usize>) -> Self {
        Self { turns: calls.map(|calls| Turns::new(calls.max(1))), ..self }
    }

    pub fn is_off(&self) -> bool {
        self.left_behind.load(Ordering::Acquire) >= self.patience
    }

    /// Runs `ask` within `limit`. A panic in it is an error that may have left something behind.
    pub fn within<T: Send + 'static>(
        &self,
        method: &'static str,
        limit: Duration,
        ask: impl FnOnce(&Call) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, CallError> {
        self.within_using(self.scratch.clone(), method, limit, ask)
    }

    /// The same with a scratch folder of the call's own.
    pub fn within_using<T: Send + 'static>(
        &self,
        scratch: PathBuf,
        method: &'static str,
        limit: Duration,
        ask: impl FnOnce(&Call) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, CallError> {
        let _turn = self.turns.as_ref().map(Turns::take);
        if self.is_off() {
            return Err(CallError::Off { plugin: self.name.clone() });
        }
        let cancel = Cancel::new();
        let call = Call::new(Some(Instant::now() + limit), cancel.clone(), scratch, self.log());
        let (answer, answered) = mpsc::sync_channel(1);
        let tell = move |result| {
            // Nobody listening any more means that the call was left behind.
            let _ = answer.send(result);
        };
        self.threads.run(move || ask(&call), tell).map_err(|error| {
            PluginError::transient(format!("no thread for plugin `{}`: {error}", self.name))
        })?;
        let first = answered.recv_timeout(limit);
        let result = match first {
            Err(RecvTimeoutError::Timeout) => {
                cancel.cancel();
                answered.recv_timeout(self.limits.grace)
            }
            other => other,
        };
        match result {
            Ok(answer) => Ok(answer.map_err(|error| self.masked(error))?),
            Err(RecvTimeoutError::Disconnected) => {
                Err(PluginError::permanent(format!("plugin `{}` panicked in `{method}`", self.name))
                    .maybe_done()
                    .with_hint("tell its author; the lines above show where")
                    .into())
            }
            Err(RecvTimeoutError::Timeout) => {
                self.left_behind.fetch_add(1, Ordering::AcqRel);
                let off = self.is_off();
                Err(CallError::Overdue { plugin: self.name.clone(), method, limit, off })
            }
        }
    }

    /// As it may be shown: without secrets first, since half of one is not known as such.
    fn masked(&self, mut error: PluginError) -> PluginError {
        error.message = line(&self.redactor.mask(&error.message));
        error.hint = error.hint.map(|hint| line(&self.redactor.mask(&hint)));
        error
    }

    fn log(&self) -> LogSink {
        let (log, redactor) = (log_of(&self.name), self.redactor.clone());
        Arc::new(move |level, message| log(level, &redactor.mask(message)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn caller(grace: Duration) -> Caller {
        let limits = Limits { grace, ..Limits::default() };
        Caller::new("x".into(), "/nowhere".into(), limits, Redactor::default())
    }

    #[test]
    fn an_answer_in_time_is_the_answer() {
        let answer = caller(Duration::ZERO).within("ask", Duration::from_mins(1), |_| Ok(7));
        assert_eq!(answer.unwrap(), 7);
    }

    #[test]
    fn a_panic_is_an_error_that_may_have_left_something_behind() {
        let caller = caller(Duration::ZERO);
        let error = caller.within::<()>("deliver", Duration::from_mins(1), |_| panic!("boom")).unwrap_err();
        let CallError::Plugin(error) = error else { panic!("{error}") };
        assert_eq!(error.effect, nexus_plugin_api::Effect::Maybe);
        assert!(error.message.contains("panicked in `deliver`"), "{error}");
        assert!(!caller.is_off());
    }

    #[test]
    fn an_error_is_one_short_line_without_what_a_terminal_would_obey() {
        let error = caller(Duration::ZERO)
            .within::<()>("deliver", Duration::from_mins(1), |_| {
                Err(PluginError::permanent("no\n\u{1b}[2Jroom ".repeat(1 << 16)).with_hint("buy\nmore"))
            })
            .unwrap_err();
        let told = error.told();
        assert!(told.len() < 5000 && told.starts_with("no  [2Jroom no "), "{}", told.len());
        assert!(told.ends_with("…; buy more"));
    }

    #[test]
    fn an_overdue_call_is_cancelled_and_the_instance_is_off() {
        let caller = caller(Duration::ZERO);
        let (release, released) = mpsc::channel::<()>();
        let error = caller
            .within("find", Duration::ZERO, move |_| {
                let _ = released.recv();
                Ok(())
            })
            .unwrap_err();
        assert!(matches!(error, CallError::Overdue { method: "find", .. }), "{error}");
        assert!(matches!(caller.within("find", Duration::ZERO, |_| Ok(())), Err(CallError::Off { .. })));
        drop(release);
    }

    #[test]
    fn a_patient_caller_gives_up_after_several_calls_that_never_end() {
        let mut caller = caller(Duration::ZERO);
        caller.patience = 2;
        let hang = |caller: &Caller| {
            let (release, released) = mpsc::channel::<()>();
            let outcome = caller.within("extract", Duration::ZERO, move |_| {
                let _ = released.recv();
                Ok(())
            });
            drop(release);
            outcome.unwrap_err()
        };
        assert!(matches!(hang(&caller), CallError::Overdue { off: false, .. }));
        assert_eq!(caller.within("extract", Duration::from_mins(1), |_| Ok(7)).unwrap(), 7);
        assert!(matches!(hang(&caller), CallError::Overdue { off: true, .. }));
        assert!(matches!(hang(&caller), CallError::Off { .. }));
    }

    #[test]
    fn a_call_that_heeds_the_cancel_flag_ends_by_itself() {
        let caller = caller(Duration::from_mins(1));
        let answer = caller.within("find", Duration::ZERO, |call| {
            while !call.cancel.is_cancelled() {
                std::thread::yield_now();
            }
            Err::<(), _>(PluginError::transient("gave up when asked to"))
        });
        assert!(matches!(answer, Err(CallError::Plugin(_))));
        assert!(!caller.is_off());
    }

    #[test]
    fn waiting_for_a_turn_is_no_time_of_the_call() {
        let caller = caller(Duration::ZERO).with_turns(Some(2));
        let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (entered, begun) = mpsc::channel::<()>();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..6)
                .map(|_| {
                    let (under_way, most, entered, released, caller) = (
                        Arc::clone(&under_way),
                        Arc::clone(&most),
                        entered.clone(),
                        Arc::clone(&released),
                        &caller,
                    );
                    scope.spawn(move || {
                        caller.within("find", Duration::from_mins(1), move |call| {
                            most.fetch_max(under_way.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                            let left = call.time_left();
                            let _ = entered.send(());
                            let _ = released.lock().unwrap().recv();
                            under_way.fetch_sub(1, Ordering::AcqRel);
                            Ok(left)
                        })
                    })
                })
                .collect();
            // Two are under way at once, since none is released before both have begun.
            for _ in 0..2 {
                begun.recv().unwrap();
            }
            for _ in 0..6 {
                release.send(()).unwrap();
            }
            for call in calls {
                assert!(call.join().unwrap().unwrap().is_some());
            }
        });
        assert_eq!(most.load(Ordering::Acquire), 2);
    }
}
