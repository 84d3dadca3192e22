//! `/echo`: every message back to its sender.

use everwire::{Stream, WebSocket};

/// Text comes back as text, binary as binary.
pub(crate) async fn echo<S: Stream>(mut socket: WebSocket<S>) {
    while let Some(message) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
