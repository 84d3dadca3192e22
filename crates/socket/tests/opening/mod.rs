//! What the tests of the opening handshake share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::time::Duration;

use everwire::{AcceptError, Acceptor, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

/// The headers that a legal request has beside its `Host`.
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A legal request with further headers, each with its CR LF.
pub fn request(further: &str) -> String {
    format!("GET /chat HTTP/1.1\r\nHost: example.org\r\n{UPGRADE}{further}\r\n")
}

/// A legal request without the lines that begin with `name`, and with others instead.
pub fn request_without(name: &str, instead: &str) -> String {
    let head = request("");
    let lines: Vec<_> =
        head.trim_end().split("\r\n").filter(|line| !line.starts_with(name)).collect();
    format!("{}\r\n{instead}\r\n", lines.join("\r\n"))
}

type Accepted = Result<WebSocket<DuplexStream>, AcceptError>;

/// A client end, and the task that accepts at the other.
pub fn accepting(acceptor: &Acceptor) -> (DuplexStream, JoinHandle<Accepted>) {
    let (client, server) = duplex(256 << 10);
    let acceptor = acceptor.clone();
    (client, tokio::spawn(async move { acceptor.accept(server).await }))
}

/// Sends a request that is refused, reads the answer to its end.
pub async fn refused(acceptor: &Acceptor, request: impl AsRef<[u8]>) -> (String, AcceptError) {
    let (mut client, server) = accepting(acceptor);
    client.write_all(request.as_ref()).await.unwrap();
    let answer = read_to_end(&mut client).await;
    // The server waits for us to leave, within bounds.
    drop(client);
    let error = server.await.unwrap().expect_err("refused");
    (answer, error)
}

/// Sends a request that is accepted, reads the head of the answer.
pub async fn accepted(
    acceptor: &Acceptor,
    request: impl AsRef<[u8]>,
) -> (String, WebSocket<DuplexStream>, DuplexStream) {
    let (mut client, server) = accepting(acceptor);
    client.write_all(request.as_ref()).await.unwrap();
    let head = read_head(&mut client).await;
    let websocket = server.await.unwrap().unwrap_or_else(|error| panic!("{error}\n{head}"));
    (head, websocket, client)
}

pub async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("no end").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads through the blank line and no further.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("no head"));
    }
    String::from_utf8(head).unwrap()
}

pub fn status(answer: &str) -> u16 {
    let line = answer.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("{answer:?}"));
    line[..3].parse().unwrap()
}

/// The value of a header in an answer.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.split("\r\n").skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}
