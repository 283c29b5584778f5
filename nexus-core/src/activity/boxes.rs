//! Sums of Gaussians where many points are close together: the fast Gauss transform in one dimension.
//!
//! The axis is cut into boxes one bandwidth wide. Between two boxes with few points the kernels are summed pair by pair.
//! Where many meet, the sources of a box are replaced by their Chebyshev moments Σ Tₙ(s), n < 16; a constant matrix, which
//! depends on nothing but how many boxes lie between, turns moments into the coefficients of a Chebyshev series that is
//! valid all over the target box; and each target evaluates one series for all its sources.
//!
//! **Cost.** A target box sees at most 19 source boxes; each costs min(pairs, [`FEW`] pairs, one 16 × 16 product). With
//! 16 multiplications for each source and each target the whole is linear in both, whatever the distances.
//!
//! **Error.** The 16th derivative of exp(−x²/2) is at most 5e6, so interpolation over a box errs by at most
//! 5e6·(1/2)¹⁶/(2¹⁵·16!) ≈ 1e-16 for a source of mass one, on the source's side and on the target's. For a hundred
//! thousand sources in one box that is 2e-11; a target has a sum of at least exp(−[`NEAR`]²/2) = 0.135 (unless it is
//! farther from all sources, and its sum not used). Sources more than [`REACH`] bandwidths away are left out: at most
//! 3e-18 each. Places in a box are relative to the box, and computed without loss also when it is the millionth.

use std::sync::LazyLock;

use super::{kernel, real};

/// Sums are good to 1e-10 of themselves where a source is within this many bandwidths.
pub const NEAR: f64 = 2.0;

/// Points this many bandwidths apart never share a sum: what is within [`NEAR`] of one end is more than [`REACH`] + 2 from
/// the other.
pub const RUN_BREAK: f64 = 14.0;

const DEGREE: usize = 16;

/// How many boxes to either side are seen.
const REACH: i64 = 9;

/// As many pairs cost about what a product with a matrix does.
const FEW: usize = 20;

/// So few sources need no boxes.
const SMALL: usize = 12;

const LANES: usize = 4;

type Series = [f64; DEGREE];
type Matrix = [Series; DEGREE];

/// The product to apply for each difference of box numbers, target less source, from −[`REACH`] on.
static TRANSLATIONS: LazyLock<Vec<Matrix>> = LazyLock::new(|| (-REACH..=REACH).map(translation).collect());

/// Consecutive points in one box.
#[derive(Debug, Clone, Copy)]
struct Cell {
    number: i64,
    first: usize,
    end: usize,
    /// Whether its moments have been computed.
    ready: bool,
}

impl Cell {
    fn len(&self) -> usize {
        self.end - self.first
    }
}

/// Points sorted into boxes: cells and, for each point, its place in its box, from −1 to 1.
#[derive(Debug, Default)]
struct Sorted {
    cells: Vec<Cell>,
    places: Vec<f64>,
}

/// Sums over boxes; keeps its memory from one use to the next.
#[derive(Debug, Default)]
pub struct Boxes {
    sources: Sorted,
    targets: Sorted,
    moments: Vec<Series>,
}

impl Boxes {
    /// Adds the kernels of `sources` at each of `targets` to `sums`. All are ascending, `sums` as long as `targets`, and
    /// `bandwidth` is positive. No gap in `sources` should be longer than [`RUN_BREAK`] bandwidths, and no target farther
    /// from them.
    pub fn add(&mut self, sources: &[f64], targets: &[f64], bandwidth: f64, sums: &mut [f64]) {
        let per_bandwidth = bandwidth.recip();
        if sources.len() <= SMALL {
            for (sum, &target) in sums.iter_mut().zip(targets) {
                *sum += kernel::direct(sources, target, per_bandwidth);
            }
            return;
        }
        let lattice = Lattice::new(sources.first().copied().unwrap_or_default(), bandwidth);
        self.sources.sort(&lattice, sources);
        self.targets.sort(&lattice, targets);
        self.moments.clear();
        self.moments.resize(self.sources.cells.len(), [0.0; DEGREE]);
        let mut first_seen = 0;
        for target in &self.targets.cells {
            let range = target.first..target.end;
            let (Some(points), Some(places), Some(sums)) =
                (targets.get(range.clone()), self.targets.places.get(range.clone()), sums.get_mut(range))
            else {
                continue;
            };
            while self.sources.cells.get(first_seen).is_some_and(|cell| cell.number < target.number - REACH) {
                first_seen += 1;
            }
            let mut series = None;
            // Sources of neighbouring boxes that are summed pair by pair.
            let mut pairwise = 0..0;
            let seen = self.sources.cells.iter_mut().zip(&mut self.moments).skip(first_seen);
            for (cell, moments) in seen.take_while(|(cell, _)| cell.number <= target.number + REACH) {
                if cell.len() * target.len() <= FEW {
                    if pairwise.end != cell.first {
                        add_pairwise(sources.get(pairwise).unwrap_or_default(), points, per_bandwidth, sums);
                        pairwise = cell.first..cell.first;
                    }
                    pairwise.end = cell.end;
                    continue;
                }
                if !cell.ready {
                    *moments = moments_of(self.sources.places.get(cell.first..cell.end).unwrap_or_default());
                    cell.ready = true;
                }
                let number = usize::try_from(target.number - cell.number + REACH).unwrap_or_default();
                if let Some(matrix) = TRANSLATIONS.get(number) {
                    translate(matrix, moments, series.get_or_insert([0.0; DEGREE]));
                }
            }
            add_pairwise(sources.get(pairwise).unwrap_or_default(), points, per_bandwidth, sums);
            if let Some(series) = series {
                add_series(&series, places, sums);
            }
        }
    }
}

