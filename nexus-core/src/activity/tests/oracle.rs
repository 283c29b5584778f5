//! The rule as it is written down, with direct sums.

use crate::activity::{bandwidth, density, real};

/// log Σ exp of the values.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

fn exponent(a: f64, b: f64, bandwidth: f64) -> f64 {
    let u = (a - b) / bandwidth;
    -0.5 * u * u
}

/// The mean leave-one-out log density.
pub fn score(times: &[f64], bandwidth: f64) -> f64 {
    let others = real(times.len() - 1);
    let total: f64 = times
        .iter()
        .enumerate()
        .map(|(j, &here)| {
            let rest = times.iter().enumerate().filter(|&(k, _)| k != j);
            log_sum_exp(rest.map(|(_, &time)| exponent(here, time, bandwidth)))
                - others.ln()
                - 0.5 * std::f64::consts::TAU.ln()
                - bandwidth.ln()
        })
        .sum();
    total / real(times.len())
}

/// The log of the sum of all kernels.
pub fn log_density(times: &[f64], at: f64, bandwidth: f64) -> f64 {
    log_sum_exp(times.iter().map(|&time| exponent(at, time, bandwidth)))
}

/// The best bandwidth.
pub fn choose(times: &[f64]) -> (usize, f64) {
    let candidates = bandwidth::candidates(times).unwrap();
    let scores = candidates.map(|bandwidth| score(times, bandwidth));
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let index = scores.iter().position(|score| *score >= best - 1e-9).unwrap();
    (index, candidates[index])
}

/// The positions of all points that are strictly lower than both neighbours.
pub fn strict_minima(times: &[f64], bandwidth: f64) -> Vec<usize> {
    let grid = density::Grid::over(times);
    let values: Vec<f64> = grid.points().iter().map(|&point| log_density(times, point, bandwidth)).collect();
    (1..values.len() - 1).filter(|&i| values[i] < values[i - 1] && values[i] < values[i + 1]).collect()
}
