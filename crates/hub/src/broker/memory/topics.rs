//! The topics of a broker in memory, and which of them can be forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use everwire_proto::Topic;

use crate::log::TopicLog;

/// How long a topic that nobody listens to and that has nothing in its log is kept, in milliseconds:
/// its end still proves that nothing was missed.
const LINGER: u64 = 3_600_000;

/// How long one is kept that nothing was ever published in, where others want its room.
const LINGER_UNUSED: u64 = 60_000;

/// How often each topic is looked after, in milliseconds.
const LOOK_EVERY: u64 = 60_000;

/// How many are looked after at a time.
const TURN: usize = 64;

/// How often all are looked through for room, in milliseconds.
const SEARCH_EVERY: u64 = 1_000;

/// All topics.
#[derive(Default)]
pub(super) struct Topics {
    kept: HashMap<Topic, Arc<Kept>>,
    /// Each of them once, and when to look after it; in the order of these times.
    due: VecDeque<(u64, Topic)>,
    /// When they were last looked through for room.
    searched: u64,
}

/// A topic.
pub(super) struct Kept {
    /// Beside the lock, not behind it: whoever ends the following may hold what a listener, which is called
    /// with the log locked, asks for.
    pub(super) followed: AtomicBool,
    pub(super) log: Mutex<Used>,
}

/// A topic's log.
pub(super) struct Used {
    pub(super) log: TopicLog,
    /// When it was last asked for, in milliseconds since 1970.
    pub(super) at: u64,
    /// What all logs keep together, in bytes, and what is counted there of this one.
    total: Arc<AtomicUsize>,
    counted: usize,
}

impl Topics {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn get(&self, topic: &Topic) -> Option<&Arc<Kept>> {
        self.kept.get(topic)
    }

    pub(super) fn insert(&mut self, now: u64, topic: Topic, kept: Arc<Kept>) {
        self.due.push_back((now.saturating_add(LOOK_EVERY), topic.clone()));
        self.kept.insert(topic, kept);
    }

    /// Looks after some of those whose time has come; false if there were none.
    pub(super) fn look_after(&mut self, now: u64) -> bool {
        let next = now.saturating_add(LOOK_EVERY);
        for _ in 0..TURN {
            if self.due.front().is_none_or(|(at, _)| *at > now) {
                return false;
            }
            let Some((_, topic)) = self.due.pop_front() else { return false };
            match self.kept.get(&topic) {
                Some(kept) if kept.is_done_with(now, LINGER) => _ = self.kept.remove(&topic),
                Some(_) => self.due.push_back((next, topic)),
                None => {}
            }
        }
        true
    }

    /// Makes room for one more, if it was not tried just now.
    pub(super) fn search(&mut self, now: u64) {
        if now.abs_diff(self.searched) < SEARCH_EVERY {
            return;
        }
        self.searched = now;
        self.kept.retain(|_, kept| !kept.is_done_with(now, LINGER_UNUSED));
        self.due.retain(|(_, topic)| self.kept.contains_key(topic));
    }
}

impl Kept {
    /// An empty log, counted among those of a total.
    pub(super) fn new(log: TopicLog, now: u64, total: &Arc<AtomicUsize>) -> Self {
        let used = Used { log, at: now, total: total.clone(), counted: 0 };
        Self { followed: AtomicBool::new(false), log: Mutex::new(used) }
    }

    /// Forgets what is beyond its age, and says whether nothing is left that anybody may want. One that nothing
    /// was published in is kept for `unused`.
    fn is_done_with(self: &Arc<Self>, now: u64, unused: u64) -> bool {
        // Somebody has just looked it up, which takes the lock that is held here: what is done with it would be
        // done with a log that nobody finds any more.
        if Arc::strong_count(self) > 1 {
            return false;
        }
        // One that is locked is in use.
        let Ok(mut used) = self.log.try_lock() else { return false };
        used.log.trim(now);
        used.count();
        let linger = if used.log.end().offset == 0 { unused } else { LINGER };
        let is_idle = now.saturating_sub(used.at) > linger;
        !self.followed.load(Ordering::Relaxed) && used.log.is_empty() && is_idle
    }
}

impl Used {
    /// Counts what it keeps by now. Gives the total.
    fn count(&mut self) -> usize {
        let (bytes, counted) = (self.log.bytes(), self.counted);
        self.counted = bytes;
        match bytes.checked_sub(counted) {
            Some(more) => self.total.fetch_add(more, Ordering::Relaxed) + more,
            None => {
                let less = counted - bytes;
                self.total.fetch_sub(less, Ordering::Relaxed) - less
            }
        }
    }

    /// Counts what it keeps by now, and has it forget as much as the total is beyond this.
    pub(super) fn keep_within(&mut self, max_bytes: usize) {
        let beyond = self.count().saturating_sub(max_bytes);
        if beyond > 0 {
            self.log.shrink_to(self.log.bytes().saturating_sub(beyond));
            self.count();
        }
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        self.total.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use everwire_proto::Payload;

    use super::*;
    use crate::broker::memory::lock;
    use crate::broker::{Broker, MemoryBroker};
    use crate::clock;
    use crate::log::Draft;

    #[tokio::test]
    async fn a_topic_that_somebody_has_just_looked_up_is_not_forgotten_before_it_is_used() {
        let broker = MemoryBroker::new();
        let topic = Topic::new("quiet").unwrap();
        let found = broker.topic(&topic).unwrap();
        let much_later = clock::now() + 2 * LINGER;
        broker.expire(much_later);
        lock(&broker.topics).search(much_later);
        assert_eq!(broker.topics(), 1);
        drop(found);
        broker.expire(much_later + LOOK_EVERY);
        assert_eq!(broker.topics(), 0);
    }

    #[tokio::test]
    async fn to_make_room_what_was_never_published_in_goes_first_and_not_at_each_attempt() {
        let broker = MemoryBroker::new();
        let [used, unused] = ["used", "unused"].map(|name| Topic::new(name).unwrap());
        let payload = Payload::of(&1).unwrap();
        let draft = Draft { from: None, payload, key: None, except: None };
        broker.publish(&used, draft).await.unwrap();
        broker.follow(&unused).await.unwrap();
        let now = clock::now();
        let left = |minutes: u64| {
            let mut topics = lock(&broker.topics);
            topics.search(now + minutes * 60_000);
            assert_eq!(topics.kept.len(), topics.due.len());
            topics.kept.len()
        };
        assert_eq!((left(0), left(30)), (2, 2));
        broker.unfollow(&unused);
        // It was looked for just now.
        assert_eq!(left(30), 2);
        assert_eq!(left(31), 1);
        assert_eq!((left(59), left(61)), (1, 0));
    }
}
