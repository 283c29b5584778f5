//! When a failed delivery is tried again.
//!
//! Two tries in a run, the second as soon as the others have had theirs. After every second failure
//! in a row it rests, twice as long each time:
//!
//! | failures in a row | 2 | 4 | 6 | 8 | 10 | 12 | 14 | 16 | 18 | 20 … |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | rests for | 5 min | 10 min | 20 min | 40 min | 1 h 20 | 2 h 40 | 5 h 20 | 10 h 40 | 21 h 20 | 24 h |
//!
//! A person's `retry`, a changed configuration and a changed record end the rest.

use chrono::{DateTime, TimeDelta, Utc};

/// Tries of one delivery before it rests.
pub const RETRY_TRIES_IN_A_RUN: u32 = 2;

/// How long it rests, in minutes, after the first, second, … pair of failures; the last one repeats.
pub const RETRY_TABLE_MINUTES: [i64; 10] = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440];

/// Nothing is ever put off for longer: not by a rest, nor by a pause with a settle time behind it. What lies further
/// ahead was written while the clock was.
pub(crate) const LONGEST_WAIT: TimeDelta = TimeDelta::days(8);

/// The longest pause a destination may ask for.
const LONGEST_RATE_LIMIT: TimeDelta = TimeDelta::days(7);

/// How long to rest after that many failures in a row; zero: try again in this run.
#[must_use]
pub fn pause_between_runs(failures: u32) -> TimeDelta {
    if failures == 0 || !failures.is_multiple_of(RETRY_TRIES_IN_A_RUN) {
        return TimeDelta::zero();
    }
    rest_at_least_once(failures)
}

/// The rest of the pair the failure belongs to, whether or not the pair is complete.
pub(super) fn rest_at_least_once(failures: u32) -> TimeDelta {
    let pair = failures.saturating_sub(1) / RETRY_TRIES_IN_A_RUN;
    let [.., longest] = RETRY_TABLE_MINUTES;
    let minutes =
        usize::try_from(pair).ok().and_then(|pair| RETRY_TABLE_MINUTES.get(pair)).unwrap_or(&longest);
    TimeDelta::minutes(*minutes)
}

/// The end of a pause the destination asked for: what it said, at most seven days; if it did not say,
/// the rest of the table.
pub(super) fn rate_limit_end(
    until: Option<DateTime<Utc>>,
    failures: u32,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    until
        .unwrap_or_else(|| later(now, rest_at_least_once(failures)))
        .min(later(now, LONGEST_RATE_LIMIT))
        .max(now)
}

/// `now + delta`; `now` where the calendar ends.
pub(super) fn later(now: DateTime<Utc>, delta: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(delta).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table() {
        let minutes: Vec<i64> = (0..=22).map(|n| pause_between_runs(n).num_minutes()).collect();
        assert_eq!(
            minutes,
            [0, 0, 5, 0, 10, 0, 20, 0, 40, 0, 80, 0, 160, 0, 320, 0, 640, 0, 1280, 0, 1440, 0, 1440]
        );
        assert_eq!(pause_between_runs(u32::MAX - 1).num_hours(), 24);
        assert_eq!(pause_between_runs(u32::MAX), TimeDelta::zero());
    }

    #[test]
    fn a_rate_limit_is_believed_within_reason() {
        let now = DateTime::UNIX_EPOCH;
        let hour = TimeDelta::hours(1);
        assert_eq!(rate_limit_end(Some(now + hour), 1, now), now + hour);
        assert_eq!(rate_limit_end(Some(now - hour), 1, now), now);
        assert_eq!(rate_limit_end(Some(DateTime::<Utc>::MAX_UTC), 1, now), now + TimeDelta::days(7));
        assert_eq!(rate_limit_end(None, 1, now), now + TimeDelta::minutes(5));
        assert_eq!(rate_limit_end(None, 3, now), now + TimeDelta::minutes(10));
    }
}
