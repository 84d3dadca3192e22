//! Enumerations that travel as words.

/// Defines an enumeration of words that are all known.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[non_exhaustive]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// The word that travels.
            pub const fn as_str(&self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub(crate) fn from_word(word: &str) -> Result<Self, crate::Problem> {
                let expected = concat!("the words", $(" `", $word, "`"),*);
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(crate::Problem::Word { expected }),
                }
            }
        }
    };
}

/// The same for words of the hub, which a later hub may have more of.
macro_rules! open_words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])* $variant,)*
            /// A word of a later version.
            Other(crate::text::Name),
        }

        impl $name {
            /// The word that travels.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $word,)* Self::Other(word) => word }
            }

            pub(crate) fn from_word(word: &str) -> Result<Self, crate::Problem> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => crate::text::Name::new(word).map(Self::Other),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use {open_words, words};
