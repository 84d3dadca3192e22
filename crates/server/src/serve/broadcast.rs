//! `/broadcast`: every message to everyone who is connected there, its sender too.

use everwire::{Group, Stream, WebSocket};

/// Joins the socket to the group and publishes what it says.
pub(crate) async fn broadcast<S: Stream>(mut socket: WebSocket<S>, group: Group) {
    let _membership = group.join(&socket);
    while let Some(message) = socket.recv().await {
        group.send(message);
    }
}
