//! How the time to group a session's files grows with their number, on one core.
//!
//! `cargo bench -p nexus-core --bench clustering`. The usual session is bursts of work with pauses between them. The other
//! shapes are those that sums over files are slow or wrong for: everything within a second and one file a year away, two
//! such crowds a year apart, gaps of all sizes, and a pace so even that all bandwidths are alike.
#![allow(clippy::cast_possible_truncation, reason = "times between 2018 and 2300")]

use divan::Bencher;
use divan::counter::ItemsCount;
use nexus_core::activity::group;

const FILES: [usize; 6] = [100, 200, 300, 1_000, 10_000, 100_000];

/// The ends and the middle, for the other shapes.
const FEWER: [usize; 3] = [100, 10_000, 100_000];

/// A day in 2018, in nanoseconds since the epoch.
const START: i64 = 1_542_000_000_000_000_000;

const YEAR: f64 = 31_536_000.0;

fn main() {
    divan::main();
}

/// Numbers from 0 to 1, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 40).unwrap_or_default()) / 16_777_216.0
    }
}

/// From seconds after the start.
fn times(mut seconds: Vec<f64>) -> Vec<i64> {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.into_iter().map(|second| START + (second * 1e9) as i64).collect()
}

fn from_gaps(files: usize, mut gap: impl FnMut(usize) -> f64) -> Vec<i64> {
    let mut now = 0.0;
    let seconds = (0..files).map(|file| {
        now += gap(file);
        now
    });
    times(seconds.collect())
}

fn run(bencher: Bencher<'_, '_>, modified: &[i64]) {
    bencher.counter(ItemsCount::new(modified.len())).bench_local(|| group(divan::black_box(modified), 1.0));
}

/// Forty files about 15 s apart, then a pause of 5 to 55 minutes.
#[divan::bench(args = FILES)]
fn bursts(bencher: Bencher<'_, '_>, files: usize) {
    let mut noise = Noise(1);
    let modified = from_gaps(files, |file| {
        let x = noise.next();
        if file % 40 == 39 { 300.0 + 3_000.0 * x } else { -15.0 * (1.0 - x).ln() }
    });
    run(bencher, &modified);
}

#[divan::bench(args = FEWER)]
fn one_second_and_a_file_a_year_away(bencher: Bencher<'_, '_>, files: usize) {
    let mut noise = Noise(2);
    let seconds = (1..files).map(|_| noise.next()).chain([YEAR]);
    run(bencher, &times(seconds.collect()));
}

#[divan::bench(args = FEWER)]
fn two_crowds_a_year_apart(bencher: Bencher<'_, '_>, files: usize) {
    let mut noise = Noise(3);
    let seconds = (0..files).map(|file| noise.next() + if file % 2 == 0 { 0.0 } else { YEAR });
    run(bencher, &times(seconds.collect()));
}

/// From a microsecond to a quarter of an hour.
#[divan::bench(args = FEWER)]
fn gaps_of_all_sizes(bencher: Bencher<'_, '_>, files: usize) {
    let mut noise = Noise(4);
    run(bencher, &from_gaps(files, |_| 10.0_f64.powf(9.0 * noise.next() - 6.0)));
}

/// Every 5 s, within half a second: hardly a difference between narrowest and widest bandwidth.
#[divan::bench(args = FEWER)]
fn even_pace(bencher: Bencher<'_, '_>, files: usize) {
    let mut noise = Noise(5);
    run(bencher, &from_gaps(files, |_| 4.75 + 0.5 * noise.next()));
}
