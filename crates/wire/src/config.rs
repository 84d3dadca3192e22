//! Every limit of a connection, in one table.

use std::time::Duration;

use crate::deflate::DeflateConfig;
use crate::text_heartbeat::TextHeartbeat;

/// The limits and habits of a connection. Every limit is on by default.
///
/// Fixed before the connection starts. Sizes are bytes.
///
/// ```
/// let mut config = everwire_wire::Config::default();
/// config.max_message_size = 64 << 10;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    // What the peer may send.
    /// The longest payload of one frame. Default 16 MiB. A longer one is refused by its header with
    /// 1009, before any of it is read. A compressed one may be an eighth and 64 bytes longer: data
    /// that does not shrink grows.
    pub max_frame_size: u64,
    /// The longest message received whole, after inflation; fragments are charged
    /// [`fragment_cost`](Self::fragment_cost) on top. Default 16 MiB. A longer one fails the
    /// connection with 1009 as soon as it is longer, inside the inflate loop too. A message taken
    /// in pieces is held by nobody and has no limit of its own.
    pub max_message_size: usize,
    /// How many times a compressed message may grow when inflated, once it is beyond 1 MiB.
    /// Default 256. More fails the connection with 1009.
    pub max_inflate_ratio: u32,
    /// What each fragment of a message counts against `max_message_size` beyond its payload.
    /// Default 16 bytes: 65,536 fragments of 64 bytes pass, a flood of one-byte fragments ends at
    /// about a million.
    pub fragment_cost: usize,
    /// How many fragments in a row may carry nothing. Default 128. More fails the connection with
    /// 1008: a message must make progress.
    pub max_empty_fragments: u32,
    /// How long a message received whole may take from its first frame to its last. Default 120 s.
    /// A slower one fails the connection with 1008.
    pub max_assembly_time: Duration,
    /// How many pings and pongs the peer may send within a second, text pings among them. Default
    /// 1,000. More fails the connection with 1008.
    pub max_control_frames: u32,

    // What is negotiated.
    /// permessage-deflate: offered by a client, accepted by a server. Default on, without context
    /// takeover, so that an idle connection holds no window; `None` turns it off.
    pub deflate: Option<DeflateConfig>,

    // What we send.
    /// How many bytes may wait for the network before a sender has to wait. Default 1 MiB. One
    /// message that is larger by itself may be queued when nothing else is.
    pub max_queued_bytes: usize,
    /// The largest payload of a frame that we send; a longer message is fragmented. Default none:
    /// a message is one frame.
    pub send_fragment_size: Option<usize>,
    /// How long the peer may take no byte at all while some wait for it. Default 30 s. Longer ends
    /// the connection with 1006.
    pub write_timeout: Duration,

    // What keeps it alive.
    /// When nothing has come from the peer for this long, a ping asks for a sign of life. Default
    /// 25 s, under the minute after which proxies cut; `None` turns heartbeats off.
    pub heartbeat_interval: Option<Duration>,
    /// How long the peer may stay silent after that ping has left. Default 10 s. Longer ends the
    /// connection with 1006: it is dead. So a dead peer is found within interval + timeout.
    pub heartbeat_timeout: Duration,
    /// A text message that is answered as a ping is, for browsers, which cannot send pings. Default
    /// none.
    pub text_heartbeat: Option<TextHeartbeat>,
    /// How long no byte may go either way, pongs included, while heartbeats are off. Default 120 s;
    /// `None` turns it off. Longer closes the connection with 1001.
    pub idle_timeout: Option<Duration>,
    /// How long the closing handshake may take. Default 5 s. Longer ends the connection as it is.
    pub close_timeout: Duration,
}

impl Config {
    /// Whether a text is the text heartbeat's ping.
    pub(crate) fn is_text_ping(&self, text: &[u8]) -> bool {
        self.text_heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.ping().as_bytes() == text)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_frame_size: 16 << 20,
            max_message_size: 16 << 20,
            max_inflate_ratio: 256,
            fragment_cost: 16,
            max_empty_fragments: 128,
            max_assembly_time: Duration::from_secs(120),
            max_control_frames: 1_000,
            deflate: Some(DeflateConfig::default()),
            max_queued_bytes: 1 << 20,
            send_fragment_size: None,
            write_timeout: Duration::from_secs(30),
            heartbeat_interval: Some(Duration::from_secs(25)),
            heartbeat_timeout: Duration::from_secs(10),
            text_heartbeat: None,
            idle_timeout: Some(Duration::from_secs(120)),
            close_timeout: Duration::from_secs(5),
        }
    }
}
