//! The topics that a session hears.

use std::sync::Arc;

use everwire_proto::Topic;

use crate::topics::Room;

/// A session's place in a topic.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) room: Arc<Room>,
    pub(super) seat: usize,
    /// Its place among those who hear who is there.
    pub(super) hearing: Option<usize>,
}

/// A session's subscriptions, in the order of their topics' names. Most sessions have a few, for which a map
/// would take several times the room.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn get(&self, topic: &Topic) -> Option<&Subscription> {
        self.find(topic).ok().map(|index| &self.0[index])
    }

    pub(super) fn contains(&self, topic: &Topic) -> bool {
        self.find(topic).is_ok()
    }

    /// Takes one; false if there was one in that topic, in whose place it is now.
    pub(super) fn insert(&mut self, subscription: Subscription) -> bool {
        match self.find(subscription.room.topic()) {
            Ok(index) => {
                self.0[index] = subscription;
                false
            }
            Err(index) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(index, subscription);
                true
            }
        }
    }

    pub(super) fn remove(&mut self, topic: &Topic) -> Option<Subscription> {
        let removed = self.0.remove(self.find(topic).ok()?);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(removed)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.0.iter().map(|subscription| subscription.room.topic())
    }

    fn find(&self, topic: &Topic) -> Result<usize, usize> {
        self.0.binary_search_by(|subscription| subscription.room.topic().cmp(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(topic: &str, seat: usize) -> Subscription {
        Subscription { room: Room::new(&Topic::new(topic).unwrap()), seat, hearing: None }
    }

    #[test]
    fn each_topic_is_there_once_and_found_by_its_name() {
        let mut subscriptions = Subscriptions::default();
        for (seat, topic) in ["b", "a", "c"].into_iter().enumerate() {
            assert!(subscriptions.insert(subscription(topic, seat)));
        }
        assert!(!subscriptions.insert(subscription("a", 9)));
        let topics: Vec<_> = subscriptions.topics().map(Topic::to_string).collect();
        assert_eq!(topics, ["a", "b", "c"]);
        let a = Topic::new("a").unwrap();
        assert_eq!(subscriptions.get(&a).unwrap().seat, 9);
        assert_eq!(subscriptions.remove(&a).unwrap().seat, 9);
        assert!(subscriptions.remove(&a).is_none() && !subscriptions.contains(&a));
        assert_eq!(subscriptions.len(), 2);
    }
}
