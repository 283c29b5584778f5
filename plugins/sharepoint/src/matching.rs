//! Which event belongs to a session.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

/// Whose booking it is, seen from the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Another person's.
    Another,
    /// Nobody can tell: the session's user or the event's is not known.
    Unknown,
    /// The session's user's.
    Own,
}

/// An event that took place, seen from a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its place among the events.
    pub at: usize,
    /// Its number, for a tie.
    pub id: u64,
    /// Booked from.
    pub start: DateTime<Utc>,
    /// Booked until.
    pub end: DateTime<Utc>,
    /// Whose it is.
    pub whose: Whose,
}

/// The time that an event and a session share; `None` if they do not meet. A session without length is met by the
/// event that it lies in.
pub fn shared(
    event: (DateTime<Utc>, DateTime<Utc>),
    session: (DateTime<Utc>, DateTime<Utc>),
) -> Option<TimeDelta> {
    if session.0 >= session.1 {
        return (event.0 <= session.0 && session.0 < event.1).then(TimeDelta::zero);
    }
    let shared = event.1.min(session.1) - event.0.max(session.0);
    (shared > TimeDelta::zero()).then_some(shared)
}

/// The event of a session: the one that shares most time with it; of equals the session's own user's, then the one that
/// begins first, then the lowest number.
pub fn best(candidates: &[Candidate], session: (DateTime<Utc>, DateTime<Utc>)) -> Option<&Candidate> {
    let meeting = candidates.iter().filter_map(|one| Some((shared((one.start, one.end), session)?, one)));
    meeting
        .max_by_key(|(shared, one)| {
            (*shared, one.whose, Reverse(one.start), Reverse(one.id), Reverse(one.at))
        })
        .map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000 + minute * 60, 0).unwrap()
    }

    fn event(id: u64, start: i64, end: i64) -> Candidate {
        Candidate { at: 0, id, start: at(start), end: at(end), whose: Whose::Unknown }
    }

    fn winner(candidates: &[Candidate], start: i64, end: i64) -> Option<u64> {
        best(candidates, (at(start), at(end))).map(|one| one.id)
    }

    #[test]
    fn the_greatest_overlap_wins_whoever_booked() {
        let another = Candidate { whose: Whose::Another, ..event(1, 0, 60) };
        let own = Candidate { whose: Whose::Own, ..event(2, 50, 120) };
        assert_eq!(winner(&[another, own], 0, 60), Some(1));
        assert_eq!(winner(&[event(1, -60, 0), event(2, 60, 90)], 0, 60), None, "touching is no overlap");
        let month = 60 * 24 * 30;
        assert_eq!(winner(&[event(1, -month, month), event(2, 50, 70)], 0, 60), Some(1));
    }

    #[test]
    fn of_equals_the_own_then_the_earliest_then_the_lowest() {
        let own = Candidate { whose: Whose::Own, ..event(9, 0, 60) };
        assert_eq!(winner(&[event(1, -10, 60), own.clone()], 0, 60), Some(9));
        assert_eq!(winner(&[event(5, -10, 60), event(1, 0, 60)], 0, 60), Some(5));
        assert_eq!(winner(&[event(5, 0, 60), event(1, 0, 60)], 0, 60), Some(1));
    }

    #[test]
    fn a_session_without_length_lies_in_its_event() {
        let events = [event(1, -60, 0), event(2, 0, 60)];
        assert_eq!((winner(&events, 0, 0), winner(&events, 60, 60)), (Some(2), None));
        assert_eq!(winner(&[event(1, 10, 10)], 0, 60), None, "an event without length meets nothing");
    }

    proptest! {
        #[test]
        fn the_order_of_the_answer_does_not_matter(
            spans in prop::collection::vec((-50_i64..50, 0_i64..80, 0_usize..3), 1..8), length in 0_i64..60,
        ) {
            let mut candidates: Vec<_> = spans.iter().zip(1_u64..).map(|((start, length, whose), id)| Candidate {
                whose: [Whose::Another, Whose::Unknown, Whose::Own][*whose], ..event(id, *start, start + length)
            }).collect();
            let first = winner(&candidates, 0, length);
            candidates.reverse();
            prop_assert_eq!(winner(&candidates, 0, length), first);
        }
    }
}
