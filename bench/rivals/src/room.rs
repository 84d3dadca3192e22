//! Everyone at `/broadcast`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{self, Receiver, Sender};

/// How many messages wait for a member; one that does not keep up misses the rest.
const QUEUE: usize = 256;

/// A channel for each member.
#[derive(Debug)]
pub(crate) struct Room<M>(Arc<Mutex<Members<M>>>);

#[derive(Debug)]
struct Members<M> {
    next: u64,
    queues: HashMap<u64, Sender<M>>,
}

/// Leaves the room when dropped.
#[derive(Debug)]
pub(crate) struct Member<M> {
    room: Room<M>,
    id: u64,
}

impl<M> Clone for Room<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Default for Room<M> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Members { next: 0, queues: HashMap::new() })))
    }
}

impl<M: Clone> Room<M> {
    pub(crate) fn join(&self) -> (Member<M>, Receiver<M>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = members.next;
        members.next += 1;
        members.queues.insert(id, sender);
        (Member { room: self.clone(), id }, receiver)
    }
}

impl<M: Clone> Member<M> {
    /// Queues a message for everyone, oneself too.
    pub(crate) fn publish(&self, message: &M) {
        let members = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in members.queues.values() {
            // A full queue is a member that does not keep up.
            let _ = queue.try_send(message.clone());
        }
    }
}

impl<M> Drop for Member<M> {
    fn drop(&mut self) {
        let mut members = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.queues.remove(&self.id);
    }
}
