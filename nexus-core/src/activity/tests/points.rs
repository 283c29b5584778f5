//! Single sums against direct ones, where most files are in a crowd: the crowd's part of a sum may be tiny, an error of its
//! moments or series is multiplied by its files.

use proptest::prelude::*;

use crate::activity::boxes::{Boxes, NEAR};
use crate::activity::{bandwidth, gap, real};

/// What is promised of each sum, relative to itself.
const PROMISED: f64 = 1e-10;

/// A crowd in the eleventh of 22 boxes, and a file or so in each of the others; the width of a box is 1.
///
/// All that the crowd's files have is a place in their box, so that a direct sum over them is one product.
#[derive(Debug, Clone)]
struct Scene {
    crowd: f64,
    files_there: usize,
    others: Vec<f64>,
}

const CENTRE: f64 = 11.0;

impl Scene {
    fn sources(&self) -> Vec<f64> {
        let mut sources = vec![self.crowd; self.files_there];
        sources.extend(&self.others);
        sources.sort_unstable_by(f64::total_cmp);
        sources
    }

    fn direct(&self, at: f64) -> f64 {
        let kernel = |source: f64| (-0.5 * (at - source) * (at - source)).exp();
        real(self.files_there) * kernel(self.crowd) + self.others.iter().copied().map(kernel).sum::<f64>()
    }
}

/// A place in a box, often at one of its edges.
fn place() -> impl Strategy<Value = f64> {
    prop_oneof![Just(-0.499_999_9), Just(0.499_999_9), Just(0.0), -0.5..0.5_f64]
}

fn scene() -> impl Strategy<Value = Scene> {
    (place(), 1_000..20_000_usize, prop::collection::vec(place(), 22)).prop_map(
        |(crowd, files_there, mut others)| {
            // The first file is the middle of the first box.
            others[0] = 0.0;
            for (number, place) in others.iter_mut().enumerate() {
                *place += real(number);
            }
            Scene { crowd: CENTRE + crowd, files_there, others }
        },
    )
}

/// Both edges and the middle of every box, and something between; twelve to a box, so that none is summed by pairs.
fn targets() -> Vec<f64> {
    let places = [-0.499_999_9, -0.49, -0.4, -0.31, -0.2, -0.1, 0.0, 0.12, 0.25, 0.37, 0.45, 0.499_999_9];
    (0..22).flat_map(|number| places.map(|place| real(number) + place)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_crowd_in_any_box_keeps_each_sum_to_ten_digits(scene in scene()) {
        let (sources, targets) = (scene.sources(), targets());
        let mut sums = vec![0.0; targets.len()];
        Boxes::default().add(&sources, &targets, 1.0, &mut sums);
        for (&at, found) in targets.iter().zip(sums) {
            let wanted = scene.direct(at);
            prop_assert!((found / wanted - 1.0).abs() <= PROMISED, "{at}: {found} for {wanted}");
        }
    }

    #[test]
    fn each_file_left_out_keeps_its_sum_to_ten_digits(scene in scene()) {
        let sources = scene.sources();
        let mut sums = vec![0.0; sources.len()];
        Boxes::default().add(&sources, &sources, 1.0, &mut sums);
        for (&at, found) in sources.iter().zip(sums) {
            let wanted = scene.direct(at) - 1.0;
            prop_assert!(((found - 1.0) / wanted - 1.0).abs() <= PROMISED, "{at}: {found} for {wanted}");
        }
    }

    #[test]
    fn a_lonely_file_keeps_its_sum_to_ten_digits(
        gaps in prop::collection::vec(NEAR..40.0_f64, 1..12),
        crowd in prop::collection::vec(0.0..0.3_f64, 0..200),
        pause in NEAR..30.0_f64,
    ) {
        let mut times: Vec<f64> = crowd;
        times.sort_unstable_by(f64::total_cmp);
        let mut now = times.last().copied().unwrap_or_default() + pause;
        let first_lonely = times.len();
        for gap in [0.0].into_iter().chain(gaps) {
            now += gap;
            times.push(now);
        }
        for position in first_lonely..times.len() {
            let here = times[position];
            let rest = times.iter().enumerate().filter(|&(other, _)| other != position);
            let distances: Vec<f64> = rest.map(|(_, time)| (here - time).abs()).collect();
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            let (exponent, sum) = bandwidth::lonely(&times, position, nearest, 1.0);
            let wanted: f64 = distances.iter().map(|d| (0.5 * (nearest - d) * (nearest + d)).exp()).sum();
            prop_assert!((sum / wanted - 1.0).abs() <= PROMISED, "{here}: {sum} for {wanted}");
            prop_assert!((exponent - 0.5 * nearest * nearest).abs() <= PROMISED);
        }
    }

    #[test]
    fn a_crowd_behind_the_edge_of_a_gap_keeps_each_sum_to_ten_digits(
        behind in prop::collection::vec(0.4..12.0_f64, 30),
        width in 8.0..300.0_f64,
        mirrored in any::<bool>(),
    ) {
        let copies = 120;
        let mut left: Vec<f64> = behind.iter().flat_map(|y| vec![-y; copies]).chain([0.0]).collect();
        left.sort_unstable_by(f64::total_cmp);
        let points: Vec<f64> = (0..=400).map(|k| NEAR + real(k) / 400.0 * (width - 2.0 * NEAR)).collect();
        let mut found = vec![0.0; points.len()];
        if mirrored {
            let flip = |list: &[f64]| list.iter().rev().map(|x| -x).collect::<Vec<f64>>();
            gap::log_sums(&[-width], &flip(&left), &flip(&points), 1.0, &mut found);
            found.reverse();
        } else {
            gap::log_sums(&left, &[width], &points, 1.0, &mut found);
        }
        for (v, found) in points.into_iter().zip(found) {
            let crowd: f64 = behind.iter().map(|y| (-y * (v + 0.5 * y)).exp()).sum();
            // How much the lone file on the other side counts, and the larger of the two taken out.
            let other = 0.5 * (v - (width - v)) * width;
            let most = other.max(0.0);
            let sum = (1.0 + real(copies) * crowd) * (-most).exp() + (other - most).exp();
            let wanted = most + sum.ln() - 0.5 * v * v;
            prop_assert!((found - wanted).abs() <= PROMISED + 1e-14 * wanted.abs(), "{v}: {found} for {wanted}");
        }
    }
}
