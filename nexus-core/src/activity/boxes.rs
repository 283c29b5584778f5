//! Sums of Gaussians where many points are close together: the fast Gauss transform in one dimension.
//!
//! The axis is cut into boxes one bandwidth wide. Between two boxes with few points the kernels are summed pair by pair.
//! Where many meet, the sources of a box are replaced by their Chebyshev moments Σ Tₙ(s), n < 16; a constant matrix, which
//! depends on nothing but how many boxes lie between, turns moments into the coefficients of a Chebyshev series that is
//! valid all over the target box; and each target evaluates one series for all its sources. The kernel is even: the
//! matrices of the boxes at one distance to the left and right differ only in signs, and one product serves both.
//!
//! **Cost.** A target box sees at most 19 source boxes; each costs at most [`FEW`] pairs or half a 16 × 16 product. With
//! 16 multiplications for each source and each target the whole is linear in both, whatever the distances.
//!
//! **Error.** The 16th derivative of exp(−x²/2) is at most 5e6, so interpolation over a box errs by at most
//! 5e6·(1/2)¹⁶/(2¹⁵·16!) ≈ 1e-16 for a source of mass one, on the source's side and on the target's; far boxes need fewer
//! terms for the same. For a hundred thousand sources in one box that is 2e-11. A target has a sum of at least
//! exp(−[`NEAR`]²/2) = 0.135, unless it is farther from all sources, and then its sum is not used. Sources more than
//! [`REACH`] bandwidths away are left out: at most 3e-18 each. Places in a box are relative to the box, and computed
//! without loss also when it is the millionth.

use std::sync::LazyLock;

use super::chebyshev::{self, Chebyshev};
use super::kernel;

/// Sums are good to 1e-10 of themselves where a source is within this many bandwidths.
pub const NEAR: f64 = 2.0;

/// Points this many bandwidths apart never share a sum: what is within [`NEAR`] of one end is more than [`REACH`] + 2 from
/// the other.
pub const RUN_BREAK: f64 = 14.0;

const DEGREE: usize = 16;

/// How many boxes to either side are seen.
const REACH: usize = 9;

/// How many moments of a box matter, by distance: the n-th derivative of the kernel at a far box is small.
const MOMENTS: [usize; REACH + 1] = [16, 16, 16, 16, 16, 16, 16, 14, 12, 8];

/// As many pairs cost about what a product with a matrix does.
const FEW: usize = 8;

/// So few sources need no boxes.
const SMALL: usize = 12;

type Series = [f64; DEGREE];

/// For each source degree the coefficients of the target's series: even degrees first, then odd ones.
type Matrix = [Series; DEGREE];

/// The product to apply for each distance in boxes, the source being to the left.
static TRANSLATIONS: LazyLock<[Matrix; REACH + 1]> = LazyLock::new(|| {
    let chebyshev = Chebyshev::new();
    let mut distance = -1.0;
    [(); REACH + 1].map(|()| {
        distance += 1.0;
        translation(&chebyshev, distance)
    })
});

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
            add_pairs(sources, targets, per_bandwidth, sums);
            return;
        }
        let lattice = Lattice::new(sources.first().copied().unwrap_or_default(), bandwidth);
        self.sources.sort(&lattice, sources);
        self.targets.sort(&lattice, targets);
        let Sorted { cells, places: source_places } = &mut self.sources;
        let fullest = cells.iter().map(Cell::len).max().unwrap_or_default();
        self.moments.clear();
        self.moments.resize(cells.len(), [0.0; DEGREE]);
        let (mut first, mut end) = (0, 0);
        for target in &self.targets.cells {
            let range = target.first..target.end;
            let (Some(points), Some(places), Some(sums)) =
                (targets.get(range.clone()), self.targets.places.get(range.clone()), sums.get_mut(range))
            else {
                continue;
            };
            #[allow(clippy::cast_possible_wrap, reason = "nine")]
            let reach = REACH as i64;
            let number = |i: usize| cells.get(i).map(|cell: &Cell| cell.number);
            while number(first).is_some_and(|number| number < target.number - reach) {
                first += 1;
            }
            end = end.max(first);
            while number(end).is_some_and(|number| number <= target.number + reach) {
                end += 1;
            }
            let seen = cells.get_mut(first..end).unwrap_or_default();
            if fullest * target.len() <= FEW {
                let all = seen.first().map_or(0, |cell| cell.first)..seen.last().map_or(0, |cell| cell.end);
                add_pairs(sources.get(all).unwrap_or_default(), points, per_bandwidth, sums);
                continue;
            }
            let mut pairs = Pairs { sources, points, per_bandwidth, waiting: 0..0 };
            let mut crowd = Crowd::default();
            for (cell, moments) in seen.iter_mut().zip(self.moments.iter_mut().skip(first)) {
                if cell.len() * target.len() <= FEW {
                    pairs.add(cell.first..cell.end, sums);
                    continue;
                }
                if !cell.ready {
                    *moments =
                        chebyshev::moments(source_places.get(cell.first..cell.end).unwrap_or_default());
                    cell.ready = true;
                }
                crowd.add(target.number - cell.number, moments);
            }
            pairs.finish(sums);
            if let Some(series) = crowd.series() {
                chebyshev::add_series(&series, places, sums);
            }
        }
    }
}

