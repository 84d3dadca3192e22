//! stub
use everwire_wire::{Agreement, Config, Role};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A WebSocket.
#[derive(Debug)]
pub struct WebSocket<S> {
    _stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<S> {
    /// A WebSocket over a stream whose opening handshake is done.
    ///
    /// `unread` is what was read beyond the handshake: it belongs to the WebSocket already.
    pub fn from_handshake(stream: S, role: Role, agreement: Agreement, unread: Vec<u8>, config: Arc<Config>) -> Self {
        let _ = (role, agreement, unread, config);
        Self { _stream: stream }
    }
}
