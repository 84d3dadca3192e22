//! The opening handshake of both roles (RFC 6455 §4), for peers that mean well.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::script::Deflate;
use crate::transport::{Dialer, Transport};

/// Heads above this many bytes are refused by [`respond`] and [`open`].
pub const MAX_HEAD: usize = 8 * 1024;

/// The nonce of every client connection here: fixed, because nothing needs it to be random.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What to do with the bytes a server has of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// The request's head is not complete.
    Incomplete,
    /// Send this; frames begin after `head_len` bytes.
    Accept {
        /// The bytes of the request's head.
        head_len: usize,
        /// The response.
        response: String,
    },
    /// Send nothing and close.
    Refuse,
}

/// Answers the request at the start of `bytes`.
#[must_use]
pub fn respond(bytes: &[u8]) -> Response {
    let Some(head_len) = head_len(bytes) else {
        return if bytes.len() > MAX_HEAD { Response::Refuse } else { Response::Incomplete };
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]);
    let Some(key) = field(&head, "sec-websocket-key") else { return Response::Refuse };
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_value(key)
    );
    Response::Accept { head_len, response }
}

/// Opens a blocking connection to a plain `ws://` address and completes the handshake.
///
/// # Errors
///
/// As [`open`], and for `wss://`.
pub fn connect(url: &str) -> io::Result<TcpStream> {
    match open(&Dialer::new(url, None)?, Deflate::Off)? {
        Transport::Plain(stream) => Ok(stream),
        #[cfg(feature = "tls")]
        Transport::Tls(_) => Err(invalid(format!("not ws://: {url}"))),
    }
}

/// Opens a blocking connection, completes the handshake, and agrees to exactly `deflate`.
///
/// # Errors
///
/// When the server cannot be reached or does not answer with 101, the right accept value, and the
/// compression that is asked for.
pub fn open(dialer: &Dialer, deflate: Deflate) -> io::Result<Transport> {
    upgrade(dialer.dial()?, dialer, deflate)
}

/// As [`open`], on a connection that there is.
///
/// # Errors
///
/// As [`open`], and when the server speaks unasked.
pub fn upgrade(mut stream: Transport, dialer: &Dialer, deflate: Deflate) -> io::Result<Transport> {
    let rest = upgrade_and_hear(&mut stream, dialer, deflate)?;
    if rest.is_empty() { Ok(stream) } else { Err(invalid("the server speaks unasked".to_owned())) }
}

/// As [`upgrade`], and gives what the server said right behind its answer.
///
/// # Errors
///
/// As [`open`].
pub fn upgrade_and_hear(
    stream: &mut Transport,
    dialer: &Dialer,
    deflate: Deflate,
) -> io::Result<Vec<u8>> {
    let request = request(dialer, deflate);
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut some = [0; 512];
    let rest = loop {
        let read = stream.read(&mut some)?;
        head.extend(&some[..read]);
        match head_len(&head) {
            Some(len) => break head.split_off(len),
            None if read > 0 && head.len() <= MAX_HEAD => {}
            None => return Err(invalid("no complete response to the handshake".to_owned())),
        }
    };
    let head = String::from_utf8_lossy(&head);
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return Err(invalid(format!("the server answered {status}")));
    }
    if field(&head, "sec-websocket-accept") != Some(&accept_value(KEY)) {
        return Err(invalid("the accept value is wrong".to_owned()));
    }
    let answer = field(&head, "sec-websocket-extensions").unwrap_or_default();
    if !deflate.is_met_by(answer) {
        return Err(invalid(format!("asked for {deflate:?}, the server agreed to `{answer}`")));
    }
    let (asked, agreed) = (dialer.subprotocol(), field(&head, "sec-websocket-protocol"));
    if asked != agreed {
        return Err(invalid(format!("asked for {asked:?}, the server agreed to {agreed:?}")));
    }
    Ok(rest)
}

/// What a client says first.
pub(crate) fn request(dialer: &Dialer, deflate: Deflate) -> String {
    let (host, path) = (dialer.host(), dialer.path());
    let line = |name: &str, value: Option<&str>| {
        value.map_or(String::new(), |value| format!("{name}: {value}\r\n"))
    };
    let extensions = line("Sec-WebSocket-Extensions", deflate.offer());
    let subprotocol = line("Sec-WebSocket-Protocol", dialer.subprotocol());
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{extensions}{subprotocol}\r\n"
    )
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

pub(crate) fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn accept_value(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        // §1.3's own example.
        assert_eq!(accept_value(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_request_is_answered_once_its_head_is_complete() {
        let request = b"GET / HTTP/1.1\r\nSEC-WEBSOCKET-KEY: abc\r\n\r\n\x81";
        for cut in 0..request.len() - 1 {
            assert_eq!(respond(&request[..cut]), Response::Incomplete);
        }
        let Response::Accept { head_len, .. } = respond(request) else { panic!("not accepted") };
        assert_eq!(head_len, request.len() - 1);
        assert_eq!(respond(b"GET / HTTP/1.1\r\n\r\n"), Response::Refuse);
    }
}
