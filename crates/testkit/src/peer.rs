//! The scripted peer at the end of a real stream.

use std::io;
use std::time::Duration;

use everwire_wire::Role;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::frame::{Frame, Seen, read_frame};

const PATIENCE: Duration = Duration::from_secs(60);

/// A peer that sends what it is told and shows what it gets, frame by frame. Nothing is answered by
/// itself but for the pings that [`next_payload`](Self::next_payload) passes over.
#[derive(Debug)]
pub struct Peer<S> {
    /// The stream.
    pub stream: S,
    /// How long a frame may take to come before the test is given up. A minute, by tokio's clock.
    pub patience: Duration,
    role: Role,
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// A peer of this role, after the opening handshake.
    pub fn new(stream: S, role: Role) -> Self {
        Self::with_received(stream, role, Vec::new())
    }

    /// As [`new`](Self::new), with bytes that were read behind the handshake.
    pub fn with_received(stream: S, role: Role, received: Vec<u8>) -> Self {
        Self { stream, patience: PATIENCE, role, received }
    }

    /// Sends a frame, masked if the role wants that.
    ///
    /// # Panics
    /// If the stream fails.
    pub async fn send(&mut self, frame: Frame) {
        self.send_bytes(frame.from(self.role).encode()).await;
    }

    /// Sends frames in one write.
    ///
    /// # Panics
    /// If the stream fails.
    pub async fn send_all(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let frames = frames.into_iter().flat_map(|frame| frame.from(self.role).encode());
        self.send_bytes(frames.collect::<Vec<_>>()).await;
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the stream fails.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the stream takes bytes");
        self.stream.flush().await.expect("the stream passes them on");
    }

    /// The next frame; `None` at the end of the stream.
    ///
    /// # Panics
    /// If the stream fails, ends inside a frame, or nothing comes for too long.
    pub async fn next(&mut self) -> Option<Seen> {
        self.try_next().await.expect("no failure of the stream")
    }

    /// As [`next`](Self::next), for streams that are expected to fail.
    ///
    /// # Errors
    /// If the stream fails.
    ///
    /// # Panics
    /// If the stream ends inside a frame, or nothing comes for too long.
    pub async fn try_next(&mut self) -> io::Result<Option<Seen>> {
        loop {
            if let Some((frame, len)) = read_frame(&self.received) {
                self.received.drain(..len);
                return Ok(Some(frame));
            }
            let read = self.stream.read_buf(&mut self.received);
            let read = tokio::time::timeout(self.patience, read).await.expect("something comes");
            if read? == 0 {
                assert!(self.received.is_empty(), "the stream ended inside a frame");
                return Ok(None);
            }
        }
    }

    /// The payload of the next frame, which has to be a message by itself. Heartbeats before it are
    /// answered, so that a slow test is no dead peer.
    ///
    /// # Panics
    /// If it is anything else.
    pub async fn next_payload(&mut self) -> Vec<u8> {
        let mut frame = self.next().await.expect("a message, not the end");
        while frame.opcode == 0x9 {
            self.send(Frame::pong(frame.payload)).await;
            frame = self.next().await.expect("a message, not the end");
        }
        assert!(frame.fin && matches!(frame.opcode, 0x1 | 0x2), "{frame:?} is no message");
        frame.payload
    }

    /// The code of the close frame that comes next, whatever comes before it.
    ///
    /// # Panics
    /// If none comes, or it has no code.
    pub async fn next_close(&mut self) -> u16 {
        loop {
            let frame = self.next().await.expect("a close frame before the end");
            if frame.opcode == 0x8 {
                return frame.close_code().expect("a code");
            }
        }
    }

    /// Reads everything until the stream ends; `None` if it fails before.
    ///
    /// # Panics
    /// If nothing comes for too long.
    pub async fn end(&mut self) -> Option<Vec<Seen>> {
        let mut frames = Vec::new();
        loop {
            match self.try_next().await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return Some(frames),
                Err(_) => return None,
            }
        }
    }
}
