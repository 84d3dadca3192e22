//! One direction of a connection: bytes that arrive later, slowly, or never.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use everwire_testkit::Dice;
use tokio::time::Instant;

/// How a direction treats what goes through it.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// How long bytes are on their way, in milliseconds.
    pub(crate) latency: u64,
    /// How much longer some are, in milliseconds; none overtakes another.
    pub(crate) jitter: u64,
    /// Bytes that may be on their way before a writer waits.
    pub(crate) capacity: usize,
    /// The most that one read or write moves, drawn for each; none if they move all there is.
    pub(crate) most: Option<usize>,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Pipe {
    manner: Manner,
    dice: Dice,
    /// What is on its way, and when it arrives.
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// Nothing arrives before this.
    last: Instant,
    /// When the writer's end arrives, if it has closed.
    end: Option<Instant>,
    /// Nothing arrives for now: what is lost is sent again, later.
    pub(super) is_stalled: bool,
    /// Nothing arrives any more, and nobody is told.
    pub(super) is_dead: bool,
    /// The reader has closed.
    pub(super) is_deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a reader finds.
pub(super) enum Found {
    /// So many bytes, none at the end.
    Read(usize),
    /// Nothing before then, if ever.
    Wait(Option<Instant>),
}

impl Pipe {
    pub(super) fn new(manner: Manner, dice: Dice) -> Self {
        Self {
            manner,
            dice,
            chunks: VecDeque::new(),
            bytes: 0,
            last: Instant::now(),
            end: None,
            is_stalled: false,
            is_dead: false,
            is_deaf: false,
            reader: None,
            writer: None,
        }
    }

    /// Takes bytes of the writer's, as many as there is room for.
    pub(super) fn write(&mut self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_deaf && !self.is_dead {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.manner.capacity.saturating_sub(self.bytes);
        if room == 0 {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = bytes.len().min(room).min(self.step());
        let at = self.arrival();
        self.bytes += len;
        self.chunks.push_back((at, bytes[..len].to_vec()));
        wake(&mut self.reader);
        Poll::Ready(Ok(len))
    }

    /// The writer says no more.
    pub(super) fn close(&mut self) {
        if self.end.is_none() {
            self.end = Some(self.arrival());
            wake(&mut self.reader);
        }
    }

    /// Gives what has arrived.
    pub(super) fn read(&mut self, cx: &Context<'_>, into: &mut [u8]) -> Found {
        self.reader = Some(cx.waker().clone());
        if self.is_stalled || self.is_dead {
            return Found::Wait(None);
        }
        let now = Instant::now();
        let most = into.len().min(self.step());
        let Some((at, chunk)) = self.chunks.front_mut() else {
            return match self.end {
                Some(end) if end <= now => Found::Read(0),
                end => Found::Wait(end),
            };
        };
        if *at > now {
            return Found::Wait(Some(*at));
        }
        let len = most.min(chunk.len());
        into[..len].copy_from_slice(&chunk[..len]);
        chunk.drain(..len);
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= len;
        wake(&mut self.writer);
        Found::Read(len)
    }

    /// Whoever waits looks again.
    pub(super) fn wake(&mut self) {
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    fn step(&mut self) -> usize {
        self.manner.most.map_or(usize::MAX, |most| 1 + self.dice.below(most))
    }

    fn arrival(&mut self) -> Instant {
        let jitter = self.dice.below(self.manner.jitter as usize + 1) as u64;
        let at = Instant::now() + Duration::from_millis(self.manner.latency + jitter);
        self.last = self.last.max(at);
        self.last
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
