//! Random choices that a seed repeats.

/// SplitMix64: small, and good enough to choose tests.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The choices of one part of a run: the same seed and part always choose the same.
    pub fn new(seed: u64, part: u64) -> Self {
        let mut chance = Self(seed);
        let start = chance.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self(start)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from + 1) as u64) as i64
    }

    /// Happens `percent` times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Some of these, in their order; perhaps none.
    pub fn some<'a, T>(&mut self, all: &'a [T], percent: u64) -> Vec<&'a T> {
        all.iter().filter(|_| self.percent(percent)).collect()
    }
}
