//! Numbers that look random and are the same every time, on every machine. Whole numbers only: the last
//! bit of a floating-point function may differ from one machine to the next.

/// A sequence that depends on nothing but its name.
pub struct Noise(u64);

impl Noise {
    /// The sequence of this name.
    pub fn named(name: &str) -> Self {
        // FNV-1a: spreads similar names far apart.
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next number (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound; 0 for a bound of 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        // The upper half of the product of a 32-bit number and the bound is below the bound.
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or_default()
    }

    /// A number around the middle of `0..=4 * spread`, near ones more often.
    pub fn around(&mut self, spread: u32) -> u32 {
        (0..4).map(|_| self.below(spread + 1)).sum()
    }
}

/// A smooth hill: `height` at its top, 0 from `radius` on.
pub fn hill(distance_squared: u64, radius: u32, height: u32) -> u32 {
    let radius_squared = u64::from(radius) * u64::from(radius);
    let Some(inside) = radius_squared.checked_sub(distance_squared) else { return 0 };
    let scaled = u64::from(height) * inside / radius_squared.max(1) * inside / radius_squared.max(1);
    u32::try_from(scaled).unwrap_or(height)
}
