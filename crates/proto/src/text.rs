//! Short texts of a checked form, cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::problem::Problem;

/// Defines a text that was checked when it was made and is shared when it is cloned.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $max:literal, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest, in bytes.
            pub const MAX: usize = $max;

            /// Takes the text, or says what is wrong with it.
            pub fn new(text: &str) -> Result<Self, Problem> {
                check(text, Self::MAX, $allowed)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Problem;

            fn from_str(text: &str) -> Result<Self, Problem> {
                Self::new(text)
            }
        }
    };
}

text! {
    /// The name of a topic: ASCII letters, digits and `- _ . ~ : / @ + =`, 1 to 128 bytes. One that begins
    /// with `$` is the hub's own.
    ///
    /// ```
    /// use everwire_proto::Topic;
    ///
    /// assert_eq!(Topic::new("chat:42").unwrap().as_str(), "chat:42");
    /// assert_eq!(Topic::new("chat 42").unwrap_err().to_string(), "has the character ' '");
    /// ```
    Topic, 128, topic_character
}

impl Topic {
    /// Whether the topic is the hub's own: its name begins with `$`.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

text! {
    /// Which log a topic has: drawn when the log is made, another one says that history was lost.
    /// Opaque printable ASCII, 1 to 32 bytes.
    Epoch, 32, printable
}

text! {
    /// The name of a user, a session or a client. Opaque printable ASCII, 1 to 128 bytes.
    Name, 128, printable
}

text! {
    /// What proves who somebody is: a token, or a session's key. Text of 1 to 8192 bytes, which `Debug`
    /// does not show.
    Secret, 8192, |_, _| true
}

text! {
    /// The name of an rpc's method. Text of 1 to 128 bytes.
    Method, 128, |_, _| true
}

macro_rules! debug_as_text {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        })*
    };
}

debug_as_text! { Topic Epoch Name Method }

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

fn topic_character(index: usize, character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "-_.~:/@+=".contains(character)
        || (character == '$' && index == 0)
}

fn printable(_: usize, character: char) -> bool {
    (' '..='~').contains(&character)
}

fn check(text: &str, max: usize, allowed: impl Fn(usize, char) -> bool) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if text.len() > max {
        return Err(Problem::TooLong { length: text.len(), max });
    }
    let wrong = text.char_indices().find(|(index, character)| !allowed(*index, *character));
    wrong.map_or(Ok(()), |(_, character)| Err(Problem::Character(character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_refused_for_what_is_wrong_with_it() {
        assert_eq!(Topic::new(""), Err(Problem::Empty));
        assert_eq!(Topic::new(&"a".repeat(129)), Err(Problem::TooLong { length: 129, max: 128 }));
        assert_eq!(Topic::new("a b"), Err(Problem::Character(' ')));
        assert_eq!(Topic::new("a$"), Err(Problem::Character('$')));
        assert!(Topic::new(&"a".repeat(128)).is_ok());
        assert!(Topic::new("$hub").unwrap().is_reserved());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("hunter2").unwrap();
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.as_str(), "hunter2");
    }
}
