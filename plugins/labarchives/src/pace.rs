//! The pace that an institution's access key may be used at, shared by everything in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::Call;
use nexus_plugin_http::pause::Pause;

/// The longest rest that is waited for; who would wait longer is told when to come back.
const LONGEST_REST: TimeDelta = TimeDelta::minutes(1);

/// The longest time between two calls.
const LONGEST_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// A call that went out so far in the future did not: the clock was set back.
const SET_BACK: TimeDelta = TimeDelta::seconds(10);

/// The gates of this process, by API address and access key. They stay: whoever begins anew keeps the distance as well.
static GATES: Mutex<Option<Gates>> = Mutex::new(None);

type Gates = HashMap<(String, String), Arc<Gate>>;

/// What every call with one access key passes.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first moment that nobody has been promised.
    free: Option<DateTime<Utc>>,
    /// When the last call went out.
    last: Option<DateTime<Utc>>,
    /// The server wants to be left alone until then.
    rest: Option<DateTime<Utc>>,
}

/// Why a call may not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The host does not want the answer any more, or not that late.
    Stopped,
    /// The server wants to be left alone until then.
    Resting(DateTime<Utc>),
}

/// The gate of this key at this address: the same for all who ask in this process.
pub fn gate(base: &str, key: &str) -> Arc<Gate> {
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    let gate = gates.get_or_insert_default().entry((base.to_owned(), key.to_owned())).or_default();
    if Arc::strong_count(gate) == 1 {
        // Whoever begins anew asks anew whether the server still wants to rest.
        gate.lock().rest = None;
    }
    Arc::clone(gate)
}

impl Gate {
    /// Waits for a turn, in the order of asking, so that calls go out at least `interval` apart.
    ///
    /// A turn is a promised moment: nobody holds a lock while waiting, and who gives up holds nobody up. Returns the
    /// moment at which the call goes out.
    pub fn turn(&self, call: &Call, pause: &dyn Pause, interval: Duration) -> Result<DateTime<Utc>, Closed> {
        let interval = TimeDelta::from_std(interval).unwrap_or(LONGEST_INTERVAL).min(LONGEST_INTERVAL);
        let mut promised = self.promise(call, pause, interval)?;
        loop {
            let now = pause.now();
            let left = promised - now;
            if left > TimeDelta::zero() {
                if !pause.wait(call, left.to_std().unwrap_or_default()) {
                    self.give_back(promised, interval);
                    return Err(Closed::Stopped);
                }
                continue;
            }
            match self.go(pause, interval) {
                Ok(went) => return Ok(went),
                // Whoever had the turn before was late.
                Err(later) => promised = later,
            }
        }
    }

    /// The next moment that is free.
    fn promise(&self, call: &Call, pause: &dyn Pause, interval: TimeDelta) -> Result<DateTime<Utc>, Closed> {
        let mut state = self.lock();
        // Read under the lock, here and in `go`: to a thread that was held up since it looked, the clock would seem to
        // have been set back.
        let now = pause.now();
        if state.last.is_some_and(|last| last - now > SET_BACK) {
            *state = State::default();
        }
        if let Some(rest) = state.rest.filter(|rest| *rest > now) {
            if rest - now > LONGEST_REST {
                return Err(Closed::Resting(rest));
            }
            state.free = state.free.max(Some(rest));
        }
        let moment = state.free.unwrap_or(now).max(now);
        let too_late = |left: Duration| TimeDelta::from_std(left).is_ok_and(|left| moment - now > left);
        if call.should_stop() || call.time_left().is_some_and(too_late) {
            return Err(Closed::Stopped);
        }
        state.free = Some(moment + interval);
        Ok(moment)
    }

    /// The call goes out now, unless the one before went out too short a time ago.
    fn go(&self, pause: &dyn Pause, interval: TimeDelta) -> Result<DateTime<Utc>, DateTime<Utc>> {
        let mut state = self.lock();
        let now = pause.now();
        // Somebody who read the clock a moment later may have gone before.
        if let Some(last) = state.last.filter(|last| (now - *last).abs() < interval) {
            state.free = state.free.max(Some(last + interval + interval));
            return Err(last + interval);
        }
        state.last = Some(now);
        Ok(now)
    }

    /// A turn that nobody wants any more, if it was the last one promised.
    fn give_back(&self, promised: DateTime<Utc>, interval: TimeDelta) {
        let mut state = self.lock();
        if state.free == Some(promised + interval) {
            state.free = Some(promised);
        }
    }

    /// The server wants to be left alone until then, by everybody.
    pub fn rest(&self, until: DateTime<Utc>) {
        let mut state = self.lock();
        state.rest = state.rest.max(Some(until));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
