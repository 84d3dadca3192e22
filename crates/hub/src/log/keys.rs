//! Which publications are stored already, by the keys of those who sent them.

use std::collections::VecDeque;

use everwire_proto::{Again, Epoch};

use super::entry::Key;
use super::recent::Recent;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is stored under it.
    Never,
    /// It is stored, under this offset.
    Stored(u64),
    /// It was sent before, and nobody knows any more what came of it.
    Perhaps,
}

/// The keys of the newest publications of each client.
#[derive(Debug)]
pub(super) struct Keys {
    clients: Recent<Window>,
    max_keys: usize,
}

/// What is remembered of one client.
#[derive(Debug, Default)]
struct Window {
    /// Number and offset, oldest first.
    stored: VecDeque<(u64, u64)>,
    /// The greatest number that was remembered and is not any more.
    forgotten: u64,
}

impl Keys {
    pub(super) fn new(max_clients: usize, max_keys: usize) -> Self {
        Self { clients: Recent::new(max_clients), max_keys: max_keys.max(1) }
    }

    pub(super) fn look_up(&mut self, key: &Key, epoch: &Epoch) -> Seen {
        let forgot_clients = self.clients.forgot();
        let window = self.clients.get(&key.client);
        if let Some(offset) = window.and_then(|window| window.offset_of(key.number)) {
            return Seen::Stored(offset);
        }
        match &key.again {
            // A client does not give a number twice without saying so, and numbers upwards. A lower one comes
            // late, over a link that was stuck; it may have been sent again over another one since.
            None if window.is_some_and(|window| key.number <= window.forgotten) => Seen::Perhaps,
            None => Seen::Never,
            Some(Again::Unknown) => Seen::Perhaps,
            // Another log may have had it.
            Some(Again::Since(known)) if known != epoch => Seen::Perhaps,
            Some(Again::Since(_)) => {
                let forgotten =
                    window.map_or(forgot_clients, |window| key.number <= window.forgotten);
                if forgotten { Seen::Perhaps } else { Seen::Never }
            }
        }
    }

    pub(super) fn remember(&mut self, key: Key, offset: u64) {
        let forgot = self.clients.forgot();
        let window = self.clients.entry(key.client, || Window {
            // It may have been here and be forgotten, with all that it had sent by then.
            forgotten: if forgot { key.number.saturating_sub(1) } else { 0 },
            stored: VecDeque::new(),
        });
        window.stored.push_back((key.number, offset));
        if window.stored.len() > self.max_keys {
            let (number, _) = window.stored.pop_front().expect("it has more than one");
            window.forgotten = window.forgotten.max(number);
        }
    }
}

impl Window {
    fn offset_of(&self, number: u64) -> Option<u64> {
        self.stored.iter().rev().find(|(stored, _)| *stored == number).map(|(_, offset)| *offset)
    }
}
