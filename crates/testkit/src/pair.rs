//! Two connections in memory.

use std::time::Duration;

use everwire_wire::{Agreement, Config, Role};

use crate::side::{Side, config};

/// A client and a server, and the network between them.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Side,
    /// The server.
    pub server: Side,
    /// The longest read of either, in bytes.
    pub chunk: usize,
    /// Every byte that the client wrote.
    pub from_client: Vec<u8>,
    /// Every byte that the server wrote.
    pub from_server: Vec<u8>,
}

impl Pair {
    /// Both with the same agreement and configuration.
    pub fn new(agreement: &Agreement, config: &Config) -> Self {
        let client = Side::new(Role::Client, agreement, config.clone());
        let mut server = Side::new(Role::Server, agreement, config.clone());
        server.now = client.now;
        let (from_client, from_server) = (Vec::new(), Vec::new());
        Self { client, server, chunk: usize::MAX, from_client, from_server }
    }

    /// Without extensions, and nothing happens by itself.
    pub fn plain() -> Self {
        Self::new(&Agreement::default(), &config())
    }

    /// Moves bytes both ways until there are none left.
    pub fn deliver(&mut self) {
        loop {
            let to_server = self.client.transmit();
            let to_client = self.server.transmit();
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.server.receive_by(self.chunk, &to_server);
            self.client.receive_by(self.chunk, &to_client);
            self.from_client.extend(to_server);
            self.from_server.extend(to_client);
        }
    }

    /// Moves both clocks by `by` in steps of `step`, delivering after each.
    pub fn advance(&mut self, by: Duration, step: Duration) {
        let mut passed = Duration::ZERO;
        while passed < by {
            self.client.advance(step);
            self.server.advance(step);
            self.deliver();
            passed += step;
        }
    }
}
