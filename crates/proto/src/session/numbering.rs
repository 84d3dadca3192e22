//! How messages are numbered, so that a short break loses none.

use std::collections::VecDeque;

use crate::client::ClientMessage;

/// Told at the latest after so many messages,
const TELL_AFTER_MESSAGES: u64 = 64;
/// or so many bytes.
const TELL_AFTER_BYTES: usize = 64 << 10;

/// The numbers of one session in both directions. Numbers are not written: both sides count.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// What was sent and not confirmed, in order.
    unconfirmed: VecDeque<Sent>,
    /// Bytes of payload in it.
    bytes: usize,
    /// How many messages the hub has confirmed.
    confirmed: u64,
    received: u64,
    untold: Untold,
}

/// A message that the hub has not confirmed.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) message: ClientMessage,
    /// Of a `send`, which is settled by its confirmation.
    pub(super) ticket: Option<u64>,
    size: usize,
}

/// What was received since the hub was told `got` last.
#[derive(Debug, Default)]
struct Untold {
    messages: u64,
    bytes: usize,
    since: Option<u64>,
}

impl Numbering {
    /// A message was sent.
    pub(super) fn sent(&mut self, message: ClientMessage, ticket: Option<u64>, size: usize) {
        self.bytes += size;
        self.unconfirmed.push_back(Sent { message, ticket, size });
    }

    /// Whether one more message of this size may be sent before others are confirmed. One alone always
    /// may.
    pub(super) fn has_room(&self, size: usize, max: usize, max_bytes: usize) -> bool {
        let fits = self.unconfirmed.len() < max && self.bytes + size <= max_bytes;
        fits || self.unconfirmed.is_empty()
    }

    /// The hub says how many it got. Gives what is settled by that, or nothing at all if it cannot be.
    pub(super) fn confirm(&mut self, got: u64) -> Option<Vec<u64>> {
        let newly = got.checked_sub(self.confirmed)?;
        if newly > self.unconfirmed.len() as u64 {
            return None;
        }
        let mut tickets = Vec::new();
        for sent in self.unconfirmed.drain(..newly as usize) {
            self.bytes -= sent.size;
            tickets.extend(sent.ticket);
        }
        self.confirmed = got;
        Some(tickets)
    }

    /// What the hub has not confirmed, in order.
    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = &Sent> {
        self.unconfirmed.iter()
    }

    /// Whether any of them is to be settled.
    pub(super) fn has_tickets(&self) -> bool {
        self.unconfirmed.iter().any(|sent| sent.ticket.is_some())
    }

    /// Takes what is to be settled; the messages stay.
    pub(super) fn take_tickets(&mut self) -> Vec<u64> {
        self.unconfirmed.iter_mut().filter_map(|sent| sent.ticket.take()).collect()
    }

    /// A message was received.
    pub(super) fn received(&mut self, now: u64, size: usize) {
        self.received += 1;
        self.untold.messages += 1;
        self.untold.bytes += size;
        self.untold.since.get_or_insert(now);
    }

    /// How many were received in all: what is told to the hub now.
    pub(super) fn tell(&mut self) -> u64 {
        self.untold = Untold::default();
        self.received
    }

    /// Whether so much was received that it has to be told at once.
    pub(super) fn is_much_untold(&self) -> bool {
        self.untold.messages >= TELL_AFTER_MESSAGES || self.untold.bytes >= TELL_AFTER_BYTES
    }

    /// When it has to be told.
    pub(super) fn deadline(&self, interval: u64) -> Option<u64> {
        Some(self.untold.since?.saturating_add(interval))
    }

    /// A new session begins; gives what the old one left unconfirmed.
    pub(super) fn restart(&mut self) -> VecDeque<Sent> {
        std::mem::take(self).unconfirmed
    }
}
