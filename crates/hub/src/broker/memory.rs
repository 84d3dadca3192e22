//! The broker of a single process: logs in memory, gone with it.

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use everwire_proto::{GapReason, Name, Position, SubscribeFrom, Topic};

use super::{Beginning, Broker, BrokerError, History, Listener, Pending, Published};
use crate::clock;
use crate::dice::Dice;
use crate::log::{Appended, Draft, HistoryLimits, Suffix, TopicLog};

/// Topics that there may be at a time. Default of [`MemoryBroker::max_topics`].
const MAX_TOPICS: usize = 100_000;

/// How long a topic that nobody listens to and that has nothing in its log is kept, in milliseconds:
/// its end still proves that nothing was missed.
const LINGER: u64 = 3_600_000;

/// How much history a topic keeps, by its name.
type Limits = Box<dyn Fn(&Topic) -> HistoryLimits + Send + Sync>;

/// Logs in this process's memory.
///
/// A process that starts again begins new logs with new epochs: recovery is then refused with
/// [`GapReason::Epoch`], never silent.
pub struct MemoryBroker {
    topics: Mutex<HashMap<Topic, Arc<Mutex<Kept>>>>,
    listener: OnceLock<Arc<dyn Listener>>,
    limits: Limits,
    max_topics: usize,
    dice: Dice,
}

/// A topic.
struct Kept {
    log: TopicLog,
    followed: bool,
    /// When it was last asked for, in milliseconds since 1970.
    used: u64,
}

impl MemoryBroker {
    /// Every topic keeps what [`HistoryLimits`] say by default.
    pub fn new() -> Self {
        Self {
            topics: Mutex::default(),
            listener: OnceLock::new(),
            limits: Box::new(|_| HistoryLimits::default()),
            max_topics: MAX_TOPICS,
            dice: Dice::default(),
        }
    }

    /// How much history each topic keeps, asked when its log is made.
    #[must_use]
    pub fn limits(
        mut self,
        limits: impl Fn(&Topic) -> HistoryLimits + Send + Sync + 'static,
    ) -> Self {
        self.limits = Box::new(limits);
        self
    }

    /// How many topics there may be at a time. Default: 100,000. To make room, those that nobody
    /// listens to, whose logs are empty and that were not asked for within an hour are forgotten.
    #[must_use]
    pub fn max_topics(mut self, max: usize) -> Self {
        self.max_topics = max;
        self
    }

    /// How many topics there are.
    pub fn topics(&self) -> usize {
        lock(&self.topics).len()
    }

    /// A topic, made if there is room for one more.
    fn topic(&self, topic: &Topic) -> Result<Arc<Mutex<Kept>>, BrokerError> {
        let mut topics = lock(&self.topics);
        if let Some(kept) = topics.get(topic) {
            return Ok(kept.clone());
        }
        if topics.len() >= self.max_topics {
            let now = clock::now();
            topics.retain(|_, kept| !lock(kept).is_done_with(now));
            if topics.len() >= self.max_topics {
                return Err(BrokerError::TooManyTopics { max: self.max_topics });
            }
        }
        let log = TopicLog::new(self.dice.epoch(), (self.limits)(topic));
        let kept = Kept { log, followed: false, used: clock::now() };
        let kept = Arc::new(Mutex::new(kept));
        topics.insert(topic.clone(), kept.clone());
        Ok(kept)
    }

    /// Does something with a topic, without waiting.
    fn with_topic<T>(
        &self,
        topic: &Topic,
        act: impl FnOnce(&mut Kept, u64) -> Result<T, BrokerError>,
    ) -> Pending<'_, Result<T, BrokerError>>
    where
        T: Send + 'static,
    {
        let result = self.topic(topic).and_then(|kept| {
            let mut kept = lock(&kept);
            let now = clock::now();
            kept.used = now;
            kept.log.trim(now);
            act(&mut kept, now)
        });
        Box::pin(ready(result))
    }
}

impl Broker for MemoryBroker {
    fn attach(&self, listener: Arc<dyn Listener>) {
        let attached = self.listener.set(listener).is_ok();
        debug_assert!(attached, "a broker has one listener");
    }

    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>> {
        self.with_topic(topic, |kept, _| {
            kept.followed = true;
            Ok(kept.log.end())
        })
    }

    fn unfollow(&self, topic: &Topic) {
        if let Some(kept) = lock(&self.topics).get(topic) {
            lock(kept).followed = false;
        }
    }

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        self.with_topic(topic, |kept, now| {
            let appended = kept.log.append(now, self.dice.tag(), draft);
            let epoch = kept.log.epoch().clone();
            let offset = match appended {
                Appended::Unsure => return Err(BrokerError::Unsure),
                Appended::Repeated(offset) => offset,
                Appended::Stored(entry) => {
                    // Within the topic's lock: in the order of the log.
                    if let Some(listener) = self.listener.get().filter(|_| kept.followed) {
                        listener.deliver(topic, &epoch, &entry);
                    }
                    entry.place.offset
                }
            };
            Ok(Published { offset, epoch })
        })
    }

    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>> {
        self.with_topic(topic, |kept, _| Ok(begin(&mut kept.log, client, from)))
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        self.with_topic(topic, |kept, _| Ok(kept.log.page(behind, limit)))
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>> {
        self.with_topic(topic, |kept, _| {
            let (publications, more) = kept.log.before(before, limit);
            Ok(History { position: kept.log.end(), publications, more })
        })
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        // One that was forgotten has nothing to acknowledge.
        if let Some(kept) = lock(&self.topics).get(topic) {
            lock(kept).log.acknowledge(client, offset);
        }
    }
}

fn begin(log: &mut TopicLog, client: &Name, from: &SubscribeFrom) -> Beginning {
    let head = log.end();
    let asked = match from {
        SubscribeFrom::Position(position) => Some(position.clone()),
        SubscribeFrom::Acknowledged => log.acknowledged(client),
        _ => None,
    };
    let Some(asked) = asked else {
        let position = match from {
            SubscribeFrom::Earliest => log.start(),
            SubscribeFrom::Last(count) => log.before_last(*count as usize),
            _ => head.clone(),
        };
        return Beginning { position, head, recovered: None };
    };
    let recovered = log.after(&asked).map(|_| ());
    let position = if recovered.is_ok() { asked } else { head.clone() };
    Beginning { position, head, recovered: Some(recovered) }
}

impl Kept {
    fn is_done_with(&self, now: u64) -> bool {
        !self.followed && self.log.is_empty() && now.saturating_sub(self.used) > LINGER
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").field("topics", &self.topics()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
