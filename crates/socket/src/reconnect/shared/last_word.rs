//! Whether the peer read everything before we closed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use everwire_wire::SendError;

use crate::{ClientStream, Sender};

/// A ping right before our close frame.
///
/// A close frame that comes after ours need not be an answer to it: a peer that closed by itself in the
/// same moment, with the same code, has not read what we sent. But then it sends no pong any more.
pub(super) struct LastWord(Pin<Box<dyn Future<Output = Result<Duration, SendError>> + Send>>);

impl LastWord {
    /// Queues the ping, unless the connection has no room even for that: then nothing is proven.
    pub(super) fn say(sender: Sender<ClientStream>) -> Self {
        let mut word = Self(Box::pin(async move { sender.confirm().await }));
        let _ = word.poll();
        word
    }

    /// Whether it was answered.
    pub(super) fn was_heard(mut self) -> bool {
        matches!(self.poll(), Poll::Ready(Ok(_)))
    }

    fn poll(&mut self) -> Poll<Result<Duration, SendError>> {
        // It is looked at when the connection has ended; until then nobody waits.
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }
}

impl fmt::Debug for LastWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastWord").finish_non_exhaustive()
    }
}