/// Where boxes begin and how wide they are.
struct Lattice {
    origin: f64,
    per_width: f64,
    /// The width in two parts; the product of the first with a box number is exact.
    high: f64,
    low: f64,
}

impl Lattice {
    fn new(origin: f64, width: f64) -> Self {
        let high = f64::from_bits(width.to_bits() & !0x07ff_ffff);
        Self { origin, per_width: width.recip(), high, low: width - high }
    }

    /// The number of a point's box, and its place there from −1 to 1.
    #[inline]
    fn place(&self, point: f64) -> (i64, f64) {
        let distance = point - self.origin;
        let number = (distance * self.per_width).floor();
        let offset = ((distance - number * self.high) - number * self.low) * self.per_width;
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a run has at most 14 boxes for each file; a cast saturates"
        )]
        let integer = number as i64;
        (integer, 2.0 * offset - 1.0)
    }
}

impl Sorted {
    fn sort(&mut self, lattice: &Lattice, points: &[f64]) {
        self.cells.clear();
        self.places.clear();
        for (position, &point) in points.iter().enumerate() {
            let (number, place) = lattice.place(point);
            self.places.push(place);
            match self.cells.last_mut() {
                Some(cell) if cell.number == number => cell.end = position + 1,
                _ => self.cells.push(Cell { number, first: position, end: position + 1, ready: false }),
            }
        }
    }
}

fn add_pairwise(sources: &[f64], targets: &[f64], per_bandwidth: f64, sums: &mut [f64]) {
    if !sources.is_empty() {
        for (sum, &target) in sums.iter_mut().zip(targets) {
            *sum += kernel::direct(sources, target, per_bandwidth);
        }
    }
}

/// Σ Tₙ over the places, for each n.
fn moments_of(places: &[f64]) -> Series {
    let mut sums = [[0.0; LANES]; DEGREE];
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
fn add_moments(places: [f64; LANES], weights: [f64; LANES], sums: &mut [[f64; LANES]; DEGREE]) {
    let mut before: [f64; LANES] = std::array::from_fn(|lane| places[lane] * weights[lane]);
    let mut now = weights;
    for sum in sums {
        for lane in 0..LANES {
            sum[lane] += now[lane];
            // T₋₁ = T₁ starts the recurrence.
            let next = 2.0 * places[lane] * now[lane] - before[lane];
            before[lane] = now[lane];
            now[lane] = next;
        }
    }
}

#[inline]
fn translate(matrix: &Matrix, moments: &Series, series: &mut Series) {
    let mut sums = *series;
    for (column, &moment) in matrix.iter().zip(moments) {
        for (sum, &entry) in sums.iter_mut().zip(column) {
            *sum += entry * moment;
        }
    }
    *series = sums;
}

/// Evaluates a Chebyshev series at the places, by Clenshaw's recurrence.
fn add_series(series: &Series, places: &[f64], sums: &mut [f64]) {
    for (sums, places) in sums.chunks_mut(LANES).zip(places.chunks(LANES)) {
        let mut x = [0.0; LANES];
        x.iter_mut().zip(places).for_each(|(slot, &place)| *slot = place);
        let (mut b1, mut b2) = ([0.0; LANES], [0.0; LANES]);
        for &coefficient in series.iter().skip(1).rev() {
            for lane in 0..LANES {
                let b = coefficient + 2.0 * x[lane] * b1[lane] - b2[lane];
                b2[lane] = b1[lane];
                b1[lane] = b;
            }
        }
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += series[0] + x[lane] * b1[lane] - b2[lane];
        }
    }
}

/// The matrix for two boxes whose centres are `boxes` bandwidths apart: the two-dimensional Chebyshev coefficients of the
/// kernel, source degree by target degree.
fn translation(boxes: i64) -> Matrix {
    #[allow(clippy::cast_precision_loss, reason = "at most nine")]
    let apart = boxes as f64;
    let nodes: Series = std::array::from_fn(|i| chebyshev_node(i, DEGREE));
    let at_nodes: Matrix = nodes.map(|source| {
        nodes.map(|target| {
            let u = apart + 0.5 * (target - source);
            (-0.5 * u * u).exp()
        })
    });
    let by_target: Matrix = at_nodes.map(|values| std::array::from_fn(|n| chebyshev_coefficient(&values, n)));
    std::array::from_fn(|n| {
        std::array::from_fn(|m| chebyshev_coefficient(&by_target.map(|values| values[m]), n))
    })
}

/// The `i`-th of `count` points at which a Chebyshev series is fixed, from −1 to 1.
pub fn chebyshev_node(i: usize, count: usize) -> f64 {
    (std::f64::consts::PI * (real(i) + 0.5) / real(count)).cos()
}

/// The `n`-th coefficient of the Chebyshev series that takes these values at the nodes.
pub fn chebyshev_coefficient(values: &[f64], n: usize) -> f64 {
    let count = values.len();
    let sum: f64 = values
        .iter()
        .enumerate()
        .map(|(i, value)| value * (std::f64::consts::PI * real(n) * (real(i) + 0.5) / real(count)).cos())
        .sum();
    sum * if n == 0 { 1.0 } else { 2.0 } / real(count)
}
