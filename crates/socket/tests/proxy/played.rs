//! Proxies that the test plays byte by byte, and the server behind them.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use everwire::{Acceptor, ConnectError, Connector, Message, Proxy, ProxyError, Stream, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy that plays `script` to the one who connects.
pub(crate) async fn play<F, T>(script: impl FnOnce(TcpStream) -> F + Send + 'static) -> Played<T>
where
    F: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        script(stream).await
    });
    Played { address, script }
}

pub(crate) struct Played<T> {
    pub(crate) address: SocketAddr,
    script: JoinHandle<T>,
}

impl<T> Played<T> {
    /// What the script ended with.
    pub(crate) async fn end(self) -> T {
        let end = tokio::time::timeout(Duration::from_secs(60), self.script);
        end.await.expect("the script goes on").unwrap()
    }

    /// A connector through it; `rest` is everything of the proxy's URL before the host.
    pub(crate) fn connector(&self, rest: &str) -> Connector {
        Connector::new().proxy(self.proxy(rest))
    }

    pub(crate) fn proxy(&self, rest: &str) -> Proxy {
        Proxy::parse(&format!("{rest}{}", self.address)).unwrap()
    }
}

/// Sends the bytes in one write, or each in one of its own.
pub(crate) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    split: bool,
) -> std::io::Result<()> {
    if !split {
        return stream.write_all(bytes).await;
    }
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The next `len` bytes that the client sends.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin), len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.expect("more bytes");
    bytes
}

/// Waits until the client is gone.
pub(crate) async fn see_off(mut stream: impl AsyncRead + Unpin) {
    let gone = async { while !matches!(stream.read(&mut [0; 999]).await, Ok(0) | Err(_)) {} };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the client stays");
}

/// What a proxy does once it has said that it is connected.
pub(crate) async fn carry(mut stream: impl AsyncRead + AsyncWrite + Unpin, server: SocketAddr) {
    let mut server = TcpStream::connect(server).await.unwrap();
    // How it ends is the WebSockets' business.
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

/// A WebSocket server that echoes to one client and gives the request that it got.
pub(crate) async fn echo_once() -> (SocketAddr, JoinHandle<http::Request<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = everwire::next_stream(&listener).await;
        let pending = Acceptor::new().read_request(stream).await.unwrap();
        let request = pending.request().clone();
        echo(pending.accept().await.unwrap()).await;
        request
    });
    (address, server)
}

pub(crate) async fn echo<S: Stream>(mut websocket: WebSocket<S>) {
    while let Some(message) = websocket.recv().await {
        websocket.send(message).await.unwrap();
    }
}

/// A message goes there and back, and both say goodbye.
pub(crate) async fn converse<S: Stream>(mut websocket: WebSocket<S>) {
    websocket.send("hello").await.unwrap();
    assert_eq!(websocket.recv().await, Some(Message::from("hello")));
    assert!(websocket.close(None).await.was_clean);
}

/// The fault that a connection failed with, which is the proxy's.
pub(crate) fn proxy_error<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> ProxyError {
    match result {
        Err(ConnectError::Proxy(error)) => *error,
        other => panic!("{other:?}"),
    }
}
