//! What a sender is given: the fate of its message, or the message back.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use everwire_wire::Message;

use super::outbox::{Fate, Range, Refusal};
use super::shared::Shared;
use crate::{ClientStream, Stream};

/// A message on its way: a future that ends in its [`Fate`].
///
/// Awaiting it asks the peer at once, with a ping behind the message, unless one is under way. The
/// answer is seen while somebody receives from the session, so receiving and awaiting belong to two
/// tasks, or to the arms of one `select!`. Without a connection it waits for the next one, or for the
/// end of the message's time.
///
/// Dropping it is fine: the message goes its way, and nobody is told.
///
/// # Cancel safety
/// Safe: it may be awaited by reference as often as one likes.
pub struct Receipt<S: Stream = ClientStream> {
    shared: Arc<Shared<S>>,
    number: u64,
}

impl<S: Stream> Receipt<S> {
    /// Of a message whose place in `receipts` is taken.
    pub(super) fn new(shared: Arc<Shared<S>>, number: u64) -> Self {
        Self { shared, number }
    }

    /// The message's number: 1 for the first of the client, 2 for the next.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl<S: Stream> Future for Receipt<S> {
    type Output = Fate;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fate> {
        self.shared.poll_fate(cx, self.number)
    }
}

impl<S: Stream> Drop for Receipt<S> {
    fn drop(&mut self) {
        self.shared.lock().receipts.forget(self.number);
    }
}

impl<S: Stream> fmt::Debug for Receipt<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("number", &self.number).finish_non_exhaustive()
    }
}

/// A message that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// The message.
    pub message: Message,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.why {
            Refusal::Down => "there is no connection, and `max_messages` is 0: none waits for one",
            Refusal::Full => "`max_messages` or `max_bytes` wait for a connection already",
            Refusal::Ended => "the client has ended",
        })
    }
}

impl std::error::Error for Refused {}

/// The receipts that somebody holds, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    held: BTreeMap<u64, Held>,
    /// The last message whose fate somebody awaits.
    pub(super) awaited: u64,
}

#[derive(Debug)]
enum Held {
    Unknown(Option<Waker>),
    Known(Fate),
}

impl Receipts {
    pub(super) fn hold(&mut self, number: u64) {
        self.held.insert(number, Held::Unknown(None));
    }

    fn forget(&mut self, number: u64) {
        self.held.remove(&number);
    }

    /// The fate if it is known; otherwise whoever asks is told of it, as the only one.
    pub(super) fn poll(&mut self, cx: &Context<'_>, number: u64) -> Poll<Fate> {
        match self.held.get_mut(&number) {
            Some(Held::Known(fate)) => Poll::Ready(*fate),
            Some(Held::Unknown(waker)) => {
                *waker = Some(cx.waker().clone());
                self.awaited = self.awaited.max(number);
                Poll::Pending
            }
            None => unreachable!("a receipt is held for as long as it is there"),
        }
    }

    pub(super) fn tell(&mut self, fate: Fate, Range { first, last }: Range) {
        for held in self.held.range_mut(first..=last).map(|(_, held)| held) {
            if let Held::Unknown(Some(waker)) = std::mem::replace(held, Held::Known(fate)) {
                waker.wake();
            }
        }
    }
}
