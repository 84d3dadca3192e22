//! Socket.IO's words over a WebSocket (Engine.IO protocol 4, Socket.IO protocol 5), as far as events
//! need them.

use std::io::{self, Read, Write};

use crate::client::read_message;
use crate::frame::{Header, client_frame};
use crate::script::KEY;
use crate::transport::Transport;

/// What follows the path: the version of Engine.IO, and that there is no polling first.
pub const QUERY: &str = "/?EIO=4&transport=websocket";

/// What answers a server's ping.
pub(crate) const PONG: &[u8] = b"3";

/// Joins the default namespace on a WebSocket that has just been opened, and of which `rest` was
/// read with the handshake.
pub(crate) fn greet(stream: &mut Transport, rest: &[u8]) -> io::Result<()> {
    let mut said = rest;
    expect(&read_message(&mut said.by_ref().chain(&mut *stream))?, "0{")?;
    stream.write_all(&client_frame(1, b"40", KEY))?;
    stream.flush()?;
    expect(&read_message(&mut said.chain(stream))?, "40")
}

/// The text of an event that is called `message`, with `len` letters.
pub(crate) fn event(len: usize) -> Vec<u8> {
    format!(r#"42["message","{}"]"#, "x".repeat(len)).into_bytes()
}

/// Whether a frame is the server's ping: `2`, where everything else is longer.
#[inline]
pub(crate) fn is_ping(header: Header) -> bool {
    header.opcode() == 1 && header.payload == 1
}

fn expect(message: &[u8], start: &str) -> io::Result<()> {
    if message.starts_with(start.as_bytes()) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(message);
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{start}` was due, not `{said}`")))
}
