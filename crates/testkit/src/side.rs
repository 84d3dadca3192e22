//! One real connection and everything that came of it.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everwire_wire::{
    Agreement, CloseReport, Config, Connection, DeflateParams, Input, MaskSource, Message, Role,
};

use crate::happened::Happened;

/// Masking keys that are all different and known beforehand; counts how many were asked for.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// How many keys were given.
    pub given: u32,
}

impl MaskSource for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.given += 1;
        self.given.wrapping_mul(0x9E37_79B1).to_be_bytes()
    }
}

/// A connection, the time by its hand-moved clock, and what happened.
#[derive(Debug)]
pub struct Side {
    /// The connection.
    pub connection: Connection,
    /// The time.
    pub now: Instant,
    /// Whether messages are taken in pieces.
    pub in_pieces: bool,
    /// Whether short messages are asked for by themselves, where that is allowed.
    pub short_way: bool,
    /// Every event so far.
    pub events: Vec<Happened>,
    /// Where a client's masking keys come from.
    pub keys: Keys,
}

/// A configuration without heartbeats, in which nothing happens by itself.
pub fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat_interval = None;
    config.idle_timeout = None;
    config
}

/// An agreement on compression.
pub fn with_deflate(params: DeflateParams) -> Agreement {
    Agreement::new(None, Some(params))
}

impl Side {
    /// A connection after its handshake.
    pub fn new(role: Role, agreement: &Agreement, config: Config) -> Self {
        let now = Instant::now();
        let connection = Connection::new(role, agreement, Arc::new(config), now);
        Self {
            connection,
            now,
            in_pieces: false,
            short_way: false,
            events: Vec::new(),
            keys: Keys::default(),
        }
    }

    /// A connection without extensions and in which nothing happens by itself.
    pub fn plain(role: Role) -> Self {
        Self::new(role, &Agreement::default(), config())
    }

    /// A server without extensions and in which nothing happens by itself.
    pub fn server() -> Self {
        Self::plain(Role::Server)
    }

    /// A client without extensions and in which nothing happens by itself.
    pub fn client() -> Self {
        Self::plain(Role::Client)
    }

    /// Gets these bytes in one read, and takes every event.
    pub fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref().to_vec();
        let mut input = Input::new(&mut bytes);
        loop {
            let event = if self.in_pieces {
                self.connection.poll_piece(self.now, &mut input)
            } else {
                self.connection.poll_event(self.now, &mut input)
            };
            let Some(event) = event else { break };
            self.events.push(event.into());
            while self.short_way
                && !self.in_pieces
                && let Some(message) = self.connection.poll_short(&mut input)
            {
                self.events.push(message.into());
            }
        }
        assert_eq!(input.unread().len(), 0, "when no event is left, all input is used");
    }

    /// Gets these bytes in reads of `chunk`.
    pub fn receive_by(&mut self, chunk: usize, bytes: impl AsRef<[u8]>) {
        bytes.as_ref().chunks(chunk).for_each(|read| self.receive(read));
    }

    /// Writes everything that waits, and says what was written.
    pub fn transmit(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let some = self.transmit_at_most(usize::MAX);
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// Writes once, at most `n` bytes: a network that takes no more.
    pub fn transmit_at_most(&mut self, n: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.connection.poll_transmit(&mut self.keys, &mut slices);
        let mut taken: Vec<u8> = Vec::new();
        for slice in &slices[..filled] {
            assert!(!slice.is_empty(), "a slice that was filled has something in it");
            let room = n - taken.len();
            taken.extend_from_slice(&slice[..room.min(slice.len())]);
        }
        if !taken.is_empty() {
            self.connection.handle_transmitted(self.now, taken.len());
            // The report may be due.
            self.receive([]);
        }
        taken
    }

    /// Moves the clock, and calls what is due on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut calls = 0;
        while let Some(due) = self.connection.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.connection.handle_timeout(self.now);
            self.receive([]);
            calls += 1;
            assert!(calls < 100_000, "a deadline in the past makes a busy loop");
        }
        self.now = end;
    }

    /// The messages so far.
    pub fn messages(&self) -> Vec<&Message> {
        let messages = self.events.iter().filter_map(|happened| match happened {
            Happened::Message(message) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    /// The report, if the connection has ended.
    ///
    /// # Panics
    /// If there is more than one, or something came after it.
    pub fn report(&self) -> Option<&CloseReport> {
        let reports = self.events.iter().filter(|event| matches!(event, Happened::Closed(_)));
        assert!(reports.count() <= 1, "one report");
        let at = self.events.iter().position(|event| matches!(event, Happened::Closed(_)))?;
        assert_eq!(at, self.events.len() - 1, "nothing follows the report");
        match &self.events[at] {
            Happened::Closed(report) => Some(report),
            _ => None,
        }
    }

    /// The role of the other end.
    pub fn peer(&self) -> Role {
        self.connection.role().peer()
    }

    /// Writes everything, which has to end in a close frame, and says its code.
    ///
    /// # Panics
    /// If it does not.
    pub fn close_code_sent(&mut self) -> Option<u16> {
        let sent = self.transmit();
        let frames = crate::read_frames(&sent);
        let last = frames.last().expect("a close frame was sent");
        assert_eq!((last.opcode, last.fin, last.rsv), (0x8, true, 0), "the last frame closes");
        last.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}
