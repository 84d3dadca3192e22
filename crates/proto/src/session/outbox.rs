//! Requests that wait for the link.

use std::collections::VecDeque;

use crate::client::Command;
use crate::payload::Payload;

use super::config::Config;

/// Requests in the order of their making, within bounds.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) what: What,
    pub(super) size: usize,
    since: u64,
}

/// What it asks for.
#[derive(Debug)]
pub(super) enum What {
    Command(Command),
    Send(Payload),
}

impl Outbox {
    /// Keeps the request, unless as much waits as may.
    pub(super) fn push(&mut self, now: u64, ticket: u64, what: What, config: &Config) -> bool {
        let size = what.size();
        let full = self.waiting.len() >= config.max_waiting
            || self.bytes.saturating_add(size) > config.max_waiting_bytes;
        if !full {
            self.bytes += size;
            self.waiting.push_back(Waiting { ticket, what, size, since: now });
        }
        !full
    }

    pub(super) fn first(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.bytes -= first.size;
        Some(first)
    }

    /// The first, if it has been without a link for too long.
    pub(super) fn pop_expired(&mut self, now: u64, down: u64, max_age: u64) -> Option<Waiting> {
        self.deadline(down, max_age).filter(|deadline| *deadline <= now)?;
        self.pop()
    }

    /// When the first has been without a link, lost at `down`, for too long.
    pub(super) fn deadline(&self, down: u64, max_age: u64) -> Option<u64> {
        Some(self.waiting.front()?.since.max(down).saturating_add(max_age))
    }
}

impl What {
    fn size(&self) -> usize {
        match self {
            Self::Send(payload) => payload.size(),
            Self::Command(command) => command.payload_size(),
        }
    }
}
