//! Whether the peer read everything before we closed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use everwire_wire::SendError;

use crate::{Sender, Stream};

/// A ping right before our close frame.
///
/// A close frame that comes after ours need not be an answer to it: a peer that closed by itself in the
/// same moment, with the same code, has not read what we sent. But then it sends no pong any more.
pub(super) enum LastWord {
    /// Said, and to be looked at again.
    Said(Pin<Box<dyn Future<Output = Result<Duration, SendError>> + Send>>),
    /// Whether it was answered; not if there was nobody to say it to.
    Settled(bool),
}

impl LastWord {
    /// Queues the ping, unless the connection has no room even for that, or has ended: then nothing is
    /// proven.
    pub(super) fn say<S: Stream>(sender: Sender<S>) -> Self {
        let mut word = Self::Said(Box::pin(async move { sender.confirm().await }));
        word.look();
        word
    }

    /// Whether it was answered.
    pub(super) fn was_heard(mut self) -> bool {
        self.look();
        matches!(self, Self::Settled(true))
    }

    fn look(&mut self) {
        // It is looked at when the connection has ended; until then nobody waits.
        let cx = &mut Context::from_waker(Waker::noop());
        if let Self::Said(confirm) = self
            && let Poll::Ready(answer) = confirm.as_mut().poll(cx)
        {
            *self = Self::Settled(answer.is_ok());
        }
    }
}

impl fmt::Debug for LastWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastWord").finish_non_exhaustive()
    }
}
