//! `/broadcast`: every message to everyone who is connected there, its sender too.

use everwire::{Membership, Stream, WebSocket};

/// Publishes what the socket says to the group that it is a member of.
pub(crate) async fn broadcast<S: Stream>(mut socket: WebSocket<S>, membership: Membership) {
    while let Some(message) = socket.recv().await {
        membership.group().send(message);
    }
}
