//! What is wrong with a value.

use std::fmt;

/// Why a value is none: what was expected, or which limit it is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It has to be there.
    Missing,
    /// It is of another type.
    Type {
        /// The right one, in words.
        expected: &'static str,
    },
    /// It is none of the words that are known here.
    Word {
        /// Those that are.
        expected: &'static str,
    },
    /// Text that has to have something in it.
    Empty,
    /// Text beyond its limit.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// Text with a character that may not be there.
    Character(char),
    /// A number outside its range.
    Range {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A list beyond its limit.
    TooMany {
        /// The limit.
        max: usize,
    },
    /// A payload beyond `max_message`.
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// It is not JSON.
    NotJson,
    /// JSON nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep,
    /// It is not base64 with padding.
    NotBase64,
    /// It does not go with another field.
    Excludes {
        /// The other one.
        field: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Type { expected } => write!(f, "is not {expected}"),
            Self::Word { expected } => write!(f, "is none of {expected}"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { length, max } => write!(f, "of {length} bytes exceeds {max}"),
            Self::Character(character) => write!(f, "has the character {character:?}"),
            Self::Range { min, max } => write!(f, "is not within {min} to {max}"),
            Self::TooMany { max } => write!(f, "has more than {max} items"),
            Self::TooLarge { size, max } => {
                write!(f, "of {size} bytes exceeds `max_message` of {max}")
            }
            Self::NotJson => f.write_str("is not JSON"),
            Self::TooDeep => write!(f, "is nested deeper than {}", crate::MAX_DEPTH),
            Self::NotBase64 => f.write_str("is not base64 with padding"),
            Self::Excludes { field } => write!(f, "does not go with `{field}`"),
        }
    }
}

impl std::error::Error for Problem {}
