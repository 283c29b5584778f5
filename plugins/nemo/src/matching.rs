//! Which booking belongs to a session.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

/// Whose booking it is, seen from the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Another person's.
    Another,
    /// Nobody can tell: the session's user is not known.
    Unknown,
    /// The session's user's.
    Own,
}

/// A booking of the session's tool that was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// NEMO's number.
    pub id: u64,
    /// Booked from.
    pub start: DateTime<Utc>,
    /// Booked until.
    pub end: DateTime<Utc>,
    /// When it was made.
    pub created: Option<DateTime<Utc>>,
    /// Whose it is.
    pub whose: Whose,
}

impl Candidate {
    /// The time that booking and session share; `None` if they do not meet. A session without length is
    /// met by the booking it lies in.
    fn shared(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> Option<TimeDelta> {
        if start >= end {
            return (self.start <= start && start < self.end).then(TimeDelta::zero);
        }
        let shared = self.end.min(end) - self.start.max(start);
        (shared > TimeDelta::zero()).then_some(shared)
    }
}

/// The booking of a session from `start` to `end`: its position among the candidates.
///
/// In this order: the session's own user's before another person's, the one that shares most time, the one that
/// the session fills most (so of a booking and the shorter one that replaced it, the latter), the
/// newest.
pub fn best(candidates: &[Candidate], start: DateTime<Utc>, end: DateTime<Utc>) -> Option<usize> {
    let meeting = candidates.iter().enumerate().filter_map(|(at, candidate)| {
        let shared = candidate.shared(start, end)?;
        let length = candidate.end - candidate.start;
        Some(((candidate.whose, shared, Reverse(length), candidate.created, candidate.id), at))
    });
    meeting.max_by_key(|(key, _)| *key).map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000 + minute * 60, 0).unwrap()
    }

    fn booking(id: u64, start: i64, end: i64) -> Candidate {
        Candidate { id, start: at(start), end: at(end), created: Some(at(0)), whose: Whose::Own }
    }

    fn winner(candidates: &[Candidate], start: i64, end: i64) -> Option<u64> {
        best(candidates, at(start), at(end)).map(|at| candidates[at].id)
    }

    #[test]
    fn the_greatest_overlap_wins_however_long_the_booking() {
        let month = 60 * 24 * 30;
        assert_eq!(winner(&[booking(1, -month, month), booking(2, 50, 70)], 0, 60), Some(1));
        assert_eq!(winner(&[booking(1, -60, 10), booking(2, 10, 90)], 0, 60), Some(2));
        assert_eq!(winner(&[booking(1, -60, 0), booking(2, 60, 90)], 0, 60), None, "touching is no overlap");
    }

    #[test]
    fn own_bookings_come_first() {
        let another = Candidate { whose: Whose::Another, ..booking(2, 0, 60) };
        assert_eq!(winner(&[another.clone(), booking(1, 50, 120)], 0, 60), Some(1));
        assert_eq!(winner(&[another], 0, 60), Some(2));
    }

    #[test]
    fn of_equals_the_one_that_is_filled_most_then_the_newest() {
        assert_eq!(winner(&[booking(1, 0, 480), booking(2, 0, 120)], 0, 120), Some(2));
        let newer = Candidate { created: Some(at(5)), ..booking(1, 0, 120) };
        assert_eq!(winner(&[booking(3, 0, 120), newer], 0, 120), Some(1));
        assert_eq!(winner(&[booking(3, 0, 120), booking(4, 0, 120)], 0, 120), Some(4));
    }

    #[test]
    fn a_session_without_length_lies_in_its_booking() {
        let bookings = [booking(1, -60, 0), booking(2, 0, 60)];
        assert_eq!(winner(&bookings, 0, 0), Some(2));
        assert_eq!(winner(&bookings, 60, 60), None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_answer_does_not_matter(
            spans in prop::collection::vec((-50_i64..50, 1_i64..80, 0_i64..3, 0_usize..3), 1..8),
            length in 0_i64..60,
        ) {
            let mut candidates: Vec<_> = spans.iter().zip(1_u64..).map(|((start, length, created, whose), id)| Candidate {
                id, start: at(*start), end: at(start + length), created: Some(at(*created)),
                whose: [Whose::Another, Whose::Unknown, Whose::Own][*whose],
            }).collect();
            let first = winner(&candidates, 0, length);
            candidates.reverse();
            prop_assert_eq!(winner(&candidates, 0, length), first);
        }
    }
}
