//! Being about to sit down in a topic: whatever becomes of whoever is, nothing of it stays behind.

use std::sync::Arc;

use everwire_proto::{PresenceMode, Topic};

use super::Room;
use crate::broker::BrokerError;
use crate::hub::Inner;
use crate::session::Session;

/// The use of a room by a session that is about to sit down. Dropping it gives the room up.
pub(crate) struct Visit {
    room: Arc<Room>,
    topic: Topic,
    /// None once the session sits.
    hub: Option<Arc<Inner>>,
}

impl Visit {
    /// Begins to use the room of a topic, which is followed by then.
    ///
    /// # Errors
    /// If the broker cannot follow the topic.
    pub(crate) async fn begin(hub: &Arc<Inner>, topic: &Topic) -> Result<Self, BrokerError> {
        let room = hub.topics.open(topic);
        let visit = Self { room, topic: topic.clone(), hub: Some(hub.clone()) };
        visit.room.follow(&*hub.broker).await?;
        Ok(visit)
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// The session sits: from now on it is the subscription that gives the room up.
    pub(crate) fn stay(mut self) -> Arc<Room> {
        self.hub = None;
        self.room.clone()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.take() {
            hub.leave(&self.topic);
        }
    }
}

/// A place in the audience of a room, of a session that is about to sit down. Dropping it gives the place up.
pub(crate) struct Hearing {
    room: Arc<Room>,
    /// None once the session sits.
    place: Option<usize>,
}

impl Hearing {
    /// Takes a place: what changes from here on waits for the list of members. Says behind which step it is,
    /// for whoever hears `full`.
    pub(crate) fn begin(
        room: &Arc<Room>,
        session: Session,
        mode: PresenceMode,
    ) -> (Self, Option<u64>) {
        room.set_heard();
        let (place, step) = {
            let mut audience = room.audience();
            let place = audience.enter(session, mode);
            (place, audience.step(place))
        };
        (Self { room: room.clone(), place: Some(place) }, step)
    }

    /// The session sits: from now on it is the subscription that gives the place up.
    pub(crate) fn stay(mut self) -> usize {
        self.place.take().expect("it is taken until the session sits")
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        // Its handle of the session is dropped with no lock held.
        let hearer = self.place.take().and_then(|place| self.room.audience().leave(place));
        drop(hearer);
    }
}
