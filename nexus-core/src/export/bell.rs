//! How the export workers learn that there may be something to do, or that nothing more will come.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ids::DestinationName;

/// Rung after every commit that may have made a delivery due.
#[derive(Debug, Default)]
pub struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rings: u64,
    closed: bool,
    ended: BTreeSet<DestinationName>,
}

impl Bell {
    /// There may be something to do.
    pub fn ring(&self) {
        self.change(|_| {});
    }

    /// No more records will be built in this run.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// A destination has done all it can in this run.
    pub(super) fn ended(&self, name: &DestinationName) {
        self.change(|state| {
            state.ended.insert(name.clone());
        });
    }

    /// How often it was rung; remembered before looking, handed to [`Self::wait`].
    pub(super) fn rings(&self) -> u64 {
        self.lock().rings
    }

    /// Whether nothing more can become due: the build is over, and so are the destinations waited for.
    pub(super) fn quiet(&self, after: &[DestinationName]) -> bool {
        let state = self.lock();
        state.closed && after.iter().all(|name| state.ended.contains(name))
    }

    /// Waits until it was rung since `seen`.
    pub(super) fn wait(&self, seen: u64) {
        let mut state = self.lock();
        while state.rings == seen {
            state = self.rung.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.rings += 1;
        change(&mut state);
        self.rung.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_needs_the_build_and_every_destination_waited_for() {
        let bell = Bell::default();
        let after = [DestinationName::from("a")];
        assert!(!bell.quiet(&[]));
        bell.close();
        assert!(bell.quiet(&[]));
        assert!(!bell.quiet(&after));
        bell.ended(&after[0]);
        assert!(bell.quiet(&after));
    }

    #[test]
    fn a_ring_between_looking_and_waiting_is_not_missed() {
        let bell = Bell::default();
        let seen = bell.rings();
        bell.ring();
        bell.wait(seen);
    }
}
