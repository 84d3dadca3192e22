//! What carries publications between those who publish and the nodes that deliver, and keeps history.

mod memory;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use everwire_proto::{
    Epoch, ErrorCode, ErrorReply, GapReason, Name, Position, SubscribeFrom, Topic,
};

pub use self::memory::MemoryBroker;
use crate::log::{Draft, Entry, Suffix};

/// What a broker's methods return: some brokers are on the other side of a network.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the logs of topics, and hands what is published to the nodes that follow them.
///
/// # The contract
/// - What a [`Listener`] is given of a topic are all its publications behind the position that
///   [`follow`](Self::follow) returned, in order, once, until [`unfollow`](Self::unfollow). If the
///   broker cannot keep that, it says [`Listener::lost`] and nothing more until the topic is followed
///   anew.
/// - A publication is handed to the listener before or after `publish` returns, but never before it
///   can be read.
/// - Nothing is replayed in part: [`begin`](Self::begin) grants a position whole or says why not.
///
/// One suite of tests, `tests/broker`, holds every implementor to it.
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// Whom to hand publications to. Called once, before anything else.
    fn attach(&self, listener: Arc<dyn Listener>);

    /// From now on this topic's publications are handed to the listener. Gives the place behind which
    /// they are.
    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>>;

    /// The topic is not listened to any more.
    fn unfollow(&self, topic: &Topic);

    /// Stores a draft at the end of a topic's log, once (see [`Key`](crate::log::Key)).
    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>>;

    /// Where a subscription that asks for this place begins.
    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>>;

    /// At most `limit` publications behind a position, oldest first; none at the log's end. With a
    /// refusal if what follows the position is not whole any more.
    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>>;

    /// At most `limit` publications with offsets below `before`, the newest of them, oldest first.
    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>>;

    /// Forgets what is beyond its age in topics that nobody asks for. The hub calls it about once a second,
    /// with milliseconds since 1970; a store that does it by itself has nothing to do here.
    fn expire(&self, now: u64) {
        let _ = now;
    }

    /// Notes how far a client has dealt with a topic. It only moves forward.
    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64);
}

/// Who is handed publications: a node.
pub trait Listener: Send + Sync + 'static {
    /// The next publication of a topic. It must not wait, nor call the broker.
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>);

    /// Publications of this topic may have been missed; it has to be followed anew. Called within a tokio
    /// runtime.
    fn lost(&self, topic: &Topic);
}

/// A publication has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "brokers make it")]
pub struct Published {
    /// Its offset, that which it was given first if it was sent again.
    pub offset: u64,
    /// The log's epoch.
    pub epoch: Epoch,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "brokers make it")]
pub struct Beginning {
    /// Behind this place.
    pub position: Position,
    /// The log's end at that moment.
    pub head: Position,
    /// Whether the place asked for is where it begins; `None` if none was asked for that could be
    /// refused.
    pub recovered: Option<Result<(), GapReason>>,
}

/// A page of a topic's past.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "brokers make it")]
pub struct History {
    /// The log's end.
    pub position: Position,
    /// Oldest first.
    pub publications: Suffix,
    /// Whether the log goes further back.
    pub more: bool,
}

/// Why a broker does not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrokerError {
    /// Whether what is sent again was stored before is not known any more.
    Unsure,
    /// There are as many topics as there may be.
    TooManyTopics {
        /// The limit, `max_topics`.
        max: usize,
    },
    /// The store cannot be reached, or does not keep up; later it may.
    Unavailable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsure => f.write_str("whether it was stored before is not known any more"),
            Self::TooManyTopics { max } => {
                write!(f, "there are already as many topics as `max_topics` of {max} allows")
            }
            Self::Unavailable(_) => f.write_str("the store is not available"),
        }
    }
}

/// What a client is told of it. What is internal goes to the log.
impl From<BrokerError> for ErrorReply {
    fn from(error: BrokerError) -> Self {
        let code = match &error {
            BrokerError::Unsure => ErrorCode::Unsure,
            BrokerError::TooManyTopics { .. } => ErrorCode::Limit,
            BrokerError::Unavailable(source) => {
                tracing::error!(error = %source, "the store is not available");
                ErrorCode::Overloaded
            }
        };
        Self::new(code, error.to_string())
    }
}

impl Error for BrokerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(source) => Some(&**source),
            _ => None,
        }
    }
}
