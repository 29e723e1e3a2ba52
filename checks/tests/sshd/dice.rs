//! Chance that can be repeated: xorshift64 from a seed.

/// Draws numbers from a seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice whose throws follow from two numbers.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
        // Neighbouring seeds would start alike.
        state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self(state | 1)
    }
    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The upper bits are the better ones.
        usize::try_from((self.0 >> 16) % bound as u64).unwrap()
    }
    /// Whether something happens that does so in so many of a hundred times.
    pub(crate) fn percent(&mut self, times: usize) -> bool {
        self.below(100) < times
    }
    /// One of several.
    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}
