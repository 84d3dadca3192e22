//! What an echo costs the allocator once a connection is in use: nothing.

#[path = "sockets/mod.rs"]
mod sockets;

use everwire::{Config, Incoming, Outlet, Role, Stream, WebSocket};
use everwire_testkit::{Counting, Frame, allocations};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use sockets::{open, tcp};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rounds before the count: the thread gets its buffers, tokio and the timers what they keep.
const WARM_UP: usize = 100;

/// Rounds that are counted.
const ROUNDS: usize = 1000;

/// What `/echo` of the server does.
async fn echo<S: Stream>(mut socket: WebSocket<S>) {
    let echo = |message: Incoming<'_>, outlet: &Outlet<'_, S>| {
        outlet.send(message).expect("there is room");
    };
    while socket.visit(echo).await.is_some() {}
}

/// A client that writes `in_flight` messages at once and reads their answers, over TCP and with the
/// default configuration, heartbeats and all: how often client and server ask for memory together.
///
/// The runtime has one thread, so nobody's allocations are missed.
async fn allocations_of_an_echo(frame: Frame, in_flight: usize) -> u64 {
    let (mut client, server) = tcp().await;
    let server = open(server, Role::Server, &Config::default());
    let serving = tokio::spawn(echo(server));

    let request = frame.clone().masked().encode().repeat(in_flight);
    let answer = frame.encode().repeat(in_flight);
    let mut read = vec![0; answer.len()];
    let mut before = 0;
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            before = allocations();
        }
        exchange(&mut client, &request, &mut read).await;
        assert!(read == answer, "every message comes back as it was");
    }
    let counted = allocations() - before;
    drop(client);
    serving.await.unwrap();
    counted
}

async fn exchange(client: &mut TcpStream, request: &[u8], answer: &mut [u8]) {
    client.write_all(request).await.unwrap();
    client.read_exact(answer).await.unwrap();
}

#[tokio::test]
async fn a_visitor_echoes_one_message_at_a_time_without_an_allocation() {
    for len in [0, 14, 125, 126, 1024] {
        let frame = Frame::text(vec![b'a'; len]);
        assert_eq!(allocations_of_an_echo(frame, 1).await, 0, "{len} bytes");
    }
}

#[tokio::test]
async fn a_visitor_echoes_32_messages_at_a_time_without_an_allocation() {
    for len in [14, 125, 126, 600] {
        let frame = Frame::binary(vec![7; len]);
        assert_eq!(allocations_of_an_echo(frame, 32).await, 0, "{len} bytes");
    }
}

#[tokio::test]
async fn what_is_received_by_itself_is_allocated_and_counted() {
    // The same exchange with `recv`, which gives messages that can be kept: the count sees them.
    let (mut client, server) = tcp().await;
    let mut server = open(server, Role::Server, &Config::default());
    let serving = tokio::spawn(async move {
        while let Some(message) = server.recv().await {
            server.send(message).await.unwrap();
        }
    });
    let frame = Frame::binary([7; 14]);
    let (request, mut answer) = (frame.clone().masked().encode(), vec![0; frame.encode().len()]);
    exchange(&mut client, &request, &mut answer).await;
    let before = allocations();
    for _ in 0..ROUNDS {
        exchange(&mut client, &request, &mut answer).await;
    }
    assert!(allocations() - before >= ROUNDS as u64);
    drop(client);
    serving.await.unwrap();
}
