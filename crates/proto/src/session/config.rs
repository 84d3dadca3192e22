//! What a session is made with.

use crate::text::Name;

/// Who the client is, and every limit of a [`Session`](super::Session). Spans are in milliseconds.
///
/// ```
/// let mut config = everwire_proto::session::Config::default();
/// config.max_waiting = 1_000;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Drawn once by the application and kept as long as it can; publications are idempotent within it.
    /// Default none: the hub draws one for each session, and a publication that was not answered has an
    /// uncertain fate when the session is lost.
    pub client: Option<Name>,
    /// The key of the first publication, 1 to 2^53 − 1. Default 1, which is right for a `client` that is drawn anew.
    /// Whoever keeps `client` goes on above the keys that were used: what comes under one of them again is taken for
    /// what is stored already. A session has no clock; `everwire-client` and the client in JavaScript begin at one.
    pub first_key: u64,
    /// How long the hub may take to answer `connect`. Default 10,000. Then the link is closed, and the
    /// transport comes back.
    pub connect_timeout: u64,
    /// After how much silence the hub is asked for a sign of life, where the hub itself would have that later.
    /// Default none: when the hub says.
    pub heartbeat_interval: Option<u64>,
    /// How long the hub may take to give it, where the hub itself would have that be longer. Default none.
    pub heartbeat_timeout: Option<u64>,
    /// How many requests may wait for the link, or for room on it. Default 128. One more is not sent.
    pub max_waiting: usize,
    /// How many bytes of payload may wait. Default 1 MiB. A request that goes beyond is not sent.
    pub max_waiting_bytes: usize,
    /// How long a request may be without a link. Default 30,000. Then one that waits is not sent, and
    /// one whose reply is missing has an uncertain fate.
    pub max_age: u64,
    /// How many messages may be kept of which the hub has not said that it got them. Default 256; what
    /// goes beyond waits.
    pub max_unconfirmed: usize,
    /// How many bytes of payload these may have. Default 256 KiB.
    pub max_unconfirmed_bytes: usize,
    /// How many subscriptions there may be, those of the hub included. Default 1,024. One more is not
    /// made; a hub that makes one more is not understood.
    pub max_subscriptions: usize,
    /// When a subscription that failed for a while is asked for again: half of this to all of it later.
    /// Default 5,000.
    pub resubscribe_delay: u64,
    /// How long a hub may take, in a new session, to make a subscription again that it had made in the former
    /// one. Default 10,000. Then the application is told that it is unsubscribed.
    pub lapse_timeout: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: None,
            first_key: 1,
            connect_timeout: 10_000,
            heartbeat_interval: None,
            heartbeat_timeout: None,
            max_waiting: 128,
            max_waiting_bytes: 1 << 20,
            max_age: 30_000,
            max_unconfirmed: 256,
            max_unconfirmed_bytes: 256 << 10,
            max_subscriptions: 1_024,
            resubscribe_delay: 5_000,
            lapse_timeout: 10_000,
        }
    }
}
