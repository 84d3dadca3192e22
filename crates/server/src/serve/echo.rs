//! `/echo`: every message back to its sender.

use everwire::{Incoming, Outlet, Stream, WebSocket};

/// Text comes back as text, binary as binary.
pub(crate) async fn echo<S: Stream>(mut socket: WebSocket<S>) {
    let echo = |message: Incoming<'_>, outlet: &Outlet<'_, S>| {
        // It fails only while the connection ends, as the next visit will tell.
        let _ = outlet.send(message);
    };
    while socket.visit(echo).await.is_some() {}
}
