//! Chebyshev series on the interval from −1 to 1.

use std::f64::consts::PI;

use super::real;

/// How many points are computed at once.
const LANES: usize = 4;

/// From values at N nodes to the series of N terms that takes them there.
#[derive(Debug)]
pub struct Chebyshev<const N: usize> {
    /// Where the values are taken.
    pub nodes: [f64; N],
    transform: [[f64; N]; N],
}

impl<const N: usize> Chebyshev<N> {
    pub fn new() -> Self {
        let angle = |i: usize| PI * (real(i) + 0.5) / real(N);
        let row = |n: usize| {
            let scale = if n == 0 { 1.0 } else { 2.0 } / real(N);
            std::array::from_fn(|i| scale * (real(n) * angle(i)).cos())
        };
        Self { nodes: std::array::from_fn(|i| angle(i).cos()), transform: std::array::from_fn(row) }
    }

    /// The coefficients for values at the nodes.
    pub fn coefficients(&self, values: &[f64; N]) -> [f64; N] {
        self.transform.map(|row| row.iter().zip(values).map(|(a, b)| a * b).sum())
    }
}

/// Adds the series at each of the places to the sums, by Clenshaw's recurrence.
#[inline]
pub fn add_series<const N: usize>(series: &[f64; N], places: &[f64], sums: &mut [f64]) {
    for (sums, places) in sums.chunks_mut(LANES).zip(places.chunks(LANES)) {
        let mut x = [0.0; LANES];
        for (slot, &place) in x.iter_mut().zip(places) {
            *slot = place;
        }
        let twice = x.map(|x| 2.0 * x);
        let (mut b1, mut b2) = ([0.0; LANES], [0.0; LANES]);
        for &coefficient in series.iter().skip(1).rev() {
            for lane in 0..LANES {
                let b = (coefficient - b2[lane]) + twice[lane] * b1[lane];
                b2[lane] = b1[lane];
                b1[lane] = b;
            }
        }
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += (series[0] - b2[lane]) + x[lane] * b1[lane];
        }
    }
}

/// Σ Tₙ over the places, for each n.
pub fn moments<const N: usize>(places: &[f64]) -> [f64; N] {
    let mut sums = [[0.0; LANES]; N];
    let (chunks, rest) = places.as_chunks::<LANES>();
    for chunk in chunks {
        add_moments(*chunk, [1.0; LANES], &mut sums);
    }
    if !rest.is_empty() {
        let (mut padded, mut weights) = ([0.0; LANES], [0.0; LANES]);
        for ((slot, weight), &place) in padded.iter_mut().zip(&mut weights).zip(rest) {
            (*slot, *weight) = (place, 1.0);
        }
        add_moments(padded, weights, &mut sums);
    }
    sums.map(|lanes| (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]))
}

#[inline]
fn add_moments<const N: usize>(places: [f64; LANES], weights: [f64; LANES], sums: &mut [[f64; LANES]; N]) {
    let twice = places.map(|x| 2.0 * x);
    // T₋₁ = T₁ starts the recurrence.
    let mut before: [f64; LANES] = std::array::from_fn(|lane| places[lane] * weights[lane]);
    let mut now = weights;
    for sum in sums {
        for lane in 0..LANES {
            sum[lane] += now[lane];
            let next = twice[lane] * now[lane] - before[lane];
            before[lane] = now[lane];
            now[lane] = next;
        }
    }
}
