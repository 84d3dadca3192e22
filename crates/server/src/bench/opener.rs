//! Opens connections and sees whether they echo.

use std::error::Error;
use std::time::Duration;

use everwire::{
    ClientStream, CloseCode, CloseReason, CloseReport, Config, Connector, DeflateConfig, WebSocket,
};
use tokio::sync::watch;

use super::args::Server;
use super::failure::Failure;
use super::fleet::Stage;
use super::payload::{Difference, Payload};
use super::trust;

/// How long the closing handshake may take: a run that is over should not go on for long.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A frame's header, at its longest (RFC 6455 §5.2).
const MAX_HEADER: usize = 14;

/// How the connections of a run are opened.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    connector: Connector,
    url: String,
    timeout: Duration,
    deflate: bool,
}

impl Opener {
    /// For messages of `size` bytes, of which a connection has `in_flight` under way.
    pub(super) fn new(server: &Server, size: u32, in_flight: u32) -> Result<Self, Box<dyn Error>> {
        let connector = Connector::new()
            .config(config(server.deflate, size as usize, in_flight as usize))
            .open_timeout(server.timeout)
            .tls_config(trust::client_config(server)?)
            .no_proxy();
        Ok(Self {
            connector,
            url: server.url.clone(),
            timeout: server.timeout,
            deflate: server.deflate,
        })
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<WebSocket<ClientStream>, Failure> {
        let socket = self
            .connector
            .connect(&self.url)
            .await
            .map_err(|error| Failure::Open { url: self.url.clone(), error })?;
        if self.deflate && socket.extensions().is_empty() {
            return Err(Failure::NotCompressed);
        }
        Ok(socket)
    }

    /// Opens a connection and has one message echoed on it.
    pub(super) async fn open(self, payload: Payload) -> Result<Connection, Failure> {
        let mut connection = Connection { socket: self.connect().await?, payload };
        match tokio::time::timeout(self.timeout, connection.first_echo()).await {
            Ok(echo) => echo.map(|()| connection),
            Err(_) => Err(Failure::Silent(self.timeout)),
        }
    }
}

/// The defaults, with room for the run's own messages.
fn config(deflate: bool, size: usize, in_flight: usize) -> Config {
    let mut config = Config::default();
    // A server may echo in fragments, which are charged on top of what they carry.
    config.max_message_size = config.max_message_size.max(2 * size);
    config.max_frame_size = config.max_frame_size.max(size as u64);
    // A visitor's sends do not wait: all that is in flight fits in the queue.
    config.max_queued_bytes =
        config.max_queued_bytes.max(in_flight.saturating_mul(2 * (size + MAX_HEADER)));
    config.close_timeout = CLOSE_TIMEOUT;
    config.deflate = deflate.then(|| {
        let mut deflate = DeflateConfig::default();
        // Compression was asked for: of short messages too.
        deflate.threshold = 0;
        deflate
    });
    config
}

/// A connection of a run that echoes, and what it sends.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: WebSocket<ClientStream>,
    pub(super) payload: Payload,
}

impl Connection {
    async fn first_echo(&mut self) -> Result<(), Failure> {
        // If it fails the connection has ended, and `recv` says so.
        let _ = self.socket.send(self.payload.message(0)).await;
        let Some(echo) = self.socket.recv().await else { return Err(self.closed()) };
        Ok(self.payload.check(0, echo.kind(), echo.as_bytes())?)
    }

    /// Answers pings until the stage has come; no message is under way.
    pub(super) async fn idle_until(
        &mut self,
        stages: &mut watch::Receiver<Stage>,
        stage: Stage,
    ) -> Result<(), Failure> {
        tokio::select! {
            biased;
            message = self.socket.recv() => match message {
                Some(_) => Err(Difference::Unasked.into()),
                None => Err(self.closed()),
            },
            _ = stages.wait_for(|now| *now >= stage) => Ok(()),
        }
    }

    /// The failure of a connection that has ended.
    pub(super) fn closed(&self) -> Failure {
        Failure::Closed(self.socket.close_report())
    }

    /// Closes with 1000.
    pub(super) async fn close(mut self) {
        close(&mut self.socket).await;
    }
}

/// Closes with 1000; messages that are still under way are dropped.
pub(super) async fn close(socket: &mut WebSocket<ClientStream>) -> CloseReport {
    socket.close(CloseReason::from_code(CloseCode::NORMAL).ok()).await
}
