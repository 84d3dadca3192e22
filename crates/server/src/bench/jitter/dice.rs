//! Chance that can be repeated.

/// A small generator of numbers (splitmix64): the same seed and stream give the same again.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// One of the generators of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed);
        let base = dice.draw();
        Self(base ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// Evenly from 0 on, and below 1.
    pub(super) fn next(&mut self) -> f64 {
        // 53 bits: all that such a number has.
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, stream: u64) -> [u64; 4] {
        let mut dice = Dice::new(seed, stream);
        [(); 4].map(|()| dice.next().to_bits())
    }

    #[test]
    fn the_same_seed_and_stream_give_the_same_and_others_do_not() {
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }

    #[test]
    fn numbers_are_even_from_0_to_1() {
        let mut dice = Dice::new(7, 0);
        let numbers: Vec<f64> = (0..10_000).map(|_| dice.next()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
