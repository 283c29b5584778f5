//! Recorded vectors, a direct sum as oracle, and shapes made to break the fast sums.

mod degenerate;
mod oracle;
mod points;
mod search;
mod sums;
mod vectors;

use proptest::prelude::*;

use super::real;

/// A time on a working day, in nanoseconds since the epoch.
const NOON: i64 = 1_542_000_000_000_000_000;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// The smallest step that stays one when nanoseconds become doubles, roughly.
const RESOLUTION: i64 = 240;

/// Ascending times from the gaps between them, in nanoseconds.
fn times_from(gaps: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let later = gaps.into_iter().scan(NOON, |now, gap| {
        *now = now.saturating_add(gap);
        Some(*now)
    });
    std::iter::once(NOON).chain(later).collect()
}

/// Gaps between 1e-7 s and 1e8 s, evenly in their logarithm.
fn any_gap() -> impl Strategy<Value = i64> {
    #[allow(clippy::cast_possible_truncation, reason = "at most 1e17")]
    (2.0..17.0_f64).prop_map(|exponent| 10.0_f64.powf(exponent) as i64)
}

/// Sessions of all shapes: gaps of one size, of all sizes, bursts, ties, dense clusters far apart, a lone file.
fn session() -> impl Strategy<Value = Vec<i64>> {
    let gap = prop_oneof![
        Just(0),
        Just(RESOLUTION),
        1..20 * SECOND,
        SECOND..2 * SECOND,
        600 * SECOND..7_200 * SECOND,
    ];
    let second = SECOND;
    prop_oneof![
        prop::collection::vec(any_gap(), 1..60).prop_map(times_from),
        prop::collection::vec(gap.clone(), 1..120).prop_map(times_from),
        prop::collection::vec(1..30 * second, 1..150).prop_map(times_from),
        prop::collection::vec(
            (prop::collection::vec(1..40 * second, 1..30), 300 * second..9_000 * second),
            1..6
        )
        .prop_map(|bursts| times_from(
            bursts.into_iter().flat_map(|(burst, pause)| { burst.into_iter().chain([pause]) })
        )),
        (
            prop::collection::vec(1..10_000_000_i64, 20..90),
            any_gap(),
            prop::collection::vec(1..10_000_000_i64, 0..90)
        )
            .prop_map(|(first, pause, second)| times_from(first.into_iter().chain([pause]).chain(second))),
    ]
}

/// The same times as distinct doubles.
fn doubles(modified: &[i64]) -> Vec<f64> {
    super::distinct_seconds(modified)
}

/// A reproducible stream of numbers from 0 to 1, for large inputs.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(real(usize::try_from(state >> 40).unwrap()) / 16_777_216.0)
    })
}
