//! The best bandwidth without scoring all of them.
//!
//! Let τ = 1/h² for a bandwidth h. A file's log sum, ln Σ exp(−d²·τ/2) over its distances d to the others, is convex in
//! τ (a logarithm of a sum of exponentials of linear functions is); so is the mean of it over the files, the *level*,
//! which is the score without its −ln h and constants. Three things follow:
//!
//! * between two scored bandwidths the level lies below the chord;
//! * at τ = 0 it is known: all kernels are 1;
//! * no distance is shorter than that to the nearest file, so its slope is nowhere above −½·(mean square of those).
//!
//! So every bandwidth has an upper bound from its scored neighbours. The one with the highest bound is scored next, until
//! no bound reaches the best score. What is left out could be neither best nor a tie: the answer is the one of scoring all.

use std::f64::consts::TAU;

/// Scores that differ by no more are equal: some hundred times the error of the sums.
const TIE: f64 = 1e-9;

/// How far below the best score a bound must be: a tie, and as much again for the errors of the scores it is made of.
const OUT_OF_REACH: f64 = 2.0 * TIE;

/// A point of the level's curve.
#[derive(Debug, Clone, Copy)]
struct Known {
    tau: f64,
    level: f64,
}

/// The position of the best score, the first of those that tie. `candidates` are ascending; `mean_square` is that of the
/// distances to the nearest file.
pub fn best(candidates: &[f64], mean_square: f64, mut score: impl FnMut(f64) -> f64) -> Option<usize> {
    let mut scores = vec![None; candidates.len()];
    let mut best = f64::NEG_INFINITY;
    while let Some(bandwidth) = most_promising(candidates, &scores, mean_square, best - OUT_OF_REACH) {
        let found = score(bandwidth);
        best = best.max(found);
        for (slot, _) in
            scores.iter_mut().zip(candidates).filter(|(_, other)| other.total_cmp(&bandwidth).is_eq())
        {
            *slot = Some(found);
        }
    }
    scores.iter().position(|score| score.is_some_and(|score| score >= best - TIE))
}

/// The bandwidth with the highest bound among those not scored, unless it is below the threshold.
fn most_promising(
    candidates: &[f64],
    scores: &[Option<f64>],
    mean_square: f64,
    threshold: f64,
) -> Option<f64> {
    let known = |(&bandwidth, score): (&f64, &Option<f64>)| {
        score.map(|score| Known { tau: tau(bandwidth), level: score + bandwidth.ln() })
    };
    let mut wider = Known { tau: 0.0, level: -0.5 * TAU.ln() };
    let mut most: Option<(f64, f64)> = None;
    for (position, (&bandwidth, score)) in candidates.iter().zip(scores).enumerate().rev() {
        if let Some(known) = known((&bandwidth, score)) {
            wider = known;
            continue;
        }
        let narrower = candidates.iter().zip(scores).take(position).rev().find_map(known);
        let tau = tau(bandwidth);
        let level = match narrower {
            Some(narrower) => {
                let part = (tau - wider.tau) / (narrower.tau - wider.tau);
                wider.level + part.clamp(0.0, 1.0) * (narrower.level - wider.level)
            }
            None => wider.level - 0.5 * mean_square * (tau - wider.tau),
        };
        let bound = level - bandwidth.ln();
        // What is not a number is no reason to leave a bandwidth out.
        let bound = if bound.is_nan() { f64::INFINITY } else { bound };
        if bound >= threshold && most.is_none_or(|(highest, _)| bound > highest) {
            most = Some((bound, bandwidth));
        }
    }
    most.map(|(_, bandwidth)| bandwidth)
}

fn tau(bandwidth: f64) -> f64 {
    bandwidth.powi(2).recip()
}
