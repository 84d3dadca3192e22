//! A place that is kept for a subscription which is about to begin.

use everwire_proto::{ErrorCode, ErrorReply, SubscribeFrom, SubscribeOptions, Topic};

use super::Session;

/// The place of a subscription in its session, kept until it is there or this is dropped.
pub(super) struct Place {
    session: Session,
    topic: Topic,
}

impl Session {
    /// Keeps a place: one in a topic at a time, and no more than there may be.
    ///
    /// # Errors
    /// If the session is subscribed to it already, or to as many topics as it may be.
    pub(super) fn reserve(
        &self,
        topic: &Topic,
        options: &SubscribeOptions,
    ) -> Result<Place, ErrorReply> {
        let mut state = self.lock();
        let is_there = state.subscriptions.contains(topic);
        // A client that has missed something goes on from where it is.
        let moves = matches!(options.from, SubscribeFrom::Position(_));
        if (is_there && !moves) || state.arriving.contains(topic) {
            return Err(ErrorReply::new(ErrorCode::AlreadySubscribed, "already subscribed"));
        }
        let max = self.0.hub.config.max_subscriptions;
        if !is_there && state.subscriptions.len() + state.arriving.len() >= max {
            let message = format!("`max_subscriptions` of {max} are there already");
            return Err(ErrorReply::new(ErrorCode::Limit, message));
        }
        state.arriving.push(topic.clone());
        Ok(Place { session: self.clone(), topic: topic.clone() })
    }

    /// Whether a place is kept in this topic.
    pub(super) fn arrives(&self, topic: &Topic) -> bool {
        self.lock().arriving.contains(topic)
    }
}

impl Place {
    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.session.lock();
        state.arriving.retain(|topic| *topic != self.topic);
        if state.arriving.is_empty() {
            // Most of the time; it takes no memory.
            state.arriving = Vec::new();
        }
    }
}
