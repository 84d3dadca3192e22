//! Sends a message of 1 GiB in pieces and receives it in pieces: neither end holds more than a few
//! megabytes of it. `cargo run --release --example stream_large`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::error::Error;

use everwire::{Kind, MessageReader, Stream};
use tokio::net::{TcpListener, TcpStream};

/// What each piece carries, in bytes.
const PIECE: usize = 256 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let received = stream(1 << 30).await?;
    println!("received a message of {received} bytes");
    Ok(())
}

/// Streams a message of `len` bytes over a loopback connection; says how many arrived.
pub async fn stream(len: u64) -> Result<u64, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let receiver = tokio::spawn(async move {
        let (stream, _): (TcpStream, _) = listener.accept().await.ok()?;
        let mut socket = everwire::accept(stream).await.ok()?;
        let message = socket.next_message().await?;
        count(message).await
    });

    let socket = everwire::connect(&format!("ws://{address}/")).await?;
    let mut message = socket.start_message(Kind::Binary).await?;
    let piece = vec![0x5A; PIECE];
    let mut left = len;
    while left > 0 {
        let part = left.min(PIECE as u64);
        // Waits while `max_queued_bytes` are on their way: the receiver sets the pace.
        message.piece(&piece[..part as usize]).await?;
        left -= part;
    }
    message.finish().await?;
    receiver.await?.ok_or_else(|| "the message did not arrive".into())
}

async fn count<S: Stream>(mut message: MessageReader<'_, S>) -> Option<u64> {
    let mut received = 0;
    while let Some(piece) = message.piece().await.ok()? {
        received += piece.len() as u64;
    }
    Some(received)
}
