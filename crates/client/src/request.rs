//! What is asked of the hub, and why it is not done.

use std::fmt;

use everwire_proto::session::{NotSent, Outcome};
use everwire_proto::{Answer, ErrorReply};

/// Why a request did not succeed, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The hub did not do it.
    Refused(ErrorReply),
    /// It was done or not: the session was lost before the hub said which.
    Uncertain,
    /// It never left.
    NotSent(NotSent),
    /// The subscription was given up before it stood.
    Withdrawn,
    /// The client has ended.
    Ended,
}

impl RequestError {
    /// What became of a request whose answer is of this kind.
    pub(crate) fn sort(outcome: Outcome) -> Result<Option<Answer>, Self> {
        match outcome {
            Outcome::Done(answer) => Ok(Some(answer)),
            Outcome::Subscribed | Outcome::Sent => Ok(None),
            Outcome::Refused(error) => Err(Self::Refused(error)),
            Outcome::NotSent(why) => Err(Self::NotSent(why)),
            Outcome::Withdrawn => Err(Self::Withdrawn),
            // What is not known here is not known to have been done.
            _ => Err(Self::Uncertain),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Uncertain => {
                f.write_str("the session was lost before the hub said what became of it")
            }
            Self::NotSent(why) => f.write_str(match why {
                NotSent::Full => "not sent: as much waits as may",
                NotSent::Expired => "not sent: there was no link for too long",
                NotSent::TooLarge => "not sent: it is larger than the hub takes",
                NotSent::Subscribed => "not sent: the topic is subscribed already",
                NotSent::NotSubscribed => "not sent: the topic is not subscribed",
                _ => "not sent: the client has ended",
            }),
            Self::Withdrawn => f.write_str("the subscription was given up"),
            Self::Ended => f.write_str("the client has ended"),
        }
    }
}

impl std::error::Error for RequestError {}
