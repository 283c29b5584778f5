//! Inputs at the edges.

use crate::activity::{cluster, group};

use super::{NOON, SECOND, noise, times_from};

fn sizes(modified: &[i64], sensitivity: f64) -> Vec<usize> {
    group(modified, sensitivity).into_iter().map(|files| files.len()).collect()
}

fn at_seconds(seconds: &[i64]) -> Vec<i64> {
    seconds.iter().map(|second| NOON + second * SECOND).collect()
}

#[test]
fn no_file_is_no_activity() {
    assert!(group(&[], 1.0).is_empty());
    assert_eq!(cluster(&[], 1.0), crate::activity::Clustering::default());
}

#[test]
fn one_file_is_one_activity() {
    for time in [i64::MIN, -1, 0, NOON, i64::MAX] {
        assert_eq!(sizes(&[time], 1.0), [1]);
    }
}

#[test]
fn files_of_one_time_are_one_activity() {
    assert_eq!(sizes(&[NOON; 50], 7.0), [50]);
    // Nanoseconds apart, but one double.
    assert_eq!(sizes(&[NOON, NOON + 1, NOON + 2], 1e300), [3]);
}

#[test]
fn two_files_and_equal_gaps_are_one_activity() {
    assert_eq!(sizes(&at_seconds(&[0, 100]), 1.0), [2]);
    assert_eq!(sizes(&at_seconds(&[0, 60, 120, 180, 240, 300]), 1.0), [6]);
}

#[test]
fn one_file_far_away_keeps_all_together() {
    assert_eq!(sizes(&at_seconds(&[0, 10, 20, 1_000]), 1.0), [4]);
    assert_eq!(sizes(&at_seconds(&[0, 5, 10, 15, 20, 7_200]), 1.0), [6]);
}

#[test]
fn bursts_that_mirror_each_other_are_two_activities_at_any_time() {
    for start in 0..400 {
        let modified: Vec<i64> = at_seconds(&[0, 10, 20, 1_000, 1_010, 1_020])
            .iter()
            .map(|time| time + start * 7_777_777_777)
            .collect();
        assert_eq!(sizes(&modified, 1.0), [3, 3], "{start}");
    }
}

#[test]
fn equal_times_stay_together() {
    let modified = at_seconds(&[0, 0, 0, 31, 74, 74, 1_300, 1_300, 1_322, 1_391]);
    assert_eq!(sizes(&modified, 1.0), [6, 4]);
}

#[test]
fn a_file_at_the_boundary_belongs_to_the_activity_before() {
    // Mirrored bursts and a file in the middle, and a bandwidth too wide to see it as a burst of its own: the valley is at that
    // file's very time.
    let modified = at_seconds(&[0, 10, 20, 30, 40, 150, 260, 270, 280, 290, 300]);
    let found = cluster(&modified, 0.6);
    assert_eq!(found.boundaries, [1_542_000_150.0], "{found:?}");
    assert_eq!(sizes(&modified, 0.6), [6, 5]);
}

#[test]
fn sensitivity_of_any_value_is_accepted() {
    let modified =
        times_from((0..40).map(|k| if k % 8 == 7 { 2_000 * SECOND } else { (5 + k % 3) * SECOND }));
    assert_eq!(sizes(&modified, 0.0), [41]);
    assert_eq!(sizes(&modified, -0.0), [41]);
    assert_eq!(sizes(&modified, f64::NAN), sizes(&modified, 1.0));
    assert_eq!(sizes(&modified, -2.0), sizes(&modified, 2.0));
    assert_eq!(sizes(&modified, f64::MIN_POSITIVE), [41], "a kernel wider than everything");
    assert_eq!(sizes(&modified, 1e-12), [41]);
    for huge in [1e12, 1e300, f64::MAX, f64::INFINITY] {
        let found = sizes(&modified, huge);
        assert_eq!(found.iter().sum::<usize>(), 41);
        assert!(found.len() >= 6, "{huge}: every pause that the grid resolves parts the files: {found:?}");
    }
}

#[test]
fn the_whole_range_of_times_is_accepted() {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, NOON, i64::MAX - 1, i64::MAX];
    for sensitivity in [f64::MIN_POSITIVE, 1e-3, 1.0, 1e3, f64::MAX] {
        assert_eq!(sizes(&ends, sensitivity).iter().sum::<usize>(), 8);
    }
}

#[test]
fn times_out_of_order_are_parted_all_the_same() {
    let modified = at_seconds(&[1_300, 0, 74, 1_322, 31, 1_391]);
    assert_eq!(sizes(&modified, 1.0).iter().sum::<usize>(), 6);
}

#[test]
fn the_narrowest_of_equal_bandwidths_is_chosen() {
    let even: Vec<i64> = (0..50).map(|k| k * 60).collect();
    assert_eq!(cluster(&at_seconds(&even), 1.0).best_index, Some(0));
}

#[test]
fn thousands_of_files_are_grouped() {
    let (files, burst) = (8_000, 200);
    let gaps = noise(9).take(files - 1).enumerate().map(|(k, x)| {
        let pause = if k % burst == burst - 1 { 5_000.0 } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, reason = "at most 1e13")]
        let gap = ((pause + 1.0 + 2.0 * x) * 1e9) as i64;
        gap
    });
    let groups = group(&times_from(gaps), 1.0);
    let sizes: Vec<usize> = groups.iter().map(ExactSizeIterator::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), files);
    // Whatever is found within the bursts, none of the forty pauses lies inside an activity.
    let ends: Vec<usize> = groups.iter().map(|files| files.end).collect();
    assert!((burst..=files).step_by(burst).all(|end| ends.contains(&end)), "{sizes:?}");
}
