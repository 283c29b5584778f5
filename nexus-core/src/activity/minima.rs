//! The valleys of a sampled curve.

use std::ops::RangeInclusive;

/// How much a valley must be lower than what is on either side of it, in log density.
///
/// Ten times the error of the sums, so that their noise on a slope or a summit is never taken for a valley; a file pause of
/// any meaning is lower by many orders.
const DEPTH: f64 = 1e-9;

/// The same as a part of the value: in a gap of a million bandwidths doubles are coarser than [`DEPTH`].
const RELATIVE_DEPTH: f64 = 1e-14;

/// The valleys of `values`, in order, each with the positions of its floor.
///
/// A valley is where the values have fallen by more than the tolerance and then rise by more than that. It does not matter
/// how many equal samples its floor has, or whether rounding makes one of them the lowest: its floor are all the samples
/// about the lowest that are within the tolerance of it. The ends of the curve are no valleys.
pub fn find(values: &[f64]) -> Vec<RangeInclusive<usize>> {
    let mut valleys = Vec::new();
    let Some(&first) = values.first() else {
        return valleys;
    };
    let mut summit = first;
    let mut lowest: Option<(usize, f64)> = None;
    for (position, &value) in values.iter().enumerate() {
        match lowest {
            None if value > summit => summit = value,
            None => {
                if summit - value > tolerance(value) {
                    lowest = Some((position, value));
                }
            }
            Some((_, floor)) if value < floor => lowest = Some((position, value)),
            Some((bottom, floor)) => {
                if value - floor > tolerance(floor) {
                    valleys.push(floor_about(values, bottom, floor));
                    lowest = None;
                    summit = value;
                }
            }
        }
    }
    valleys
}

fn tolerance(value: f64) -> f64 {
    DEPTH + RELATIVE_DEPTH * value.abs()
}

fn floor_about(values: &[f64], bottom: usize, floor: f64) -> RangeInclusive<usize> {
    let (before, after) = values.split_at_checked(bottom).unwrap_or_default();
    let flat = |value: &&f64| **value - floor <= tolerance(floor);
    let start = bottom - before.iter().rev().take_while(flat).count();
    let end = bottom + after.iter().skip(1).take_while(flat).count();
    start..=end
}
