//! Something that is asked for once, whoever comes first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_plugin_api::Call;

/// How often a waiting call looks whether its answer is still wanted.
const NAP: Duration = Duration::from_millis(50);

/// A value that is looked up at the site once, while the others wait for it.
#[derive(Debug)]
pub struct Once<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Unknown,
    Asking,
    Known(T),
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Unknown), changed: Condvar::new() }
    }
}

impl<T: Clone> Once<T> {
    /// The value; asked for if nobody has before. What `ask` refuses is not kept. `None`: the call ended meanwhile.
    pub fn get<E>(&self, call: &Call, ask: impl FnOnce() -> Result<T, E>) -> Option<Result<T, E>> {
        let mut state = self.lock();
        loop {
            match &*state {
                State::Known(value) => return Some(Ok(value.clone())),
                State::Unknown => break,
                State::Asking if call.should_stop() => return None,
                State::Asking => {
                    state = self.changed.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *state = State::Asking;
        drop(state);
        let mut turn = Turn { once: self, found: None };
        let asked = ask();
        if let Ok(value) = &asked {
            turn.found = Some(value.clone());
        }
        Some(asked)
    }

    /// It has turned out to be wrong.
    pub fn forget(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Known(_)) {
            *state = State::Unknown;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever asks; the others go on when it is dropped, also by a panic.
struct Turn<'a, T: Clone> {
    once: &'a Once<T>,
    found: Option<T>,
}

impl<T: Clone> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        *self.once.lock() = self.found.take().map_or(State::Unknown, State::Known);
        self.once.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn many_ask_at_once_and_one_goes() {
        let (once, asked) = (Once::default(), AtomicU32::new(0));
        let call = Call::unlimited("/");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = once.get(&call, || Ok::<_, ()>(asked.fetch_add(1, Ordering::SeqCst)));
                    assert_eq!(answer, Some(Ok(0)));
                });
            }
        });
        assert_eq!(asked.into_inner(), 1);
    }

    #[test]
    fn a_refusal_is_asked_again_and_a_wrong_value_forgotten() {
        let (once, call) = (Once::default(), Call::unlimited("/"));
        assert_eq!(once.get(&call, || Err("no")), Some(Err("no")));
        assert_eq!(once.get(&call, || Ok::<_, &str>(1)), Some(Ok(1)));
        assert_eq!(once.get(&call, || Ok::<_, &str>(2)), Some(Ok(1)));
        once.forget();
        assert_eq!(once.get(&call, || Ok::<_, &str>(2)), Some(Ok(2)));
    }

    #[test]
    fn a_panic_leaves_it_open() {
        let (once, call) = (Once::default(), Call::unlimited("/"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            once.get(&call, || -> Result<u8, ()> { panic!("by intent") })
        }));
        assert!(panicked.is_err());
        assert_eq!(once.get(&call, || Ok::<_, ()>(1)), Some(Ok(1)));
    }
}
