//! What a proxy has counted.

use std::fmt;

use super::Toward;

/// The counters of a [`FaultProxy`](super::FaultProxy). Displayed as JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that were accepted, ever.
    pub accepted: u64,
    /// Connections that are forwarded or stalled now.
    pub open: u64,
    /// Bytes that were written to the server, over all connections.
    pub to_server: u64,
    /// Bytes that were written to clients, over all connections.
    pub to_client: u64,
}

/// The counters of a [`FaultLink`](super::FaultLink). Displayed as JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Bytes that were written to the server.
    pub to_server: u64,
    /// Bytes that were written to the client.
    pub to_client: u64,
}

impl Stats {
    pub(super) fn count(&mut self, toward: Toward, bytes: usize) {
        match toward {
            Toward::Server => self.to_server += bytes as u64,
            Toward::Client => self.to_client += bytes as u64,
        }
    }
}

impl LinkStats {
    pub(super) fn count(&mut self, toward: Toward, bytes: usize) {
        match toward {
            Toward::Server => self.to_server += bytes as u64,
            Toward::Client => self.to_client += bytes as u64,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, open, to_server, to_client } = self;
        write!(f, r#"{{"accepted":{accepted},"open":{open},"#)?;
        write!(f, r#""to_server":{to_server},"to_client":{to_client}}}"#)
    }
}

impl fmt::Display for LinkStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to_server, to_client } = self;
        write!(f, r#"{{"to_server":{to_server},"to_client":{to_client}}}"#)
    }
}
