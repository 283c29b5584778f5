//! Stretches of time, and what lies in them.

use chrono::{DateTime, TimeDelta, Utc};

/// Questions about times that lie further apart than this are asked one by one.
const FAR_APART: TimeDelta = TimeDelta::days(60);

/// How much further than needed is asked: all-day events are written in a zone of their own.
const MARGIN: TimeDelta = TimeDelta::days(1);

/// From and to.
pub type Span = (DateTime<Utc>, DateTime<Utc>);

/// Some stretches of time, in order, none meeting another.
#[derive(Debug, Clone, Default)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// These stretches, joined where they meet.
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        Self(joined(spans.into_iter().collect(), TimeDelta::zero()))
    }

    /// Whether an event from `start` to `end` meets one of them, its ends included.
    pub fn meet(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let after = self.0.partition_point(|span| span.1 < start);
        self.0.get(after).is_some_and(|span| span.0 <= end)
    }

    /// What to ask for: few stretches that hold all of them, with a margin.
    pub fn windows(&self) -> Vec<Span> {
        let wide = |(from, to): &Span| {
            (from.checked_sub_signed(MARGIN).unwrap_or(*from), to.checked_add_signed(MARGIN).unwrap_or(*to))
        };
        joined(self.0.iter().map(wide).collect(), FAR_APART)
    }
}

fn joined(mut spans: Vec<Span>, near: TimeDelta) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from - last.1 <= near => last.1 = last.1.max(to),
            _ => joined.push((from, to.max(from))),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000 + hour * 3_600, 0).unwrap()
    }

    #[test]
    fn what_is_near_is_asked_together() {
        let spans = Spans::new([
            (at(0), at(2)),
            (at(1), at(3)),
            (at(24 * 30), at(24 * 30 + 1)),
            (at(24 * 300), at(24 * 300 + 1)),
        ]);
        assert_eq!(spans.windows(), [(at(-24), at(24 * 31 + 1)), (at(24 * 299), at(24 * 301 + 1))]);
        assert!(Spans::new([]).windows().is_empty());
    }

    proptest! {
        #[test]
        fn meeting_is_what_it_seems(
            spans in prop::collection::vec((0_i64..2_000, 0_i64..50), 0..12), start in -20_i64..2_100, length in 0_i64..60,
        ) {
            let plain: Vec<Span> = spans.iter().map(|(from, length)| (at(*from), at(from + length))).collect();
            let (start, end) = (at(start), at(start + length));
            let expected = plain.iter().any(|(from, to)| *from <= end && start <= *to);
            let spans = Spans::new(plain);
            prop_assert_eq!(spans.meet(start, end), expected);
            let asked = spans.windows();
            prop_assert!(!expected || asked.iter().any(|(from, to)| *from < end && start < *to));
        }
    }
}
