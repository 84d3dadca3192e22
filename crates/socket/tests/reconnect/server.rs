//! Servers that do as a test says, and what the tests of reconnection share.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use everwire::handshake::{HandshakeLimits, RequestReader, ServerHandshake, encode_accept};
use everwire::reconnect::Status;
use everwire::{Messenger, Reconnector, RetryPolicy, Role, Stream, WebSocket};
use everwire_testkit::Peer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::sockets::soon;

/// A server that gives each connection to a script.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves on a port of its own; the script is told which connection it is, from 1 on.
    pub(crate) async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// Serves where another has served before.
    pub(crate) async fn start_at<F, Fut>(address: SocketAddr, script: F) -> Self
    where
        F: Fn(usize, TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            // Its connections end with it.
            let mut scripts = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                scripts.spawn(script(number, stream));
            }
        });
        Self { address, connections, task }
    }

    /// A server of WebSockets, each with a script.
    pub(crate) async fn of_websockets<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, WebSocket<TcpStream>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::start(move |number, stream| {
            let script = script.clone();
            async move {
                // A client may have gone before.
                if let Ok(socket) = everwire::accept(stream).await {
                    script(number, socket).await;
                }
            }
        })
        .await
    }

    /// Sends everything back.
    pub(crate) async fn of_echo() -> Self {
        Self::of_websockets(|_, socket| echo(socket)).await
    }

    /// Answers every request in this way.
    pub(crate) async fn that_answers(answer: &'static str) -> Self {
        Self::start(move |_, stream| respond(stream, answer)).await
    }

    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Ends it and its connections; nobody listens when this returns.
    pub(crate) async fn stop(mut self) -> SocketAddr {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn echo<S: Stream>(mut socket: WebSocket<S>) {
    while let Some(message) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

/// Reads a request's head.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Accepts, and does nothing by itself from then on.
pub(crate) async fn accept_as_peer(mut stream: TcpStream) -> Peer<TcpStream> {
    let head = read_head(&mut stream).await;
    let mut reader = RequestReader::new(HandshakeLimits::default());
    let (_, request) = reader.read(head.as_bytes()).unwrap();
    let (response, _) = ServerHandshake::new().respond(&request.unwrap(), false).unwrap();
    let mut peer = Peer::new(stream, Role::Server);
    peer.send_bytes(encode_accept(&response)).await;
    peer
}

/// Reads a request, answers it, closes.
pub(crate) async fn respond(mut stream: TcpStream, answer: &'static str) {
    read_head(&mut stream).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Receives and keeps what comes, until the end.
pub(crate) async fn listen(mut socket: WebSocket<TcpStream>, heard: Heard) {
    while let Some(message) = socket.recv().await {
        heard.lock().unwrap().push(message.as_text().unwrap().to_owned());
    }
}

pub(crate) type Heard = Arc<std::sync::Mutex<Vec<String>>>;

/// Delays of milliseconds; everything else as by default.
pub(crate) fn quick() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.min_delay = Duration::from_millis(10);
    policy.max_delay = Duration::from_millis(40);
    policy
}

/// A client with delays of milliseconds.
pub(crate) fn client(uri: impl Into<String>) -> Reconnector {
    Reconnector::new(uri).policy(quick())
}

/// Waits until the client is where it should come to.
pub(crate) async fn until(messenger: &Messenger, condition: impl FnMut(&Status) -> bool) -> Status {
    *soon(messenger.watch_status().wait_for(condition)).await.unwrap()
}

/// Waits for something that nobody tells of.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
