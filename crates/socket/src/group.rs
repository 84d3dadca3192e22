//! One message to many WebSockets: encoded once, queued for each, awaited for none.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everwire_wire::{CloseReason, Message, SendError, SharedFrame};

use crate::WebSocket;
use crate::link::{Member, Stream};
use crate::shutdown::Leaving;

/// WebSockets that hear the same messages.
///
/// [`send`](Self::send) waits for nobody: each member has its own bounded queue
/// (`max_queued_bytes`), and one that does not keep up is closed with
/// [`TRY_AGAIN_LATER`](crate::CloseCode::TRY_AGAIN_LATER) while the others do not notice.
/// Clones are the same group; members may live on any thread.
///
/// ```
/// # async fn example<S: everwire::Stream>(mut socket: everwire::WebSocket<S>) {
/// let group = everwire::Group::default();
/// let _membership = group.join(&socket);
/// while let Some(message) = socket.recv().await {
///     group.send(message);
/// }
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Group {
    members: Arc<Mutex<Members>>,
}

/// Places that keep their index; those that were left are taken first.
#[derive(Default)]
pub(crate) struct Members {
    places: Vec<Option<Arc<dyn Member>>>,
    free: Vec<usize>,
    /// Set once the group began to shut down.
    pub(crate) leaving: Option<Box<Leaving>>,
}

impl Members {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Member>> {
        self.places.iter().flatten()
    }

    fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn insert(&mut self, member: Arc<dyn Member>) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(member);
            return place;
        }
        self.places.push(Some(member));
        self.places.len() - 1
    }

    fn remove(&mut self, place: usize) -> Option<Arc<dyn Member>> {
        self.free.push(place);
        let member = self.places[place].take();
        // A crowd that has left leaves no memory behind.
        if self.len() == 0 {
            (self.places, self.free) = Default::default();
        }
        member
    }
}

/// What became of a message to a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Members in whose queues it is.
    pub queued: usize,
    /// Members that could not keep up and are closed.
    pub overflowed: usize,
    /// Members that are closing or closed.
    pub closed: usize,
}

impl Group {
    /// A group without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a WebSocket, for as long as the membership is held. One that joins a group that
    /// [shuts down](Self::shut_down) is closed at once.
    #[must_use = "a membership that is dropped ends"]
    pub fn join<S: Stream>(&self, socket: &WebSocket<S>) -> Membership {
        let mut members = self.lock();
        if let Some(leaving) = &mut members.leaving {
            leaving.handle_latecomer(socket.link().clone());
        }
        let place = members.insert(socket.link().clone());
        drop(members);
        Membership { group: self.clone(), place }
    }

    /// Queues a message for every member, the sender too if it is one.
    pub fn send(&self, message: impl Into<Message>) -> Delivery {
        self.send_frame(&SharedFrame::new(message))
    }

    /// Queues a message that was encoded before, such as for another group.
    pub fn send_frame(&self, frame: &SharedFrame) -> Delivery {
        let mut delivery = Delivery::default();
        // A member's lock is short, and none of them asks for this one.
        for member in self.lock().all() {
            match member.clone().push_frame(frame) {
                Ok(()) => delivery.queued += 1,
                Err(SendError::QueueFull { .. }) => delivery.overflowed += 1,
                Err(_) => delivery.closed += 1,
            }
        }
        delivery
    }

    /// Begins to close every member, as [`WebSocket::start_close`] does, all in the same instant. A
    /// server that goes down has [`shut_down`](Self::shut_down).
    pub fn start_close(&self, reason: impl Into<Option<CloseReason>>) {
        let reason = reason.into();
        for member in self.lock().all() {
            member.clone().start_close(reason.clone());
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("len", &self.len()).finish()
    }
}

/// A WebSocket's place in a [`Group`]; it ends when this is dropped.
#[derive(Debug)]
pub struct Membership {
    group: Group,
    place: usize,
}

impl Membership {
    /// The group.
    pub fn group(&self) -> &Group {
        &self.group
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let member = self.group.lock().remove(self.place);
        // Outside the lock: it may be the last reference to its connection.
        drop(member);
    }
}
