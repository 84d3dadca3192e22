//! What a session costs that has nothing to do.

use std::sync::Arc;

use everwire::{Agreement, Config, Role, WebSocket};
use tokio::io::duplex;

use crate::stage::Stage;

/// Bytes that serving a connection takes in its task, whatever it is at.
const MAX_FUTURE: usize = 384;

#[tokio::test]
async fn serving_a_connection_takes_little_room_in_its_task() {
    let stage = Stage::new();
    let (_, far) = duplex(64);
    let agreement = Agreement::new(None, None);
    let config = Arc::new(Config::default());
    let socket = WebSocket::from_handshake(far, Role::Server, agreement, Vec::new(), config);
    let request = http::Request::get("/chat/blue").body(()).unwrap();
    let size = size_of_val(&stage.hub.serve(&request, socket));
    assert!(size <= MAX_FUTURE, "{size} bytes");
}
