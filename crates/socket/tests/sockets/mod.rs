//! What the tests of open WebSockets share: sockets whose handshake is done, and their peers.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use everwire::{
    Agreement, CloseCode, CloseReason, CloseReport, Config, DeflateParams, Message, Role, Stream,
    WebSocket,
};
use everwire_testkit::{Peer, Rig, Rigged};
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

/// How many bytes a pipe in memory takes before its writer waits.
pub const PIPE: usize = 64 << 10;

/// A configuration in which nothing happens by itself.
pub fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat_interval = None;
    config.idle_timeout = None;
    config
}

/// A WebSocket over any stream.
pub fn open<S: Stream>(stream: S, role: Role, config: &Config) -> WebSocket<S> {
    open_agreed(stream, role, Agreement::default(), config)
}

/// A WebSocket over any stream, with what its handshake agreed on.
pub fn open_agreed<S: Stream>(
    stream: S,
    role: Role,
    agreement: Agreement,
    config: &Config,
) -> WebSocket<S> {
    WebSocket::from_handshake(stream, role, agreement, Vec::new(), Arc::new(config.clone()))
}

/// permessage-deflate as it is negotiated by default.
pub fn deflate() -> Agreement {
    let params = DeflateParams::default()
        .with_server_no_context_takeover(true)
        .with_client_no_context_takeover(true);
    Agreement::new(None, Some(params))
}

/// A client and a server over a pipe in memory.
pub fn pair(config: &Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(PIPE);
    (open(near, Role::Client, config), open(far, Role::Server, config))
}

/// A server and its scripted client over a pipe in memory.
pub fn server(config: &Config) -> (WebSocket<DuplexStream>, Peer<DuplexStream>) {
    socket(Role::Server, config)
}

/// A WebSocket of this role and its scripted peer over a pipe in memory.
pub fn socket(role: Role, config: &Config) -> (WebSocket<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = duplex(PIPE);
    (open(near, role, config), Peer::new(far, role.peer()))
}

/// A server over a stream that does as it is told, and its scripted client.
pub fn rigged_server(
    config: &Config,
) -> (WebSocket<Rigged<DuplexStream>>, Rig, Peer<DuplexStream>) {
    let (near, far) = duplex(PIPE);
    let (near, rig) = Rigged::new(near);
    (open(near, Role::Server, config), rig, Peer::new(far, Role::Client))
}

/// Both ends of a TCP connection over loopback.
pub async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = (near.unwrap(), far.unwrap().0);
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// A client and a server over TCP.
pub async fn tcp_pair(config: &Config) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (near, far) = tcp().await;
    (open(near, Role::Client, config), open(far, Role::Server, config))
}

/// Receives until the connection has ended, and says how it ended.
pub async fn end<S: Stream>(socket: &mut WebSocket<S>) -> CloseReport {
    while soon(socket.recv()).await.is_some() {}
    socket.close_report().expect("a report after the last message")
}

/// The next message, which has to come.
pub async fn next<S: Stream>(socket: &mut WebSocket<S>) -> Message {
    soon(socket.recv()).await.unwrap_or_else(|| panic!("{:?}", socket.close_report()))
}

/// Awaits something that must not hang.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

/// Lets every other task of this thread run until it has nothing to do.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub fn reason(code: CloseCode, text: &str) -> CloseReason {
    CloseReason::new(code, text.to_owned()).unwrap()
}
