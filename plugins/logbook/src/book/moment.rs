//! Times in eight bytes.
//!
//! A log tells each row's beginning and end, mostly to the second and always to the same offset or none. As values
//! to reckon with, two of them would be as large as all the rest that is kept of a row.

use chrono::{DateTime, FixedOffset, TimeZone as _};
use nexus_plugin_api::EventTime;

/// A time, or none; the [`Moments`] that made it know which.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    // Halves, so that it stands behind numbers of four bytes without a gap.
    high: u32,
    low: u32,
}

/// The times that do not fit into eight bytes.
#[derive(Debug, Default)]
pub struct Moments {
    odd: Vec<EventTime>,
}

/// Bits that say what the others are.
const KIND: u32 = 7;
/// Wall-clock time; what follows up to twice [`NO_OFFSET`] is a time with an offset, in quarters of an hour.
const LOCAL: u64 = 0;
/// The offset zero among the kinds: offsets are less than 15 hours.
const NO_OFFSET: i32 = 60;
/// The position in [`Moments::odd`] of a time.
const ODD: u64 = 126;
/// No time.
const NONE: u64 = 127;

/// Microseconds from 1970 to the first moment that fits, the beginning of 1900: no row has an earlier one.
const FIRST: i64 = -2_208_988_800_000_000;

const QUARTER: i32 = 15 * 60;

impl Moments {
    /// Keeps a time.
    pub fn keep(&mut self, time: Option<EventTime>) -> Moment {
        let bits = time.map_or(NONE, |time| {
            let fits = packed(time).filter(|bits| unpacked(*bits) == Some(time));
            fits.unwrap_or_else(|| self.keep_odd(time))
        });
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Moment { high: half(bits >> u32::BITS), low: half(bits) }
    }

    /// Fractions of a microsecond, years beyond 6000, an offset of some minutes.
    fn keep_odd(&mut self, time: EventTime) -> u64 {
        self.odd.push(time);
        ((self.odd.len() as u64 - 1) << KIND) | ODD
    }

    /// The time.
    pub fn time(&self, moment: Moment) -> Option<EventTime> {
        let bits = (u64::from(moment.high) << u32::BITS) | u64::from(moment.low);
        if kind(bits) == ODD {
            return self.odd.get(usize::try_from(bits >> KIND).ok()?).copied();
        }
        unpacked(bits)
    }

    /// Gives back what is not in use.
    pub fn shrink(&mut self) {
        self.odd.shrink_to_fit();
    }
}

fn kind(bits: u64) -> u64 {
    bits & ((1 << KIND) - 1)
}

/// Microseconds since [`FIRST`] as the clock shows them, and the kind; what cannot be told so may be lost.
fn packed(time: EventTime) -> Option<u64> {
    let (clock, kind) = match time {
        EventTime::Local(clock) => (clock, LOCAL),
        EventTime::Offset(time) => {
            let quarters = time.offset().local_minus_utc() / QUARTER;
            let kind =
                u64::try_from(quarters + NO_OFFSET).ok().filter(|kind| (LOCAL + 1..ODD).contains(kind))?;
            (time.naive_utc().checked_add_offset(*time.offset())?, kind)
        }
    };
    let micros = u64::try_from(clock.and_utc().timestamp_micros().checked_sub(FIRST)?).ok()?;
    (micros.leading_zeros() >= KIND).then_some((micros << KIND) | kind)
}

fn unpacked(bits: u64) -> Option<EventTime> {
    let micros = i64::try_from(bits >> KIND).ok()?.checked_add(FIRST)?;
    let clock = DateTime::from_timestamp_micros(micros)?.naive_utc();
    match kind(bits) {
        LOCAL => Some(EventTime::Local(clock)),
        ODD | NONE => None,
        quarters => {
            let quarters = i32::try_from(quarters).ok()? - NO_OFFSET;
            let offset = FixedOffset::east_opt(quarters * QUARTER)?;
            offset.from_local_datetime(&clock).single().map(EventTime::Offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::parse;

    /// What comes back, and how many did not fit.
    fn kept(text: &str) -> (Option<EventTime>, usize) {
        let mut moments = Moments::default();
        let before = moments.keep(None);
        let moment = moments.keep(parse(text));
        assert_eq!(moments.time(before), None);
        (moments.time(moment), moments.odd.len())
    }

    /// Equal instants are not enough.
    fn same(a: Option<EventTime>, b: Option<EventTime>) -> bool {
        a == b && a.map(|a| a.to_string()) == b.map(|b| b.to_string())
    }

    #[test]
    fn what_logs_hold_fits() {
        for text in [
            "1900-01-01 00:00",
            "2024-03-05 09:10",
            "2024-03-05T09:10:59.999999",
            "2024-03-05T09:10:00Z",
            "2024-03-05T09:10:00-07:00",
            "2024-03-05T09:10:00.000001+05:45",
            "2024-03-05T09:10:00+14:45",
            "2024-03-05T09:10:00-14:45",
            "6000-12-31T23:59:59-12:00",
        ] {
            let (back, odd) = kept(text);
            assert!(same(back, parse(text)) && back.is_some() && odd == 0, "{text}: {back:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_kept_as_it_is() {
        for text in [
            "9999-12-31 23:59",
            "9999-12-31T23:59:59.999999999-14:59",
            "2024-03-05T09:10:00.0000001",
            "2024-03-05T09:10:00.123456789Z",
            "2024-03-05T09:10:00+00:20",
            "2024-03-05T09:10:00-07:01",
        ] {
            let (back, odd) = kept(text);
            assert!(same(back, parse(text)) && back.is_some() && odd == 1, "{text}: {back:?}");
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(
            text in "(19|20|61|64|65|99)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])?",
        ) {
            prop_assert!(same(kept(&text).0, parse(&text)), "{text}");
        }
    }
}
