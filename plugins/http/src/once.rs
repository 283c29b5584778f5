//! Things that are asked for once each, whoever comes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_plugin_api::Call;

/// How often a waiting call looks whether its answer is still wanted.
const NAP: Duration = Duration::from_millis(50);

/// Values by key. Each is asked for by one call, while the others that want it wait.
#[derive(Debug)]
pub struct Once<K, V> {
    /// `None`: somebody is asking.
    known: Mutex<HashMap<K, Option<V>>>,
    changed: Condvar,
}

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self { known: Mutex::new(HashMap::new()), changed: Condvar::new() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Once<K, V> {
    /// The value of a key; asked for if nobody has before. What `ask` refuses is not kept. `None`: the call ended
    /// meanwhile.
    pub fn get<E>(&self, call: &Call, key: &K, ask: impl FnOnce() -> Result<V, E>) -> Option<Result<V, E>> {
        self.get_if(call, key, |_| true, ask)
    }

    /// The same, but what `keep` does not want is not kept either.
    pub fn get_if<E>(
        &self,
        call: &Call,
        key: &K,
        keep: impl FnOnce(&V) -> bool,
        ask: impl FnOnce() -> Result<V, E>,
    ) -> Option<Result<V, E>> {
        let mut known = self.lock();
        loop {
            match known.get(key) {
                Some(Some(value)) => return Some(Ok(value.clone())),
                None => break,
                Some(None) if call.should_stop() => return None,
                Some(None) => {
                    known = self.changed.wait_timeout(known, NAP).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        known.insert(key.clone(), None);
        drop(known);
        let mut turn = Turn { once: self, key, found: None };
        let asked = ask();
        if let Ok(value) = &asked
            && keep(value)
        {
            turn.found = Some(value.clone());
        }
        drop(turn);
        Some(asked)
    }

    /// Values that have turned out to be wrong.
    pub fn forget(&self, wrong: impl Fn(&K) -> bool) {
        self.lock().retain(|key, value| value.is_none() || !wrong(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Option<V>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever asks; the others go on when it is dropped, also by a panic.
struct Turn<'a, K: Clone + Eq + Hash, V: Clone> {
    once: &'a Once<K, V>,
    key: &'a K,
    found: Option<V>,
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Turn<'_, K, V> {
    fn drop(&mut self) {
        let mut known = self.once.lock();
        match self.found.take() {
            Some(value) => known.insert(self.key.clone(), Some(value)),
            None => known.remove(self.key),
        };
        drop(known);
        self.once.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn many_ask_at_once_and_one_goes_for_each_key() {
        let (once, asked) = (Once::default(), AtomicU32::new(0));
        let call = Call::unlimited("/");
        std::thread::scope(|scope| {
            for number in 0..8_u32 {
                let (once, asked, call) = (&once, &asked, &call);
                scope.spawn(move || {
                    let key = number % 2;
                    let answer = once.get(call, &key, || {
                        asked.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, ()>(key)
                    });
                    assert_eq!(answer, Some(Ok(key)));
                });
            }
        });
        assert_eq!(asked.into_inner(), 2);
    }

    #[test]
    fn what_is_refused_unwanted_or_wrong_is_asked_again() {
        let (once, call) = (Once::default(), Call::unlimited("/"));
        let get = |keep: bool, answer: Result<u8, &'static str>| {
            once.get_if(&call, &'k', |_| keep, || answer).unwrap()
        };
        assert_eq!(get(true, Err("no")), Err("no"));
        assert_eq!(get(false, Ok(1)), Ok(1));
        assert_eq!(get(true, Ok(2)), Ok(2));
        assert_eq!(get(true, Ok(3)), Ok(2));
        once.forget(|key| *key == 'k');
        assert_eq!(get(true, Ok(4)), Ok(4));
    }

    #[test]
    fn a_panic_leaves_it_open() {
        let (once, call) = (Once::default(), Call::unlimited("/"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            once.get(&call, &1, || -> Result<u8, ()> { panic!("by intent") })
        }));
        assert!(panicked.is_err());
        assert_eq!(once.get(&call, &1, || Ok::<_, ()>(1)), Some(Ok(1)));
    }
}