fn add_pairs(sources: &[f64], targets: &[f64], per_bandwidth: f64, sums: &mut [f64]) {
    if !sources.is_empty() {
        for (sum, &target) in sums.iter_mut().zip(targets) {
            *sum += kernel::direct(sources, target, per_bandwidth);
        }
    }
}

/// Boxes that are summed pair by pair; neighbours wait for each other.
struct Pairs<'a> {
    sources: &'a [f64],
    points: &'a [f64],
    per_bandwidth: f64,
    waiting: std::ops::Range<usize>,
}

impl Pairs<'_> {
    fn add(&mut self, range: std::ops::Range<usize>, sums: &mut [f64]) {
        if self.waiting.end != range.start {
            self.finish(sums);
            self.waiting.start = range.start;
        }
        self.waiting.end = range.end;
    }

    fn finish(&self, sums: &mut [f64]) {
        let sources = self.sources.get(self.waiting.clone()).unwrap_or_default();
        add_pairs(sources, self.points, self.per_bandwidth, sums);
    }
}

/// The moments of the boxes that a target box sees, by distance.
#[derive(Debug, Default)]
struct Crowd<'a> {
    sides: [[Option<&'a Series>; 2]; REACH + 1],
    any: bool,
}

impl<'a> Crowd<'a> {
    /// `distance` is how many boxes the sources are to the left.
    fn add(&mut self, distance: i64, moments: &'a Series) {
        let side = usize::from(distance < 0);
        let distance = usize::try_from(distance.unsigned_abs()).unwrap_or(usize::MAX);
        if let Some(slot) = self.sides.get_mut(distance).and_then(|sides| sides.get_mut(side)) {
            *slot = Some(moments);
            self.any = true;
        }
    }

    /// The series of the target box.
    fn series(&self) -> Option<Series> {
        const NONE: Series = [0.0; DEGREE];
        if !self.any {
            return None;
        }
        let mut sums = [0.0; DEGREE];
        for ((sides, matrix), &used) in self.sides.iter().zip(TRANSLATIONS.iter()).zip(&MOMENTS) {
            if let [None, None] = sides {
                continue;
            }
            let [left, right] = sides.map(|moments| moments.unwrap_or(&NONE));
            for (n, (column, (&left, &right))) in
                matrix.iter().zip(left.iter().zip(right)).take(used).enumerate()
            {
                // Seen from the other side, the terms of odd total degree change their sign.
                let (same, opposite) = (left + right, left - right);
                let (even, odd) = if n % 2 == 0 { (same, opposite) } else { (opposite, same) };
                for m in 0..DEGREE / 2 {
                    sums[m] += column[m] * even;
                    sums[m + DEGREE / 2] += column[m + DEGREE / 2] * odd;
                }
            }
        }
        Some(std::array::from_fn(|m| sums[m / 2 + DEGREE / 2 * (m % 2)]))
    }
}

/// Where boxes are and how wide: the centre of the first is the first source.
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
        let number = kernel::round(distance * self.per_width);
        let offset = ((distance - number * self.high) - number * self.low) * self.per_width;
        #[allow(clippy::cast_possible_truncation, reason = "a run has at most 14 boxes for each file")]
        let integer = number as i64;
        (integer, 2.0 * offset)
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

/// The matrix for a source box so many bandwidths to the left: the two-dimensional Chebyshev coefficients of the kernel.
fn translation(chebyshev: &Chebyshev<DEGREE>, distance: f64) -> Matrix {
    let by_target: Matrix = chebyshev.nodes.map(|source| {
        chebyshev.coefficients(&chebyshev.nodes.map(|target| {
            let u = distance + 0.5 * (target - source);
            (-0.5 * u * u).exp()
        }))
    });
    // One row for each target degree, to be turned into one for each source degree.
    let rows: Matrix =
        std::array::from_fn(|m| chebyshev.coefficients(&by_target.map(|coefficients| coefficients[m])));
    std::array::from_fn(|n| {
        std::array::from_fn(|place| {
            let m = if place < DEGREE / 2 { 2 * place } else { 2 * (place - DEGREE / 2) + 1 };
            rows[m][n]
        })
    })
}
