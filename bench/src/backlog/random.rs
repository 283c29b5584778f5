//! Numbers that look random and follow from a seed.

use chrono::TimeDelta;

/// SplitMix64: a few lines, and the same numbers on every machine and with every version of every library.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`; 0 if there is none. The bias of the remainder does not matter here.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// A length of time, in whole seconds.
    pub fn between(&mut self, least: i64, below: i64) -> TimeDelta {
        let span = u64::try_from(below - least).unwrap_or(0);
        TimeDelta::seconds(least + i64::try_from(self.below(span)).unwrap_or(0))
    }
}
