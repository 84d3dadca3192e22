//! One WebSocket as a value.

mod close;
mod direct;
mod outgoing;
mod receive;
mod send;
mod text_ping;

use std::fmt;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::close::{CloseCause, CloseReason, CloseReport, Timeout, Unsent};
use crate::config::Config;
use crate::deflate::{Deflater, Inflater};
use crate::heartbeat::{Beat, Heartbeat};
use crate::input::{Incoming, Input, Piece};
use crate::mask::MaskSource;
use crate::text_heartbeat;

use close::Closing;
pub use direct::Direct;
use outgoing::{Outgoing, Payload};
use receive::Receive;
pub use receive::ShortMessages;
use send::Sending;
pub use send::{Compress, Outbound};

/// Which end of the protocol we play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 has two ends")]
pub enum Role {
    /// Opened the connection; masks what it sends (RFC 6455 §5.1).
    Client,
    /// Accepted the connection; masks nothing.
    Server,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Where a connection is in its life (WHATWG `readyState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the WebSockets standard has four states")]
pub enum ReadyState {
    /// The opening handshake is not complete.
    Connecting = 0,
    /// Messages may go both ways.
    Open = 1,
    /// The closing handshake has begun.
    Closing = 2,
    /// It is over.
    Closed = 3,
}

/// What a peer did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A complete message.
    Message(Incoming<'b>),
    /// A part of a message, from [`Connection::poll_piece`].
    Piece(Piece<'b>),
    /// A ping; its pong is queued already. So is that of a
    /// [text heartbeat](crate::TextHeartbeat)'s, which is shown as one.
    Ping(&'b [u8]),
    /// A pong; those that answer our heartbeat are not shown.
    Pong(&'b [u8]),
    /// The end, exactly once; nothing follows.
    Closed(Box<CloseReport>),
}

/// All state of one WebSocket after its opening handshake: no I/O, no clock, no randomness.
///
/// Methods come in four kinds.
///
/// - **Getters** (`&self`): [`ready_state`](Self::ready_state),
///   [`buffered_amount`](Self::buffered_amount), [`round_trip`](Self::round_trip) …
/// - **`handle_*`**: something happened outside: [`handle_eof`](Self::handle_eof),
///   [`handle_transport_error`](Self::handle_transport_error),
///   [`handle_timeout`](Self::handle_timeout), [`handle_transmitted`](Self::handle_transmitted).
/// - **Commands**: [`send`](Self::send), [`ping`](Self::ping), [`close`](Self::close) …
/// - **`poll_*`**: what to do next. In this order, after anything else was called:
///   1. [`poll_event`](Self::poll_event) with what was read, until it gives `None`: then all input
///      is used;
///   2. [`poll_transmit`](Self::poll_transmit) and write, until it gives no slice;
///   3. [`poll_event`](Self::poll_event) once more when something was transmitted while closing:
///      the report may be due;
///   4. [`poll_timeout`](Self::poll_timeout): wait no longer than that, then
///      [`handle_timeout`](Self::handle_timeout).
///
/// Parsing is lazy: one event a call, and bytes stay bytes until someone asks. Backpressure is the
/// absence of a call.
///
/// ```
/// use std::{sync::Arc, time::Instant};
/// use everwire_wire::{Agreement, Config, Connection, Event, Input, Role};
///
/// let now = Instant::now();
/// let mut server = Connection::new(Role::Server, &Agreement::default(), Arc::new(Config::default()), now);
/// // RFC 6455 §5.7: a masked "Hello".
/// let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let mut input = Input::new(&mut bytes);
/// let Some(Event::Message(message)) = server.poll_event(now, &mut input) else { panic!() };
/// assert_eq!(message.as_text(), Some("Hello"));
/// ```
pub struct Connection {
    role: Role,
    config: Arc<Config>,

    // Read state.
    receive: Receive,
    inflater: Option<Box<Inflater>>,

    // Write state.
    outgoing: Outgoing,
    deflater: Option<Box<Deflater>>,
    /// A message is being sent in pieces.
    sending: Option<Box<Sending>>,
    text_pongs: text_heartbeat::Owed,
    /// While bytes wait because the network takes none: when it last took some.
    blocked_since: Option<Instant>,

    // What keeps it alive.
    heartbeat: Heartbeat,
    /// When bytes last came from the peer; without heartbeats, when any last went either way.
    active_at: Instant,

    // Close state.
    closing: Option<Box<Closing>>,
}

impl Connection {
    /// A connection whose opening handshake ended in `agreement`.
    pub fn new(
        role: Role,
        agreement: &crate::Agreement,
        config: Arc<Config>,
        now: Instant,
    ) -> Self {
        let deflate = agreement.deflate();
        let wishes = config.deflate.clone().unwrap_or_default();
        Self {
            role,
            receive: Receive::default(),
            inflater: deflate.map(|params| Box::new(params.inflater(role))),
            outgoing: Outgoing::default(),
            deflater: deflate.and_then(|params| params.deflater(role, &wishes)).map(Box::new),
            sending: None,
            text_pongs: text_heartbeat::Owed::default(),
            config,
            blocked_since: None,
            heartbeat: Heartbeat::default(),
            active_at: now,
            closing: None,
        }
    }

    // Getters.

    /// Which end we play.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The limits.
    #[inline]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// When bytes last came from the peer; without heartbeats, when any last went either way.
    #[inline]
    pub fn active_at(&self) -> Instant {
        self.active_at
    }

    /// Bytes of messages that wait for the network, frame headers included (WHATWG
    /// `bufferedAmount`).
    #[inline]
    pub fn buffered_amount(&self) -> usize {
        self.outgoing.queued()
    }

    /// What is queued and has not been handed to the network. Once the connection has ended, its
    /// report says the same.
    pub fn unsent(&self) -> Unsent {
        self.outgoing.unsent()
    }

    /// The time from the last heartbeat's ping to its pong, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.heartbeat.round_trip()
    }

    /// Bytes of memory held for messages: unfinished ones, queued ones, compression contexts.
    pub fn retained(&self) -> usize {
        self.receive.retained()
            + self.outgoing.retained()
            + self.inflater.as_ref().map_or(0, |inflater| inflater.retained())
            + self.deflater.as_ref().map_or(0, |deflater| deflater.retained())
    }

    /// Whether everything is over and said: [`Event::Closed`] was given.
    pub fn is_terminated(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.reported)
    }

