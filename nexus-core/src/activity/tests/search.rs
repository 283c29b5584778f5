//! The choice among bandwidths, with scores made for it and with those of sessions.

use proptest::prelude::*;

use crate::activity::{bandwidth, search};

use super::{doubles, session};

/// Above any square that the made-up scores could contradict.
const NO_SLOPE: f64 = 0.0;

fn best_of(scores: &[f64]) -> Option<usize> {
    // Almost one bandwidth, so that every bound is above every score and all are looked at.
    let candidates: Vec<f64> = (0..scores.len()).map(|k| 1.0 + 1e-6 * super::real(k)).collect();
    search::best(&candidates, NO_SLOPE, |bandwidth| {
        scores[candidates.iter().position(|candidate| candidate.total_cmp(&bandwidth).is_eq()).unwrap()]
    })
}

#[test]
fn the_first_score_within_the_tolerance_of_the_best_wins() {
    let best = -2.0;
    assert_eq!(best_of(&[best - 0.9e-9, best]), Some(0));
    assert_eq!(best_of(&[best - 1.1e-9, best]), Some(1));
    assert_eq!(best_of(&[best, best - 0.9e-9]), Some(0));
    assert_eq!(best_of(&[best - 1.1e-9, best - 0.9e-9, best - 0.5e-9, best, best]), Some(1));
    // A tie is with the best, not with the one beside.
    assert_eq!(best_of(&[best - 1.6e-9, best - 0.8e-9, best]), Some(1));
    assert_eq!(best_of(&[]), None);
}

#[test]
fn a_score_that_is_no_number_is_not_the_best() {
    assert_eq!(best_of(&[f64::NAN, -2.0, f64::NAN]), Some(1));
    assert_eq!(best_of(&[f64::NAN]), None);
}

#[test]
fn one_bandwidth_is_scored_once() {
    let mut scored = 0;
    let found = search::best(&[60.0; 35], 3_600.0, |_| {
        scored += 1;
        -5.0
    });
    assert_eq!((found, scored), (Some(0), 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn leaving_out_the_hopeless_changes_nothing(modified in session()) {
        let times = doubles(&modified);
        prop_assume!(times.len() > 1);
        let candidates = bandwidth::candidates(&times).unwrap();
        let mut scorer = bandwidth::Scorer::default();
        let scores = candidates.map(|bandwidth| scorer.score(&times, bandwidth));
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let wanted = scores.iter().position(|&score| score >= best - 1e-9);
        prop_assert_eq!(bandwidth::choose(&times).map(|choice| choice.index), wanted);
    }

    #[test]
    fn a_session_of_bursts_needs_few_scores(pauses in prop::collection::vec(300.0..3_600.0_f64, 2..8)) {
        let mut now = 0.0;
        let times: Vec<f64> = pauses
            .iter()
            .flat_map(|pause| super::noise(pause.to_bits()).take(30).map(|x| 1.0 + 20.0 * x).chain([*pause]))
            .map(|gap| {
                now += gap;
                now
            })
            .collect();
        let mut scorer = bandwidth::Scorer::default();
        let mut scored = 0;
        let candidates = bandwidth::candidates(&times).unwrap();
        search::best(&candidates, bandwidth::mean_square(&times), |bandwidth| {
            scored += 1;
            scorer.score(&times, bandwidth)
        });
        prop_assert!(scored <= 12, "{scored}");
    }
}
