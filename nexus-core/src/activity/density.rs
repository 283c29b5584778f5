//! The density of the files over the session.

use std::ops::RangeInclusive;

use super::boxes::{Boxes, NEAR, RUN_BREAK};
use super::{gap, real};

/// Points of the density for each file.
const POINTS_PER_FILE: usize = 10;

/// The points at which the density is taken: seconds since the epoch, evenly spaced from the first file to the last.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    points: Vec<f64>,
}

impl Grid {
    /// The grid of ascending times.
    pub fn over(times: &[f64]) -> Self {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Self::default();
        };
        let count = times.len().saturating_mul(POINTS_PER_FILE);
        let step = (last - first) / real(count - 1);
        let mut points: Vec<f64> = (0..count).map(|i| real(i) * step + first).collect();
        if let Some(point) = points.last_mut() {
            *point = last;
        }
        Self { points }
    }

    /// The time in the middle of a valley; of a sharp one, its point exactly.
    pub fn middle(&self, valley: &RangeInclusive<usize>) -> f64 {
        let at = |i: usize| self.points.get(i).copied().unwrap_or_default();
        let (start, end) = (at(*valley.start()), at(*valley.end()));
        if valley.start() == valley.end() { start } else { f64::midpoint(start, end) }
    }

    /// The points in seconds.
    #[cfg(test)]
    pub fn points(&self) -> &[f64] {
        &self.points
    }
}

/// The logarithm of the sum of all kernels at each point of the grid. Constants that all points share are left out.
pub fn log_density(times: &[f64], grid: &Grid, bandwidth: f64) -> Vec<f64> {
    let points = grid.points.as_slice();
    let mut values = vec![0.0; points.len()];
    add_near(times, points, bandwidth, &mut values);
    for value in &mut values {
        *value = value.ln();
    }
    // What is far from all files has been summed wrongly or not at all, and is done again.
    let near = NEAR * bandwidth;
    for (last, pair) in times.windows(2).enumerate() {
        let &[start, end] = pair else { continue };
        if end - start <= 2.0 * near {
            continue;
        }
        let from = points.partition_point(|&point| point <= start + near);
        let to = points.partition_point(|&point| point < end - near);
        if let (Some(points), Some(values), Some((left, right))) =
            (points.get(from..to), values.get_mut(from..to), times.split_at_checked(last + 1))
        {
            gap::log_sums(left, right, points, bandwidth, values);
        }
    }
    values
}

/// The sums at the points near files, one run of files without long gaps after the other.
fn add_near(times: &[f64], points: &[f64], bandwidth: f64, sums: &mut [f64]) {
    let mut boxes = Boxes::default();
    let near = NEAR * bandwidth;
    for run in times.chunk_by(|a, b| b - a <= RUN_BREAK * bandwidth) {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else { continue };
        let from = points.partition_point(|&point| point < first - near);
        let to = points.partition_point(|&point| point <= last + near);
        if let (Some(points), Some(sums)) = (points.get(from..to), sums.get_mut(from..to)) {
            boxes.add(run, points, bandwidth, sums);
        }
    }
}