    // What happened outside.

    /// `n` bytes that [`poll_transmit`](Self::poll_transmit) gave were written.
    pub fn handle_transmitted(&mut self, now: Instant, n: usize) {
        let left = self.outgoing.advance(n);
        if !self.beats() {
            self.active_at = now;
        }
        // Room that had to be waited for is room that the peer has made: it is alive, however far
        // behind it is with reading.
        if self.blocked_since.is_some() {
            self.blocked_since = (!self.outgoing.is_empty()).then_some(now);
            self.handle_life(now);
        }
        if left.ping {
            self.heartbeat.handle_ping_sent(now);
        }
        if left.close {
            self.handle_close_left();
        }
    }

    /// The network takes no more bytes for now: if some wait, the clock of `write_timeout` runs.
    pub fn handle_blocked(&mut self, now: Instant) {
        if !self.outgoing.is_empty() {
            self.blocked_since.get_or_insert(now);
        }
    }

    /// Time passed; call it when [`poll_timeout`](Self::poll_timeout) is reached. Calling it early
    /// does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_closing_deadline(now);
        if self.write_deadline().is_some_and(|deadline| deadline <= now) {
            self.end(now, CloseCause::Timeout(Timeout::Write));
        }
        if self.closing.is_some() {
            return;
        }
        if self.assembly_deadline().is_some_and(|deadline| deadline <= now) {
            return self.fail(now, crate::ProtocolError::MessageTooSlow);
        }
        let beat = self.beats().then(|| self.heartbeat.poll(now, &self.config, self.active_at));
        match beat {
            Some(Beat::Dead) => self.end(now, CloseCause::Timeout(Timeout::Heartbeat)),
            // A ping of the application that has not left asks for a sign of life as well.
            Some(Beat::Ping(_)) if self.outgoing.has_ping() => {}
            Some(Beat::Ping(payload)) => {
                self.outgoing.push_ping(Payload::new(&payload).expect("four bytes are few"));
            }
            Some(Beat::Nothing) => {}
            None if self.idle_deadline().is_some_and(|deadline| deadline <= now) => {
                let reason = CloseReason::fixed(crate::CloseCode::GOING_AWAY, "idle");
                self.begin_closing(now, CloseCause::Timeout(Timeout::Idle), Some(reason));
            }
            None => {}
        }
    }

    /// Whether the next deadline, if it is reached, would take the peer's silence for its death or
    /// for idleness. A caller that holds bytes back, or has not looked for some, calls
    /// [`handle_life`](Self::handle_life) instead of [`handle_timeout`](Self::handle_timeout).
    pub fn judges_silence(&self) -> bool {
        !self.beats() || self.heartbeat.is_waiting()
    }

    /// Bytes came from the peer that are not parsed yet: it is alive.
    #[inline]
    pub fn handle_life(&mut self, now: Instant) {
        self.active_at = now;
        self.heartbeat.handle_received();
    }

    // What to do next.

    /// The next event in `input`, or `None` when all of it is used. Messages come whole.
    ///
    /// A violation is no error here: it becomes a close frame to transmit, and in the end an
    /// [`Event::Closed`]. Messages that were complete before it have been given out by then.
    #[inline]
    pub fn poll_event<'b>(&mut self, now: Instant, input: &'b mut Input<'_>) -> Option<Event<'b>> {
        if self.has_no_event(input) {
            return None;
        }
        self.poll_received(now, input, false).or_else(|| self.poll_closed())
    }

    /// As [`poll_event`](Self::poll_event), but messages come in pieces as they arrive, none larger
    /// than 64 KiB or the input, and nothing is held back: for messages larger than memory. A
    /// message that was begun in pieces stays so; one that was begun whole stays whole.
    #[inline]
    pub fn poll_piece<'b>(&mut self, now: Instant, input: &'b mut Input<'_>) -> Option<Event<'b>> {
        if self.has_no_event(input) {
            return None;
        }
        self.poll_received(now, input, true).or_else(|| self.poll_closed())
    }

    /// The next bytes to write, in order; says how many of `slices` were filled. None means that
    /// there is nothing to write. Say what was written with
    /// [`handle_transmitted`](Self::handle_transmitted).
    pub fn poll_transmit<'a>(
        &'a mut self,
        masks: &mut impl MaskSource,
        slices: &mut [IoSlice<'a>],
    ) -> usize {
        if self.ready_state() == ReadyState::Closed {
            return 0;
        }
        self.pay_text_pongs(masks);
        self.outgoing.slices(masks, self.role == Role::Client, slices)
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to give.
    #[inline]
    pub fn wants_transmit(&self) -> bool {
        (!self.outgoing.is_empty() || self.owes_text_pong())
            && self.ready_state() != ReadyState::Closed
    }

    /// Whether a deadline hangs on the time of the next write: then the `now` of
    /// [`handle_transmitted`](Self::handle_transmitted) has to be read from the clock. Otherwise an
    /// older one will do.
    #[inline]
    pub fn times_writes(&self) -> bool {
        !self.beats() || self.blocked_since.is_some() || self.outgoing.has_control()
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called, if nothing else happens
    /// before. Never later than is true; it may be earlier.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ready_state() == ReadyState::Closed {
            return None;
        }
        let alive = match self.beats() {
            _ if self.closing.is_some() => None,
            true => self.heartbeat.deadline(&self.config, self.active_at),
            false => self.idle_deadline(),
        };
        let assembly = if self.closing.is_some() { None } else { self.assembly_deadline() };
        [alive, assembly, self.closing_deadline(), self.write_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether nothing is under way: no deadline but the heartbeat's or that of idleness, which move
    /// with every sign of life, and nothing held. So a caller that has set its timer, and knows that nothing was held,
    /// need not ask again.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.closing.is_none()
            && self.blocked_since.is_none()
            && self.inflater.is_none()
            && self.outgoing.is_empty()
            && self.receive.is_between_messages()
            && !self.heartbeat.is_waiting()
    }

    /// Whether heartbeats are on.
    #[inline]
    fn beats(&self) -> bool {
        self.config.heartbeat_interval.is_some()
    }

    fn write_deadline(&self) -> Option<Instant> {
        self.blocked_since?.checked_add(self.config.write_timeout)
    }

    fn idle_deadline(&self) -> Option<Instant> {
        self.active_at.checked_add(self.config.idle_timeout?)
    }

    fn assembly_deadline(&self) -> Option<Instant> {
        self.receive.assembly_began()?.checked_add(self.config.max_assembly_time)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("ready_state", &self.ready_state())
            .field("buffered_amount", &self.buffered_amount())
            .finish_non_exhaustive()
    }
}
