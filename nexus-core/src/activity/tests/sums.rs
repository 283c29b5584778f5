//! The fast sums against direct ones, and the groups that come of them.

use proptest::prelude::*;

use crate::activity::density::{Grid, log_density};
use crate::activity::{bandwidth, cluster, group, kernel};

use super::{NOON, SECOND, doubles, noise, oracle, real, session, times_from};

/// What the sums promise, and for values that are large themselves the rounding of a few operations.
fn close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= 1e-10 + 1e-14 * wanted.abs()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_those_of_direct_sums(modified in session()) {
        let times = doubles(&modified);
        let mut scorer = bandwidth::Scorer::default();
        for candidate in bandwidth::candidates(&times).into_iter().flatten().step_by(3) {
            let (found, wanted) = (scorer.score(&times, candidate), oracle::score(&times, candidate));
            prop_assert!(close(found, wanted), "{candidate} s: {found} for {wanted}");
        }
    }

    #[test]
    fn densities_are_those_of_direct_sums(modified in session(), exponent in -6.0..9.0_f64) {
        let (times, bandwidth) = (doubles(&modified), 10.0_f64.powf(exponent));
        let grid = Grid::over(&times);
        for (&point, found) in grid.points().iter().zip(log_density(&times, &grid, bandwidth)) {
            let wanted = oracle::log_density(&times, point, bandwidth);
            prop_assert!(close(found, wanted), "{bandwidth} s, {point}: {found} for {wanted}");
        }
    }

    #[test]
    fn boundaries_are_the_strict_minima_of_direct_sums(modified in session(), sensitivity in 0.2..5.0_f64) {
        let times = doubles(&modified);
        prop_assume!(times.len() > 1);
        let (index, bandwidth) = oracle::choose(&times);
        let found = cluster(&modified, sensitivity);
        prop_assert_eq!(found.best_index, Some(index));
        // Flat valleys are ours alone, and noise on a summit the oracle's.
        let grid = Grid::over(&times);
        let values: Vec<f64> =
            grid.points().iter().map(|&at| oracle::log_density(&times, at, bandwidth / sensitivity)).collect();
        let clear = |i: usize| [i - 1, i + 1].iter().all(|&k| values[k] - values[i] > 2e-9 + 1e-13 * values[i].abs());
        let wanted: Vec<usize> =
            oracle::strict_minima(&times, bandwidth / sensitivity).into_iter().filter(|&i| clear(i)).collect();
        for minimum in &wanted {
            prop_assert!(found.minima.contains(minimum), "{} of {:?}", minimum, found.minima);
        }
        for &minimum in found.minima.iter().filter(|&&i| clear(i)) {
            prop_assert!(wanted.contains(&minimum));
        }
    }

    #[test]
    fn ranges_part_the_files(modified in prop::collection::vec(any::<i64>(), 0..80), sensitivity in any::<f64>()) {
        let mut modified = modified;
        modified.sort_unstable();
        let groups = group(&modified, sensitivity);
        prop_assert!(groups.iter().all(|files| !files.is_empty()));
        let all: Vec<usize> = groups.iter().cloned().flatten().collect();
        prop_assert_eq!(all, (0..modified.len()).collect::<Vec<_>>());
        for pair in groups.windows(2) {
            prop_assert!(modified[pair[0].end - 1] < modified[pair[1].start]);
        }
    }

    #[test]
    fn days_do_not_matter(seconds in prop::collection::vec(1..5_000_i64, 1..60), days in -3_000..3_000_i64) {
        // Whole seconds and a binary fraction keep their digits wherever they are.
        let modified = times_from(seconds.into_iter().map(|gap| gap * SECOND));
        let moved: Vec<i64> = modified.iter().map(|time| time + days * 86_400 * SECOND).collect();
        let (here, there) = (cluster(&modified, 1.0), cluster(&moved, 1.0));
        prop_assert_eq!(here.best_index, there.best_index);
        prop_assert_eq!(here.bandwidth, there.bandwidth);
        prop_assert_eq!(group(&modified, 1.0).len(), group(&moved, 1.0).len());
    }

    #[test]
    fn the_unit_of_time_does_not_matter(seconds in prop::collection::vec(1..500_i64, 1..60)) {
        let gaps = |unit: i64| seconds.iter().map(move |gap| gap * unit * SECOND);
        let (narrow, wide) = (times_from(gaps(1)), times_from(gaps(64)));
        prop_assert_eq!(cluster(&narrow, 1.0).best_index, cluster(&wide, 1.0).best_index);
        prop_assert_eq!(group(&narrow, 1.0).len(), group(&wide, 1.0).len());
    }

    #[test]
    fn the_exponential_is_that_of_the_library(x in -700.0..0.0_f64) {
        prop_assert!((kernel::exp(x) / x.exp() - 1.0).abs() < 2e-14);
    }
}

/// Points that are checked of a density with very many.
fn assert_samples(times: &[f64], bandwidth: f64) {
    let grid = Grid::over(times);
    let values = log_density(times, &grid, bandwidth);
    for (position, &point) in grid.points().iter().enumerate().step_by(grid.points().len() / 90) {
        let wanted = oracle::log_density(times, point, bandwidth);
        assert!(close(values[position], wanted), "{bandwidth} s, {point}: {} for {wanted}", values[position]);
    }
}

#[test]
fn crowds_keep_their_digits() {
    // Everything within a second, one file a year away; and two such crowds.
    let crowd = |start: f64, seed| noise(seed).take(600).map(move |x| start + x);
    let year = 31_536_000.0;
    let mut lone: Vec<f64> = crowd(1.542e9, 1).collect();
    lone.push(1.542e9 + year);
    let mut two: Vec<f64> = crowd(1.542e9, 2).chain(crowd(1.542e9 + year, 3)).collect();
    for times in [&mut lone, &mut two] {
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        for bandwidth in [1e-5, 1e-3, 0.02, 0.3, 40.0, 1e4, 3e6] {
            assert_samples(times, bandwidth);
        }
        let bandwidth = 0.05;
        let found = bandwidth::Scorer::default().score(times, bandwidth);
        assert!(close(found, oracle::score(times, bandwidth)), "{found}");
    }
}

#[test]
fn points_near_a_crowd_but_not_in_it_keep_their_digits() {
    // Files and points at every distance from thousands: beside the near neighbour the crowd's part is small, and an error
    // of the crowd's boxes is not.
    // A crowd as wide as a box has small moments; a narrow one at the edge of its box has not.
    for width in [0.9, 0.01] {
        let mut times: Vec<f64> = noise(5).take(6_000).map(|x| 1.542e9 + width * x).collect();
        times.push(1.542e9 - 0.45);
        times.extend((1..40).map(|k| 1.542e9 + width + 0.1 + 0.61 * real(k)));
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        for bandwidth in [0.25, 1.0, 1.7] {
            assert_samples(&times, bandwidth);
        }
    }
}

#[test]
fn long_even_runs_keep_their_digits() {
    // The thousandth box of a run is as exact as the first.
    let modified: Vec<i64> = (0..9_000).map(|k| NOON + k * 3 * SECOND + (k % 7) * 1_001).collect();
    assert_samples(&doubles(&modified), 17.3);
    assert_samples(&doubles(&modified), 3.0);
}
