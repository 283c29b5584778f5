//! How many sessions may be in hand at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A counting semaphore.
#[derive(Debug)]
pub(super) struct Permits {
    free: Mutex<usize>,
    given: Condvar,
}

impl Permits {
    pub fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), given: Condvar::new() }
    }

    /// Takes one, waiting for it. Never called from within the pool.
    pub fn take(&self) {
        let mut free = self.lock();
        while *free == 0 {
            free = self.given.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
    }

    /// Gives some back.
    pub fn give(&self, count: usize) {
        let mut free = self.lock();
        *free = free.saturating_add(count);
        self.given.notify_all();
    }

    /// Lets everybody through as soon as what is returned is dropped: nobody will give any back then, be it
    /// that he returned or that he panicked.
    pub fn open_at_the_end(&self) -> impl Drop + '_ {
        OpenAtTheEnd(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct OpenAtTheEnd<'a>(&'a Permits);

impl Drop for OpenAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.give(usize::MAX / 2);
    }
}
