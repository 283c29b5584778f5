//! What the deliveries of a session mean for its status.

use serde::{Deserialize, Serialize};

use super::State;

/// When a session counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As soon as one destination holds the record; the others stay due.
    #[default]
    BestEffort,
    /// When every destination holds it.
    All,
    /// As soon as one destination holds it; the others are then not wanted.
    FirstSuccess,
}

/// One delivery of a session, as far as the strategy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySummary {
    /// Whether the destination is in the configuration; others are listed, and do not count.
    pub configured: bool,
    /// Where the delivery stands.
    pub state: State,
}

/// What the deliveries amount to. Anything but `Completed` leaves a built session BUILT_NOT_EXPORTED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOutcome {
    /// The strategy is met: COMPLETED.
    Completed {
        /// Deliveries that count and are not done; nobody forgets them.
        missing: usize,
    },
    /// Not met; at least one delivery goes on by itself.
    Open,
    /// Not met; nothing goes on before a person, the configuration or the record changes something.
    Stuck,
    /// There is no destination to deliver to.
    NoDestination,
}

impl SessionOutcome {
    /// Whether the session is COMPLETED.
    #[must_use]
    pub fn is_completed(self) -> bool {
        matches!(self, Self::Completed { .. })
    }
}

/// What the deliveries of one session amount to.
///
/// Deliveries that are not wanted, and those of destinations that are no longer configured, do not count.
#[must_use]
pub fn session_outcome(strategy: Strategy, deliveries: &[DeliverySummary]) -> SessionOutcome {
    let counted =
        || deliveries.iter().filter(|d| d.configured && d.state != State::NotWanted).map(|d| d.state);
    let all = counted().count();
    let done = counted().filter(|state| *state == State::Delivered).count();
    let met = match strategy {
        Strategy::BestEffort | Strategy::FirstSuccess => done > 0,
        Strategy::All => done > 0 && done == all,
    };
    if met {
        SessionOutcome::Completed { missing: all - done }
    } else if all == 0 {
        SessionOutcome::NoDestination
    } else if counted().any(|state| matches!(state, State::Held | State::Due | State::InFlight)) {
        SessionOutcome::Open
    } else {
        SessionOutcome::Stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every list of up to three deliveries, over all states, configured or not.
    fn every_list() -> Vec<Vec<DeliverySummary>> {
        let one: Vec<DeliverySummary> = [true, false]
            .into_iter()
            .flat_map(|configured| {
                State::ALL.iter().map(move |state| DeliverySummary { configured, state: *state })
            })
            .collect();
        let mut lists = vec![vec![]];
        let mut last = lists.clone();
        for _ in 0..3 {
            last = last
                .iter()
                .flat_map(|list| one.iter().map(move |d| list.iter().copied().chain([*d]).collect()))
                .collect();
            lists.extend(last.clone());
        }
        lists
    }

    fn states(list: &[DeliverySummary]) -> Vec<State> {
        list.iter().filter(|d| d.configured).map(|d| d.state).filter(|s| *s != State::NotWanted).collect()
    }

    #[test]
    fn best_effort_and_first_success_need_one() {
        for list in every_list() {
            let done = states(&list).contains(&State::Delivered);
            for strategy in [Strategy::BestEffort, Strategy::FirstSuccess] {
                assert_eq!(session_outcome(strategy, &list).is_completed(), done, "{list:?}");
            }
        }
    }

    #[test]
    fn all_needs_every_one_and_at_least_one() {
        for list in every_list() {
            let counted = states(&list);
            let done = !counted.is_empty() && counted.iter().all(|state| *state == State::Delivered);
            assert_eq!(session_outcome(Strategy::All, &list).is_completed(), done, "{list:?}");
        }
    }

    #[test]
    fn what_is_missing_or_goes_on_is_said() {
        for list in every_list() {
            let counted = states(&list);
            let open = counted.iter().any(|s| ["held", "due", "in_flight"].contains(&s.as_str()));
            for strategy in [Strategy::BestEffort, Strategy::All, Strategy::FirstSuccess] {
                match session_outcome(strategy, &list) {
                    SessionOutcome::Completed { missing } => {
                        let undone = counted.iter().filter(|state| **state != State::Delivered).count();
                        assert_eq!(missing, undone, "{list:?}");
                    }
                    SessionOutcome::Open => assert!(open, "{list:?}"),
                    SessionOutcome::Stuck => assert!(!open && !counted.is_empty(), "{list:?}"),
                    SessionOutcome::NoDestination => assert!(counted.is_empty(), "{list:?}"),
                }
            }
        }
    }

    #[test]
    fn destinations_no_longer_configured_do_not_count() {
        let gone = DeliverySummary { configured: false, state: State::Delivered };
        let failed = DeliverySummary { configured: true, state: State::Failed };
        assert_eq!(session_outcome(Strategy::BestEffort, &[gone]), SessionOutcome::NoDestination);
        assert_eq!(session_outcome(Strategy::All, &[gone, failed]), SessionOutcome::Stuck);
    }

    #[test]
    fn best_effort_is_the_default() {
        assert_eq!(Strategy::default(), Strategy::BestEffort);
    }
}
