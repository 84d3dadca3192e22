//! The handle that stays while sessions come and go.

use std::fmt;
use std::sync::Arc;

use everwire_wire::{CloseReason, Message};
use tokio::sync::watch;

use super::receipt::{Receipt, Refused};
use super::retry::Input;
use super::shared::{Live, Pushed, Shared};
use super::status::Status;
use crate::{ClientStream, Stream};

/// Sends over whatever connection a reconnecting client has, and says what it knows of the world.
///
/// Clones are of the same client; they may be used from any task, and outlive sessions and the client.
pub struct Messenger<S: Stream = ClientStream> {
    shared: Arc<Shared<S>>,
}

impl<S: Stream> Messenger<S> {
    pub(super) fn new(shared: Arc<Shared<S>>) -> Self {
        Self { shared }
    }

    /// Sends a message. It waits for room in the connection (`max_queued_bytes`); where there is no
    /// connection the message is refused, or waits for one if
    /// [`queue`](super::Reconnector::queue) lets it.
    ///
    /// Messages leave in the order of their numbers. What became of one, its [`Receipt`] says; it may
    /// be dropped.
    ///
    /// # Errors
    /// If there is no connection and the message may not wait, or the client has ended. The message
    /// comes back with the error.
    ///
    /// # Cancel safety
    /// Safe: when the future is dropped the whole message has been taken, or nothing of it.
    pub async fn send(&self, message: impl Into<Message>) -> Result<Receipt<S>, Refused> {
        let message = message.into();
        loop {
            match self.shared.push(&message) {
                Pushed::Taken(receipt) => return Ok(receipt),
                Pushed::Refused(refused) => return Err(refused),
                Pushed::Direct(Live { session, sender }) => {
                    let Ok(permit) = sender.reserve(message.len()).await else {
                        // It is closing. Once the outbox knows, the message is refused or waits.
                        self.shared.refused_by(session);
                        continue;
                    };
                    // The connection may have gone while there was no room.
                    if let Some(receipt) = self.shared.write(session, permit, &message) {
                        return Ok(receipt);
                    }
                }
            }
        }
    }

    /// Says whether there is a network, as the system knows it. Without one the connection is dropped
    /// and nothing is tried; with one again the client connects at once, unless the server named the
    /// time.
    pub fn network(&self, online: bool) {
        self.shared.tell(if online { Input::Online } else { Input::Offline });
    }

    /// Says that the machine was asleep, or that its user is back: an attempt that is due later begins
    /// now, unless the server named the time.
    pub fn awake(&self) {
        self.shared.tell(Input::Awake);
    }

    /// Begins an attempt that is due later now, whatever the server or the network said.
    pub fn retry_now(&self) {
        self.shared.tell(Input::RetryNow);
    }

    /// Drops the connection or the attempt there is and connects anew, at once. Before the first
    /// [`next`](super::Sessions::next) and after the end it does nothing.
    pub fn reconnect(&self) {
        self.shared.tell(Input::Reconnect);
    }

    /// Ends the client: the connection is closed, [`Sessions::next`](super::Sessions::next) gives
    /// `None`. No more messages are taken; those in the queue are not sent. For those that were sent
    /// the answer to a ping before the close frame is proof, if somebody receives until the session has
    /// ended.
    pub fn close(&self, reason: impl Into<Option<CloseReason>>) {
        self.shared.end(reason.into());
    }

    /// Where the client is now.
    pub fn status(&self) -> Status {
        *self.shared.status().borrow()
    }

    /// Where the client is, whenever that changes.
    ///
    /// The client stands still as long as what [`borrow`](watch::Receiver::borrow) gave is held: a
    /// thread that calls a method of this meanwhile waits for itself. To look and then act, take
    /// [`status`](Self::status).
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.shared.status()
    }
}

impl<S: Stream> Clone for Messenger<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S: Stream> fmt::Debug for Messenger<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messenger").field("shared", &self.shared).finish()
    }
}
