//! What two measurements that were made side by side, many times, tell of each other on a machine that is not at rest.

/// What is left out at each end of an interval that holds the true median with 95 %.
const TAIL: f64 = 0.025;

/// The median of some values, and an interval that holds the median of all that could have been measured with a
/// probability of at least 95 % (sign test: it asks nothing of how the values are spread).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Median {
    pub value: f64,
    /// Lower and upper end; `None`: there are fewer than six values, and every interval would be a guess.
    pub interval: Option<(f64, f64)>,
}

/// `None`: there is no value.
pub fn median(values: &[f64]) -> Option<Median> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    let interval = left_out(sorted.len())
        .and_then(|rank| Some((*sorted.get(rank)?, *sorted.get(sorted.len() - 1 - rank)?)));
    Some(Median { value: f64::midpoint(lower, upper), interval })
}

/// How many of the smallest values lie outside the interval, and as many of the largest. Each value is as likely to be
/// above the true median as below.
fn left_out(count: usize) -> Option<usize> {
    let mut probability = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut below = 0.0;
    let mut ranks = 0_usize;
    loop {
        below += probability;
        if below > TAIL || ranks >= count {
            return ranks.checked_sub(1);
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of runs")]
        let factor = (count - ranks) as f64 / (ranks + 1) as f64;
        probability *= factor;
        ranks += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]).map(|median| median.value), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]).map(|median| median.value), Some(2.5));
    }

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Ranks from tables of the sign test, counted from 0.
        let expected = [
            (5, None),
            (6, Some(0)),
            (8, Some(0)),
            (9, Some(1)),
            (15, Some(3)),
            (25, Some(7)),
            (40, Some(13)),
        ];
        for (count, rank) in expected {
            assert_eq!(left_out(count), rank, "{count} values");
        }
        let nine: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!(median(&nine).and_then(|median| median.interval), Some((1.0, 7.0)));
    }
}
