//! What `/echo` of `everwire serve` does, over a stream in memory.

use std::sync::Arc;

use everwire::{Agreement, Config, Incoming, Outlet, Role, Stream, WebSocket};

use crate::streams::{Client, on_a_thread};

/// `count` messages of `len` bytes, always `in_flight` of them in one read.
pub(crate) fn run(len: usize, in_flight: u64, count: u64) {
    on_a_thread(async {
        let client = Client::new(len, in_flight, count);
        let config = Arc::new(Config::default());
        let agreement = Agreement::default();
        let socket = WebSocket::from_handshake(client, Role::Server, agreement, Vec::new(), config);
        // A task of its own, which is woken as those of a server are.
        let messages = tokio::spawn(echo(socket)).await.expect("no panic");
        assert_eq!(messages, count / in_flight * in_flight);
    });
}

async fn echo<S: Stream>(mut socket: WebSocket<S>) -> u64 {
    let echo = |message: Incoming<'_>, outlet: &Outlet<'_, S>| {
        outlet.send(message).expect("there is room");
    };
    let mut messages = 0;
    while let Some(visited) = socket.visit(echo).await {
        messages += visited as u64;
    }
    messages
}
