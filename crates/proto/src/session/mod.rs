//! A client's session as a value: what to say to the hub, and what to tell the application.
//!
//! ```text
//!   transport   ── opened, received, lost ──►┌─────────┐◄── requests, acks, close ── application
//!   that comes                               │ Session │
//!   back        ◄── transmit, close ─────────└─────────┘── settled, events ────────►
//! ```
//!
//! It sits above a transport that connects again by itself: when to try, how often and how long to
//! wait is decided there.
//!
//! # Layout
//! - `input`, `output`, `config`: what happens, what to do, and every limit.
//! - `connecting`: links that open, with the old session or a new one. `ending`: links that end.
//! - `requests`: what the application asks for. `receiving`: what the hub says. `flush`: what leaves.
//! - `numbering`, `pulse`: the link. `outbox`, `pending`: requests on their way. `subscription`,
//!   `subscriptions`, `roster`, `epochs`: topics.

mod config;
mod connecting;
mod ending;
mod epochs;
mod flush;
mod input;
mod numbering;
mod outbox;
mod output;
mod pending;
mod pulse;
mod receiving;
mod requests;
mod roster;
mod subscription;
mod subscriptions;

use crate::client::ClientMessage;
use crate::connect::SessionLimits;
use crate::encoding::Encoding;
use crate::position::Id;
use crate::text::{Name, Secret};

pub use config::Config;
pub use input::{Input, Request};
pub use output::{Delivered, End, Event, NotSent, Outcome, Output, Then};

use epochs::Epochs;
use numbering::Numbering;
use outbox::Outbox;
use pending::Pending;
use pulse::Pulse;
use subscriptions::Subscriptions;

/// A client's session: no I/O, no clock, no randomness.
///
/// Everything that happens is told with [`step`](Self::step), which says what to do about it, in order.
/// Times are milliseconds from any one origin and never go back. Between inputs, a
/// [`Tick`](Input::Tick) is due at [`next_deadline`](Self::next_deadline).
///
/// ```
/// use everwire_proto::session::{Config, Input, Output, Session};
/// use everwire_proto::{ClientMessage, Encoded, Encoding};
///
/// let mut session = Session::new(Config::default());
/// let opened = Input::Opened { encoding: Encoding::Json, token: None };
/// let outputs = session.step(0, 0.5, opened);
/// let [Output::Transmit(connect)] = &outputs[..] else { panic!() };
/// let text = connect.encode(Encoding::Json);
/// assert_eq!(text, Encoded::Text(r#"{"id":1,"connect":{"version":1}}"#.into()));
/// ```
#[derive(Debug)]
pub struct Session {
    config: Config,
    // What is there now.
    state: State,
    /// Since when there is no session that is up.
    down_since: Option<u64>,
    // What outlives a link.
    identity: Option<(Name, Secret)>,
    limits: Option<SessionLimits>,
    numbering: Numbering,
    // What the application wants.
    subscriptions: Subscriptions,
    pending: Pending,
    outbox: Outbox,
    epochs: Epochs,
    away: bool,
    is_away_told: bool,
    next_id: u64,
    next_key: u64,
    // What the present step puts out.
    out: Vec<Output>,
}

/// What there is of a link.
#[derive(Debug)]
enum State {
    Down,
    /// The transport is open and `connect` was sent.
    Connecting {
        encoding: Encoding,
        id: Id,
        deadline: u64,
    },
    Up(Link),
    Ended,
}

/// A link with a session on it.
#[derive(Debug)]
struct Link {
    encoding: Encoding,
    pulse: Pulse,
    /// When to leave a hub that will go.
    leave_at: Option<u64>,
}

impl Session {
    /// A session without a link.
    pub fn new(config: Config) -> Self {
        Self {
            state: State::Down,
            down_since: None,
            identity: None,
            limits: None,
            numbering: Numbering::default(),
            subscriptions: Subscriptions::default(),
            pending: Pending::default(),
            outbox: Outbox::default(),
            epochs: Epochs::default(),
            away: false,
            is_away_told: true,
            next_id: 1,
            next_key: config.first_key,
            out: Vec::new(),
            config,
        }
    }

    /// Takes what happened at `now` into account and says what to do, in order. `random` is a number
    /// from 0 to 1, 1 not included, another one each time.
    ///
    /// An input that makes no sense at present changes nothing.
    pub fn step(&mut self, now: u64, random: f64, input: Input) -> Vec<Output> {
        if self.down_since.is_none() && !matches!(self.state, State::Up(_)) {
            self.down_since = Some(now);
        }
        match input {
            Input::Opened { encoding, token } => self.opened(now, encoding, token),
            Input::Received(message) => self.received(now, random, &message),
            Input::Lost { code } => self.lost(now, code),
            Input::Tick => self.tick(now),
            Input::Request { ticket, request } => self.request(now, ticket, request),
            Input::Ack { topic, offset } => self.ack(&topic, offset),
            Input::Away(away) => self.set_away(away),
            Input::Close => self.close(),
        }
        self.flush();
        std::mem::take(&mut self.out)
    }

    /// When the next [`Tick`](Input::Tick) is due.
    pub fn next_deadline(&self) -> Option<u64> {
        match &self.state {
            State::Ended => None,
            State::Down => self.aging_deadline(),
            State::Connecting { deadline, .. } => {
                self.aging_deadline().into_iter().chain([*deadline]).min()
            }
            State::Up(link) => {
                let told = self.numbering.deadline(link.pulse.interval());
                let others = [told, link.leave_at, self.subscriptions.deadline()];
                others.into_iter().flatten().chain([link.pulse.deadline()]).min()
            }
        }
    }

    /// Whether there is a link with a session on it.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Whether it is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn tick(&mut self, now: u64) {
        self.subscriptions.tick(now);
        match &self.state {
            State::Ended => {}
            State::Down => self.age(now),
            State::Connecting { deadline, .. } => {
                let is_late = *deadline <= now;
                self.age(now);
                if is_late {
                    self.leave(now, crate::CloseCode::RETURNING, Then::Return);
                }
            }
            State::Up(_) => self.tick_link(now),
        }
    }

    fn event(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    fn settle(&mut self, ticket: u64, outcome: Outcome) {
        self.out.push(Output::Settled { ticket, outcome });
    }

    /// Settles a request, unless the session itself asked.
    fn settle_done(&mut self, ticket: Option<u64>, answer: crate::Answer) {
        if let Some(ticket) = ticket {
            self.settle(ticket, Outcome::Done(answer));
        }
    }

    fn transmit(&mut self, message: ClientMessage) {
        self.out.push(Output::Transmit(message));
    }

    /// A message that has a number.
    fn transmit_numbered(&mut self, message: ClientMessage, ticket: Option<u64>, size: usize) {
        self.numbering.sent(message.clone(), ticket, size);
        self.transmit(message);
    }

    fn draw_id(&mut self) -> Id {
        let id = Id::new(self.next_id).expect("nobody sends 2^53 commands");
        self.next_id += 1;
        id
    }
}
