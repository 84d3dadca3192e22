//! Proof that the peer has read what was sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use everwire_wire::SendError;

use crate::clock;
use crate::link::{Link, Stream};

/// Waits until the peer has answered a ping that went behind all that was sent.
///
/// Made by [`WebSocket::confirm`](crate::WebSocket::confirm).
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Confirm<'a, S: Stream> {
    link: &'a Arc<Link<S>>,
    /// The ping's number and when it was queued; none before there was room for it.
    ping: Option<(u32, Instant)>,
}

impl<'a, S: Stream> Confirm<'a, S> {
    pub(crate) fn new(link: &'a Arc<Link<S>>) -> Self {
        Self { link, ping: None }
    }
}

impl<S: Stream> Future for Confirm<'_, S> {
    type Output = Result<Duration, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (number, since) = match self.ping {
            Some(ping) => ping,
            None => {
                let number = std::task::ready!(self.link.poll_ping_in_order(cx))?;
                *self.ping.insert((number, clock::now()))
            }
        };
        std::task::ready!(self.link.poll_confirmed(cx, number))?;
        Poll::Ready(Ok(clock::now().saturating_duration_since(since)))
    }
}

impl<S: Stream> Drop for Confirm<'_, S> {
    fn drop(&mut self) {
        if let Some((number, _)) = self.ping {
            self.link.forget_confirm(number);
        }
    }
}
