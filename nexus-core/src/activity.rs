//! Files grouped into acquisition activities by the pauses between them.
//!
//! The density of a session's modification times is estimated with a Gaussian kernel; its minima part the session.
//! The rule is the one of NexusLIMS, so that both programs form the same activities:
//!
//! 1. Times are doubles, in seconds since the epoch; equal ones count once. N of them are left.
//! 2. 35 bandwidths are tried, logarithmically spaced from the smallest to the largest gap between neighbours. Each is
//!    scored by the mean, over the files, of the log density that the *other* files give at a file's time
//!    (leave-one-out). The largest score wins; scores within 1e-9 of it are ties, and the smallest bandwidth wins those.
//! 3. The bandwidth is divided by the sensitivity, and the density is taken at 10·N points from first to last file.
//! 4. The minima are the boundaries. A file at a boundary's very time belongs to the activity before it, and an activity
//!    without files is dropped.
//!
//! Two things differ from NexusLIMS, both by intent. A flat valley (two bursts that mirror each other have one, since the
//! number of points is even) is parted in its middle; NexusLIMS wants a strictly lowest point and finds none. And inside
//! long gaps the tree that NexusLIMS sums with can lose all its digits; here the sums hold everywhere.
//!
//! # Cost and error
//!
//! A direct sum needs 35·N² + 10·N² kernel values. Here most of the 35 scores are never needed (`search`), and every sum is
//! near constant in cost, so the whole is N log N:
//!
//! | where | how | room |
//! |---|---|---|
//! | a file or point within two bandwidths of a neighbour | sums over boxes one bandwidth wide: pair by pair where few meet, Chebyshev expansions where many do | `boxes` |
//! | a file farther than that from all others | direct sum, relative to its nearest neighbour | `bandwidth` |
//! | a point of the density farther than that from all files | one sum for each side of the gap, relative to its nearest file, interpolated on intervals that grow with the distance | `gap` |
//!
//! Every sum of kernels is within a relative error of 1e-10 (see the rooms for each bound), measured against the largest
//! term, so nothing underflows: in the middle of a gap of a million bandwidths the density still has all its digits.
//! Scores inherit the error as an absolute one, since they are logarithms. Nothing falls back to a quadratic sum.

mod bandwidth;
mod boxes;
mod chebyshev;
mod density;
mod gap;
mod kernel;
mod minima;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use bandwidth::CANDIDATES;

/// What the clustering of a session found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clustering {
    /// Where an activity ends and the next begins: seconds since the Unix epoch, ascending.
    pub boundaries: Vec<f64>,
    /// Which of the [`CANDIDATES`] bandwidths was chosen, counted from 0, narrowest first. `None` if there was no choice:
    /// fewer than two different times, or sensitivity 0.
    pub best_index: Option<usize>,
    /// The bandwidth of the density, in seconds, after its division by the sensitivity.
    pub bandwidth: Option<f64>,
    /// Positions of the boundaries among the 10·N points of the density; the middle one of a flat valley.
    pub minima: Vec<usize>,
}

/// Groups files by time.
///
/// `modified` holds modification times in nanoseconds since the Unix epoch, ascending. The answer is one range
/// of positions per activity, in order, none of them empty; together they are exactly `0..modified.len()`.
/// Files of one time stay together. The sensitivity is as for [`cluster`].
pub fn group(modified: &[i64], sensitivity: f64) -> Vec<Range<usize>> {
    let found = cluster(modified, sensitivity);
    let mut boundaries = found.boundaries.iter().copied().peekable();
    let mut groups = Vec::with_capacity(found.boundaries.len() + 1);
    let mut start = 0;
    for (position, &file) in modified.iter().enumerate() {
        let mut passed = false;
        while boundaries.next_if(|&boundary| seconds(file) > boundary).is_some() {
            passed = true;
        }
        if passed && position > start {
            groups.push(start..position);
            start = position;
        }
    }
    if start < modified.len() {
        groups.push(start..modified.len());
    }
    groups
}

/// Finds the boundaries between activities.
///
/// `modified` is as for [`group`]. A higher `sensitivity` narrows the bandwidth and finds more activities; 0 finds none.
/// Its sign does not matter, and one that is not a number counts as 1. Where all times are equal,
/// that time is the only boundary; nothing comes after it.
pub fn cluster(modified: &[i64], sensitivity: f64) -> Clustering {
    if sensitivity == 0.0 {
        return Clustering::default();
    }
    let times = distinct_seconds(modified);
    if let [only] = times.as_slice() {
        return Clustering { boundaries: vec![*only], ..Clustering::default() };
    }
    let Some(choice) = bandwidth::choose(&times) else {
        return Clustering::default();
    };
    let sensitivity = if sensitivity.is_nan() { 1.0 } else { sensitivity.abs() };
    let bandwidth = (choice.bandwidth / sensitivity).clamp(kernel::NARROWEST, kernel::WIDEST);
    let grid = density::Grid::over(&times);
    let valleys = minima::find(&density::log_density(&times, &grid, bandwidth));
    Clustering {
        boundaries: valleys.iter().map(|valley| grid.middle(valley)).collect(),
        best_index: Some(choice.index),
        bandwidth: Some(bandwidth),
        minima: valleys.iter().map(|valley| usize::midpoint(*valley.start(), *valley.end())).collect(),
    }
}

/// Seconds since the epoch as a double, rounded as NexusLIMS gets them: around today 2.4e-7 s apart.
fn seconds(nanoseconds: i64) -> f64 {
    const PER_SECOND: i64 = 1_000_000_000;
    #[allow(clippy::cast_precision_loss, reason = "both parts are far below 2^53")]
    let (whole, rest) =
        (nanoseconds.div_euclid(PER_SECOND) as f64, nanoseconds.rem_euclid(PER_SECOND) as f64);
    whole + 1e-9 * rest
}

fn distinct_seconds(modified: &[i64]) -> Vec<f64> {
    let mut times: Vec<f64> = modified.iter().copied().map(seconds).collect();
    if !times.is_sorted() {
        times.sort_unstable_by(f64::total_cmp);
    }
    times.dedup();
    times
}

/// A count as a double.
#[allow(clippy::cast_precision_loss, reason = "counts of files are far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}
