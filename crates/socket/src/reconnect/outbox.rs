//! What becomes of each message, as a value: sent, unsure or not sent.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::actions::Actions;
use super::retry::millis;

/// How much may wait for a connection. By default nothing does: a message that finds no connection is
/// refused at once.
///
/// ```
/// let mut limits = everwire::OutboxLimits::default();
/// limits.max_messages = 100;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLimits {
    /// How many messages may wait for a connection. Default 0, which refuses all of them while there
    /// is none. One more is refused.
    pub max_messages: usize,
    /// How many bytes may wait. Default 1 MiB. A message that goes beyond is refused.
    pub max_bytes: usize,
    /// How long each may wait. Default 30 s. One that has waited longer when there is still no
    /// connection is not sent, and that is told.
    pub max_age: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { max_messages: 0, max_bytes: 1 << 20, max_age: Duration::from_secs(30) }
    }
}

/// The fates of messages, decided without I/O and without a clock.
///
/// Messages have numbers, 1, 2, 3 …, in the order of their sending. The outbox knows their sizes only:
/// whoever steps it holds the messages. Times are milliseconds from any one origin and never go back.
///
/// ```
/// use everwire::reconnect::outbox::{Action, Fate, Input, Outbox, Range};
///
/// let mut outbox = Outbox::new(&everwire::OutboxLimits::default());
/// let _ = outbox.step(0, Input::Up);
/// let _ = outbox.step(0, Input::Push { size: 5 });
/// let _ = outbox.step(0, Input::Mark);
/// // The ping behind the message was answered: the peer has read it.
/// let actions = outbox.step(40, Input::Pong);
/// let sent = Action::Fate(Fate::Sent, Range { first: 1, last: 1 });
/// assert!(actions.into_iter().eq([sent]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    limits: Limits,
    up: bool,
    ended: bool,
    written: u64,
    settled: u64,
    mark: Option<u64>,
    queue: VecDeque<Waiting>,
    bytes: usize,
}

/// A message that waits for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Bytes of payload.
    pub size: usize,
    /// Since when, in milliseconds.
    pub since: u64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// The peer has read it: it answered a ping that went behind it.
    Sent,
    /// It was handed to a connection that broke: it may have arrived or not.
    Unsure,
    /// It never left.
    NotSent(Reason),
}

/// Why a message never left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It waited longer than `max_age`.
    Expired,
    /// The connection broke before the network took it.
    Unsent,
    /// The client ended while it waited.
    Ended,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Unsure => "unsure",
            Self::NotSent(Reason::Expired) => "not sent: it waited longer than `max_age`",
            Self::NotSent(Reason::Unsent) => "not sent: the connection broke before",
            Self::NotSent(Reason::Ended) => "not sent: the client ended",
        })
    }
}

/// Why a message was not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no connection, and messages do not wait for one (`max_messages` is 0).
    Down,
    /// As much as may wait for a connection does (`max_messages`, `max_bytes`).
    Full,
    /// The client has ended.
    Ended,
}

/// Messages with the numbers `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a range has two ends")]
pub struct Range {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The program sends a message.
    Push {
        /// Bytes of its payload.
        size: usize,
    },
    /// There is a connection.
    Up,
    /// The connection has room for the first message of the queue.
    Take,
    /// Somebody wants to know: a ping is to go behind all that was written.
    Mark,
    /// That ping was answered.
    Pong,
    /// The connection ended.
    Down {
        /// How many of the last messages are known not to have left.
        unsent: u64,
        /// The peer answered our close frame, so it has read all that went before.
        answered: bool,
    },
    /// Time has passed.
    Tick,
    /// The client gives up for good, or is done.
    End,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Hand this message to the connection now.
    Write(u64),
    /// Keep this message.
    Queued(u64),
    /// Give the message back.
    Refuse(Refusal),
    /// Tell what became of these messages; of each it is told once, in order.
    Fate(Fate, Range),
    /// Send a ping behind all that was written.
    Ping,
}

