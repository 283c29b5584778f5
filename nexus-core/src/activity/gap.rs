//! The density inside long gaps, far from every file.
//!
//! At a distance of v bandwidths from the edge of a gap, the files on that side add up to exp(−v²/2)·A(v), where
//! A(v) = Σ exp(−y·v − y²/2) and y ≥ 0 is how far beyond the edge a file lies. A is between 1 and the number of files,
//! so nothing underflows, and the two sides meet as logarithms.
//!
//! A(v) is bounded by its value at 0 wherever v has a positive real part. On an interval from v to 2·v it is therefore
//! interpolated at 22 Chebyshev nodes with an error below A(0)·5.8⁻²² (5.8 belongs to the ellipse about the interval that
//! touches 0): 2e-12 for a hundred thousand files. So a gap of G bandwidths costs log₂(G) intervals, however many points of
//! the density it holds; and a file is seen from two gaps to either side at most, since it is negligible beyond.

use std::sync::LazyLock;

use super::boxes::NEAR;
use super::chebyshev::{self, Chebyshev};
use super::kernel;

const NODES: usize = 22;

/// Up to so many points of an interval, or files beyond its edge, are summed directly.
const FEW_POINTS: usize = 32;
const FEW_FILES: usize = 8;

static CHEBYSHEV: LazyLock<Chebyshev<NODES>> = LazyLock::new(Chebyshev::new);

/// One side of a gap.
#[derive(Debug, Clone, Copy)]
struct Side<'a> {
    /// The files on this side, ascending.
    files: &'a [f64],
    /// The one nearest to the gap.
    edge: f64,
    per_bandwidth: f64,
}

impl Side<'_> {
    /// Without those files whose terms are negligible from `v` on.
    fn seen_from(self, v: f64) -> Self {
        // y·v + y²/2 = NEGLIGIBLE, solved for y without loss of digits.
        let limit = 2.0 * kernel::NEGLIGIBLE / (v + (v * v + 2.0 * kernel::NEGLIGIBLE).sqrt());
        let farthest = limit / self.per_bandwidth;
        let first = self.files.partition_point(|&file| file < self.edge - farthest);
        let end = self.files.partition_point(|&file| file <= self.edge + farthest);
        Self { files: self.files.get(first..end).unwrap_or_default(), ..self }
    }

    /// A(v).
    fn sum(self, v: f64) -> f64 {
        kernel::sum(self.files, |file| {
            let y = (self.edge - file).abs() * self.per_bandwidth;
            kernel::exp(-y * (v + 0.5 * y))
        })
    }

    /// A(v) for distances that are ascending and at least [`NEAR`].
    fn sums(self, distances: &[f64]) -> Vec<f64> {
        let mut sums = Vec::with_capacity(distances.len());
        let mut low = NEAR;
        let mut rest = distances;
        while let Some(&first) = rest.first() {
            while first >= 2.0 * low {
                low *= 2.0;
            }
            let (here, beyond) =
                rest.split_at_checked(rest.partition_point(|&v| v < 2.0 * low)).unwrap_or((rest, &[]));
            let side = self.seen_from(low);
            if here.len() <= FEW_POINTS || side.files.len() <= FEW_FILES {
                sums.extend(here.iter().map(|&v| side.sum(v)));
            } else {
                side.interpolate(low, here, &mut sums);
            }
            rest = beyond;
        }
        sums
    }

    /// A(v) for distances from `low` to twice that.
    fn interpolate(self, low: f64, distances: &[f64], sums: &mut Vec<f64>) {
        let (centre, half) = (1.5 * low, 0.5 * low);
        let series = CHEBYSHEV.coefficients(&CHEBYSHEV.nodes.map(|x| self.sum(centre + half * x)));
        let places: Vec<f64> = distances.iter().map(|v| (v - centre) / half).collect();
        let before = sums.len();
        sums.resize(before + places.len(), 0.0);
        chebyshev::add_series(&series, &places, sums.get_mut(before..).unwrap_or_default());
    }
}

/// The logarithm of the sum of all kernels at points inside the gap between the last of `left` and the first of
/// `right`, each at least [`NEAR`] bandwidths from either; all ascending.
pub fn log_sums(left: &[f64], right: &[f64], points: &[f64], bandwidth: f64, out: &mut [f64]) {
    let (Some(&start), Some(&end)) = (left.last(), right.first()) else {
        return;
    };
    let per_bandwidth = bandwidth.recip();
    let gap = (end - start) * per_bandwidth;
    // Beyond the middle the farther side soon does not count, even with a million files.
    let limit = 0.5 * gap + (kernel::NEGLIGIBLE + 15.0) / gap;
    let from_left: Vec<f64> =
        points.iter().map(|point| (point - start) * per_bandwidth).take_while(|&v| v <= limit).collect();
    let from_right: Vec<f64> =
        points.iter().rev().map(|point| (end - point) * per_bandwidth).take_while(|&v| v <= limit).collect();
    let left = Side { files: left, edge: start, per_bandwidth }.sums(&from_left);
    let right = Side { files: right, edge: end, per_bandwidth }.sums(&from_right);
    // The sums of the right begin at the right end of the gap.
    let without_right = points.len().saturating_sub(right.len());
    for (position, (value, point)) in out.iter_mut().zip(points).enumerate() {
        let (v, w) = ((point - start) * per_bandwidth, (end - point) * per_bandwidth);
        let left = left.get(position).copied().unwrap_or(0.0);
        let right = if position < without_right {
            0.0
        } else {
            right.get(points.len() - 1 - position).copied().unwrap_or(0.0)
        };
        let excess = 0.5 * (v - w) * (v + w);
        *value = if excess <= 0.0 {
            (left + right * kernel::exp(excess)).ln() - 0.5 * v * v
        } else {
            (right + left * kernel::exp(-excess)).ln() - 0.5 * w * w
        };
    }
}
