//! Choices from a seed: what is sent, and which process ends when.

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, and good enough to choose with.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Choices of their own for one part of the harness.
    pub(crate) fn of_part(seed: u64, part: u64) -> Self {
        let mut random = Self(seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from `least` to `most`, both inclusive.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % most.saturating_sub(least).saturating_add(1)
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.between(0, 99) < chance
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        let most = u64::try_from(length.saturating_sub(1)).unwrap_or_default();
        usize::try_from(self.between(0, most)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_each_part_has_its_own() {
        let choices = |mut random: Random| (0..20).map(|_| random.between(0, 1_000)).collect::<Vec<_>>();
        assert_eq!(choices(Random::of_part(7, 1)), choices(Random::of_part(7, 1)));
        assert_ne!(choices(Random::of_part(7, 1)), choices(Random::of_part(7, 2)));
        assert!(choices(Random::of_part(7, 3)).iter().all(|choice| *choice <= 1_000));
    }
}
