//! The choice of the bandwidth: which one foretells each file best from the others?

use std::f64::consts::PI;

use super::boxes::{Boxes, NEAR, RUN_BREAK};
use super::kernel::{self, LogSum};
use super::{real, search};

/// How many bandwidths are tried.
pub const CANDIDATES: usize = 35;

/// A bandwidth and its place among those tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub index: usize,
    /// In seconds.
    pub bandwidth: f64,
}

/// The bandwidth with the best score, or `None` where there are no gaps. `times` are ascending and different.
pub fn choose(times: &[f64]) -> Option<Choice> {
    let candidates = candidates(times)?;
    let mut scorer = Scorer::default();
    let index = search::best(&candidates, mean_square(times), |bandwidth| scorer.score(times, bandwidth))?;
    candidates.get(index).map(|&bandwidth| Choice { index, bandwidth })
}

/// The mean over the files of the squared distance to the nearest other file.
pub fn mean_square(times: &[f64]) -> f64 {
    let square = |position| {
        let (before, after) = distances(times, position);
        before.min(after).powi(2)
    };
    (0..times.len()).map(square).sum::<f64>() / real(times.len())
}

/// How far a file is from the one before and the one after; infinite where there is none.
fn distances(times: &[f64], position: usize) -> (f64, f64) {
    let at = |position: usize| times.get(position).copied();
    let here = at(position).unwrap_or_default();
    let before = position.checked_sub(1).and_then(at).map_or(f64::INFINITY, |time| here - time);
    let after = at(position + 1).map_or(f64::INFINITY, |time| time - here);
    (before, after)
}

/// Logarithmically spaced from the smallest gap to the largest.
pub fn candidates(times: &[f64]) -> Option<[f64; CANDIDATES]> {
    let gaps = times.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?));
    let (least, most) = gaps.fold((f64::INFINITY, 0.0_f64), |(low, high), gap| (low.min(gap), high.max(gap)));
    if !least.is_finite() || least <= 0.0 {
        return None;
    }
    let (least, most) = (least.ln(), most.ln());
    let step = (most - least) / real(CANDIDATES - 1);
    let mut candidates: [f64; CANDIDATES] = std::array::from_fn(|i| (least + real(i) * step).exp());
    if let Some(last) = candidates.last_mut() {
        *last = most.exp();
    }
    Some(candidates)
}

/// Scores bandwidths, keeping its memory from one to the next.
#[derive(Debug, Default)]
pub struct Scorer {
    boxes: Boxes,
    near: Vec<f64>,
    sums: Vec<f64>,
}

impl Scorer {
    /// The mean over the files of the log density at each, made by the others.
    pub fn score(&mut self, times: &[f64], bandwidth: f64) -> f64 {
        let others = real(times.len().saturating_sub(1));
        let total = self.log_sums(times, bandwidth);
        total / real(times.len()) - others.ln() - 0.5 * (2.0 * PI).ln() - bandwidth.ln()
    }

    /// The sum over the files of the logarithm of the sum of the others' kernels.
    ///
    /// A file within [`NEAR`] bandwidths of another is summed over boxes with all, itself too, and its own 1 is taken away;
    /// the rest is at least exp(−NEAR²/2), so that this costs less than a digit. Other files are lonely and summed directly.
    /// They are more than two bandwidths from one another, so that no file is a term of more than ten such sums: the
    /// k-th lonely file from a file x is at least 2k away, and x is negligible beside the (k−1)-th from the fifth on.
    fn log_sums(&mut self, times: &[f64], bandwidth: f64) -> f64 {
        let per_bandwidth = bandwidth.recip();
        let mut sums = LogSum::new();
        let mut anchors = 0.0;
        let mut start = 0;
        self.near.clear();
        for (position, &time) in times.iter().enumerate() {
            let (before, after) = distances(times, position);
            let nearest = before.min(after);
            if nearest * per_bandwidth <= NEAR {
                self.near.push(time);
            } else {
                let (exponent, sum) = lonely(times, position, nearest, per_bandwidth);
                anchors += exponent;
                sums.add(sum);
            }
            if after * per_bandwidth > RUN_BREAK {
                if !self.near.is_empty() {
                    let run = times.get(start..=position).unwrap_or_default();
                    self.sums.clear();
                    self.sums.resize(self.near.len(), 0.0);
                    self.boxes.add(run, &self.near, bandwidth, &mut self.sums);
                    self.sums.iter().for_each(|&sum| sums.add(sum - 1.0));
                    self.near.clear();
                }
                start = position + 1;
            }
        }
        sums.total() - anchors
    }
}

/// The kernels of the others at a file, in the form exp(−exponent)·sum, the sum being at least 1.
pub fn lonely(times: &[f64], position: usize, nearest: f64, per_bandwidth: f64) -> (f64, f64) {
    let (left, right) = times.split_at_checked(position).unwrap_or_default();
    let here = right.first().copied().unwrap_or_default();
    // The difference of two squares as a product: distances to neighbours have all their digits, their squares do not.
    let excess = |time: f64| {
        let distance = (here - time).abs();
        0.5 * ((distance - nearest) * per_bandwidth) * ((distance + nearest) * per_bandwidth)
    };
    let counts = |time: &&f64| excess(**time) <= kernel::NEGLIGIBLE;
    let before = left.iter().rev().take_while(counts).count();
    let after = right.iter().skip(1).take_while(counts).count();
    let sides = [left.get(left.len() - before..), right.get(1..=after)];
    let sum = sides.iter().flatten().map(|times| kernel::sum(times, |time| kernel::exp(-excess(time)))).sum();
    let u = nearest * per_bandwidth;
    (0.5 * u * u, sum)
}