impl Outbox {
    /// An outbox without a connection, in which nothing waits.
    pub fn new(limits: &OutboxLimits) -> Self {
        let limits = Limits {
            max_messages: limits.max_messages,
            max_bytes: limits.max_bytes,
            max_age: millis(limits.max_age),
        };
        Self {
            limits,
            up: false,
            ended: false,
            written: 0,
            settled: 0,
            mark: None,
            queue: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Takes what happened at `now` into account and says what to do.
    ///
    /// An input that makes no sense at present changes nothing.
    pub fn step(&mut self, now: u64, input: Input) -> Actions<Action> {
        let mut actions = Actions::none();
        match input {
            Input::Push { size } => self.push(now, size, &mut actions),
            Input::Up if !self.up && !self.ended => {
                self.expire(now, &mut actions);
                self.up = true;
            }
            Input::Take if self.up && !self.queue.is_empty() => {
                self.shift();
                actions.push(Action::Write(self.written));
            }
            Input::Mark if self.up && self.mark.is_none() && self.written > self.settled => {
                self.mark = Some(self.written);
                actions.push(Action::Ping);
            }
            Input::Pong => {
                if let Some(mark) = self.mark.take() {
                    self.settle(mark, Fate::Sent, &mut actions);
                }
            }
            Input::Down { unsent, answered } if self.up => {
                self.up = false;
                self.mark = None;
                self.settle_written(unsent, answered, &mut actions);
                if self.ended {
                    self.give_back(&mut actions);
                }
            }
            Input::Tick if !self.up => self.expire(now, &mut actions),
            Input::End if !self.ended => {
                self.ended = true;
                if !self.up {
                    self.give_back(&mut actions);
                }
            }
            _ => {}
        }
        actions
    }

    /// When the next [`Tick`](Input::Tick) is due: when the first message that waits for a connection
    /// has waited too long.
    pub fn next_deadline(&self) -> Option<u64> {
        let first = self.queue.front().filter(|_| !self.up)?;
        Some(first.since.saturating_add(self.limits.max_age))
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Whether the client has ended.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The number of the last message that left the outbox; 0 at first.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Up to which number fates were told.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// The number that a ping under way stands for.
    pub fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// The messages that wait; the first of them has the number [`written`](Self::written) + 1.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = &Waiting> {
        self.queue.iter()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether messages may wait for a connection at all.
    pub fn has_queue(&self) -> bool {
        self.limits.max_messages > 0
    }

    fn push(&mut self, now: u64, size: usize, actions: &mut Actions<Action>) {
        if self.ended {
            return actions.push(Action::Refuse(Refusal::Ended));
        }
        if !self.up {
            self.expire(now, actions);
        }
        if self.up && self.queue.is_empty() {
            self.written += 1;
            return actions.push(Action::Write(self.written));
        }
        if !self.has_queue() {
            return actions.push(Action::Refuse(Refusal::Down));
        }
        let full = self.queue.len() >= self.limits.max_messages
            || self.bytes.saturating_add(size) > self.limits.max_bytes;
        if full {
            return actions.push(Action::Refuse(Refusal::Full));
        }
        self.queue.push_back(Waiting { size, since: now });
        self.bytes += size;
        actions.push(Action::Queued(self.written + self.queue.len() as u64));
    }

    /// The first of the queue leaves it and counts as written.
    fn shift(&mut self) {
        if let Some(first) = self.queue.pop_front() {
            self.bytes -= first.size;
            self.written += 1;
        }
    }

    /// While down everything written is settled, so what expires follows what was told last.
    fn expire(&mut self, now: u64, actions: &mut Actions<Action>) {
        let max_age = self.limits.max_age;
        while self.queue.front().is_some_and(|first| now.saturating_sub(first.since) >= max_age) {
            self.shift();
        }
        self.settle(self.written, Fate::NotSent(Reason::Expired), actions);
    }

    /// The connection is gone: what it was handed has a fate.
    fn settle_written(&mut self, unsent: u64, answered: bool, actions: &mut Actions<Action>) {
        if answered {
            return self.settle(self.written, Fate::Sent, actions);
        }
        let left = self.written.saturating_sub(unsent).max(self.settled);
        self.settle(left, Fate::Unsure, actions);
        self.settle(self.written, Fate::NotSent(Reason::Unsent), actions);
    }

    /// Nothing that waits will ever leave.
    fn give_back(&mut self, actions: &mut Actions<Action>) {
        while !self.queue.is_empty() {
            self.shift();
        }
        self.settle(self.written, Fate::NotSent(Reason::Ended), actions);
    }

    fn settle(&mut self, last: u64, fate: Fate, actions: &mut Actions<Action>) {
        if last > self.settled {
            actions.push(Action::Fate(fate, Range { first: self.settled + 1, last }));
            self.settled = last;
        }
    }
}

/// [`OutboxLimits`] in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limits {
    max_messages: usize,
    max_bytes: usize,
    max_age: u64,
}
