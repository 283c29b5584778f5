//! How the program ends when its input does, whatever the plugin is doing.
//!
//! While a library is being loaded, the system's loader holds a lock that a thread needs when it begins, when
//! it meets a thread-local value for the first time, and when the program exits. A library that never comes
//! back from loading would keep such a thread waiting. So both threads are running before anything is loaded,
//! they wait for nothing but plain locks, and the last of them needs no exit.

use std::io;
use std::sync::{Arc, Barrier, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the program may go on once its input has ended.
const GRACE: Duration = Duration::from_secs(1);

/// What the threads know of each other.
#[derive(Default)]
pub(super) struct Ending {
    moment: Mutex<Moment>,
    changed: Condvar,
}

#[derive(Default)]
struct Moment {
    input_ended: bool,
    all_answered: bool,
}

impl Ending {
    /// Starts the thread that ends the program when nothing else does: its own destructors may hang.
    /// Returns when it runs.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start_last_resort(self: &Arc<Self>) -> io::Result<()> {
        let ending = Arc::clone(self);
        start("last resort", move || {
            ending.wait(None, |moment| moment.input_ended);
            thread::sleep(2 * GRACE);
            std::process::abort();
        })
    }

    /// The input has ended: what runs has a moment left.
    pub(super) fn end_program(&self) {
        self.change(|moment| moment.input_ended = true);
        if !self.wait(Some(GRACE), |moment| moment.all_answered) {
            std::process::exit(0);
        }
    }

    /// No call runs, and none will: the program ends by itself.
    pub(super) fn all_answered(&self) {
        self.change(|moment| moment.all_answered = true);
    }

    fn change(&self, change: impl FnOnce(&mut Moment)) {
        change(&mut self.moment.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until it is so; `false` if that takes longer than `limit`.
    fn wait(&self, limit: Option<Duration>, is_so: impl Fn(&Moment) -> bool) -> bool {
        let moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        let not_yet = |moment: &mut Moment| !is_so(moment);
        match limit {
            None => {
                drop(self.changed.wait_while(moment, not_yet));
                true
            }
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(moment, limit, not_yet);
                !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
            }
        }
    }
}

/// Starts a thread, and returns when it runs.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let both = Arc::new(Barrier::new(2));
    let here = Arc::clone(&both);
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        both.wait();
        work();
    })?;
    here.wait();
    Ok(())
}
