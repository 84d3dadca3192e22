//! Room in the queue, held.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use everwire_wire::{Outbound, SendError};

use crate::link::{Link, Stream};

/// Room for a message of so many bytes: sending with it does not wait.
///
/// Dropping it gives the room back.
pub struct Permit<S: Stream> {
    link: Arc<Link<S>>,
    len: usize,
}

impl<S: Stream> Permit<S> {
    pub(crate) async fn reserve(link: &Arc<Link<S>>, len: usize) -> Result<Self, SendError> {
        poll_fn(|cx| link.poll_reserve(cx, len)).await?;
        Ok(Self { link: link.clone(), len })
    }

    /// Sends a message in the room held.
    ///
    /// # Errors
    /// If the connection began to close, the message is longer than the room held and there is no
    /// more, or another message is being sent in pieces.
    pub fn send<'a>(mut self, message: impl Into<Outbound<'a>>) -> Result<(), SendError> {
        let len = std::mem::take(&mut self.len);
        self.link.send_reserved(message.into(), len)
    }
}

impl<S: Stream> Drop for Permit<S> {
    fn drop(&mut self) {
        if self.len > 0 {
            self.link.release(self.len);
        }
    }
}

impl<S: Stream> fmt::Debug for Permit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("len", &self.len).finish_non_exhaustive()
    }
}
