//! What is wrong with a message, and what to do about it.

use std::fmt;

use crate::close::CloseCode;
use crate::position::Id;
use crate::problem::Problem;
use crate::refusal::{ErrorCode, ErrorReply};

/// A message that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeError {
    /// The id of the command or of the reply, if it has a legal one.
    pub id: Option<Id>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its kind is not known.
    UnknownKind,
    /// A reply to a command that nobody waits for.
    Unasked,
    /// `connect` with a version that is not spoken here.
    Version,
    /// A field has no legal value.
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The message is none of this language.
    Malformed(&'static str),
}

/// What a hub does about a message that it cannot take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the language has these three")]
pub enum Verdict {
    /// Nothing, but to count it: it has a number as any other.
    Ignore,
    /// Answer it with an error.
    Answer(Id, ErrorReply),
    /// End the link with this code; [`DecodeError`]'s text is the reason.
    Close(CloseCode),
}

impl DecodeError {
    pub(crate) fn malformed(what: &'static str) -> Self {
        Fault::Malformed(what).into()
    }

    /// What a hub does about it: the one place where faults become answers.
    pub fn verdict(&self) -> Verdict {
        let code = match (self.id, self.fault) {
            (_, Fault::Unasked) | (None, Fault::UnknownKind) => return Verdict::Ignore,
            (None, _) | (_, Fault::Malformed(_)) => {
                return Verdict::Close(CloseCode::NOT_UNDERSTOOD);
            }
            (_, Fault::UnknownKind) => ErrorCode::Unknown,
            (_, Fault::Version) => ErrorCode::Version,
            (_, Fault::Field { problem: Problem::TooLarge { .. }, .. }) => ErrorCode::TooLarge,
            (_, Fault::Field { .. }) => ErrorCode::Invalid,
        };
        let id = self.id.expect("all without one have returned");
        Verdict::Answer(id, ErrorReply::new(code, self.to_string()))
    }

    /// Whether a client ignores the message, but for counting it. For all else it closes the link, with
    /// [`CloseCode::NOT_UNDERSTOOD`].
    pub fn is_ignored_by_clients(&self) -> bool {
        matches!(self.fault, Fault::UnknownKind | Fault::Unasked)
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        Self { id: None, fault }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::UnknownKind => f.write_str("the kind of message is not known"),
            Fault::Unasked => f.write_str("a reply to a command that nobody waits for"),
            Fault::Version => write!(f, "version {} is spoken here", crate::VERSION),
            Fault::Field { field, problem } => write!(f, "`{field}` {problem}"),
            Fault::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for DecodeError {}
