//! Messages larger than memory, received and sent in pieces.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use everwire_wire::{Event, Kind, SendError};

use crate::link::{Delivery, Link, Stream};

/// A message that is received in pieces, from
/// [`WebSocket::next_message`](crate::WebSocket::next_message).
pub struct MessageReader<'a, S: Stream> {
    link: &'a Arc<Link<S>>,
    kind: Kind,
    /// The piece that showed that there is a message.
    first: Option<Bytes>,
    complete: bool,
}

impl<'a, S: Stream> MessageReader<'a, S> {
    pub(crate) async fn begin(link: &'a Arc<Link<S>>) -> Option<Self> {
        let pick = poll_fn(|cx| link.poll_pick(cx, Delivery::Pieces, pick)).await?;
        let Picked { kind, bytes, last } = pick;
        Some(Self { link, kind, first: Some(bytes), complete: last })
    }

    /// Text or binary.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The next bytes of the message as they arrive; `None` when it is complete. Pieces of a text
    /// may end inside a code point; the text as a whole is checked.
    ///
    /// # Errors
    /// If the connection ended before the message was complete; the close report says how.
    ///
    /// # Cancel safety
    /// Safe: a piece is taken when it is returned, not before.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Incomplete> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Ok(Some(first));
        }
        while !self.complete {
            let link = self.link;
            let picked = poll_fn(|cx| link.poll_pick(cx, Delivery::Pieces, pick)).await;
            let Picked { bytes, last, .. } = picked.ok_or(Incomplete)?;
            self.complete = last;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl<S: Stream> Drop for MessageReader<'_, S> {
    fn drop(&mut self) {
        if !self.complete {
            self.link.leave_pieces();
        }
    }
}

/// The connection ended inside a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete;

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended inside a message")
    }
}

impl std::error::Error for Incomplete {}

struct Picked {
    kind: Kind,
    bytes: Bytes,
    last: bool,
}

fn pick(event: Event<'_>) -> Option<Picked> {
    match event {
        Event::Piece(piece) => {
            let (kind, last) = (piece.kind(), piece.is_last());
            Some(Picked { kind, last, bytes: piece.into_bytes() })
        }
        // A message that `recv` had begun to put together, and then nobody waited for.
        Event::Message(message) => {
            let kind = message.kind();
            Some(Picked { kind, last: true, bytes: message.into_message().into_bytes() })
        }
        _ => None,
    }
}

impl<S: Stream> fmt::Debug for MessageReader<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReader").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A message that is sent in pieces, from
/// [`WebSocket::start_message`](crate::WebSocket::start_message). Other messages wait until it is
/// complete.
///
/// A writer that is dropped before [`finish`](Self::finish), after it sent something, closes the
/// connection with 1011: the peer would take what follows for the rest of the message.
pub struct MessageWriter<S: Stream> {
    link: Arc<Link<S>>,
    kind: Kind,
    complete: bool,
}

impl<S: Stream> MessageWriter<S> {
    pub(crate) async fn begin(link: &Arc<Link<S>>, kind: Kind) -> Result<Self, SendError> {
        poll_fn(|cx| link.poll_begin_pieces(cx)).await?;
        Ok(Self { link: link.clone(), kind, complete: false })
    }

    /// Sends the next bytes of the message, as a fragment. Waits while the queue is full.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Safe: all of the bytes have been queued, or none.
    pub async fn piece(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        poll_fn(|cx| self.link.poll_send_piece(cx, self.kind, bytes, false)).await
    }

    /// Completes the message.
    ///
    /// # Errors
    /// If the connection is closing or closed.
    ///
    /// # Cancel safety
    /// Not safe: a dropped future drops the writer, see there.
    pub async fn finish(mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.link.poll_send_piece(cx, self.kind, &[], true)).await?;
        self.complete = true;
        Ok(())
    }
}

impl<S: Stream> Drop for MessageWriter<S> {
    fn drop(&mut self) {
        self.link.end_pieces(self.complete);
    }
}

impl<S: Stream> fmt::Debug for MessageWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter").field("kind", &self.kind).finish_non_exhaustive()
    }
}
