//! The range of numbers.

/// The largest number of this language, 2^53 − 1: the largest integer that JavaScript holds exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
