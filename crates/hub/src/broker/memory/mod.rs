//! The broker of a single process: logs in memory, gone with it.

mod topics;

use std::fmt;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use everwire_proto::{GapReason, Name, Position, SubscribeFrom, Topic};

use self::topics::{Kept, Topics};
use super::{Beginning, Broker, BrokerError, History, Listener, Pending, Published};
use crate::clock;
use crate::dice::Dice;
use crate::log::{Appended, Draft, HistoryLimits, Suffix, TopicLog};

/// Topics that there may be at a time. Default of [`MemoryBroker::max_topics`].
const MAX_TOPICS: usize = 100_000;

/// What all logs may keep together, in bytes. Default of [`MemoryBroker::max_bytes`].
const MAX_BYTES: usize = 1 << 30;

/// How often in a call some topics are looked after.
const TURNS: usize = 64;

/// How much history a topic keeps, by its name.
type Limits = Box<dyn Fn(&Topic) -> HistoryLimits + Send + Sync>;

/// Logs in this process's memory.
///
/// A process that starts again begins new logs with new epochs: recovery is then refused with
/// [`GapReason::Epoch`], never silent.
pub struct MemoryBroker {
    topics: Mutex<Topics>,
    listener: OnceLock<Arc<dyn Listener>>,
    limits: Limits,
    max_topics: usize,
    max_bytes: usize,
    /// What all logs keep.
    bytes: Arc<AtomicUsize>,
    dice: Dice,
}

impl MemoryBroker {
    /// Every topic keeps what [`HistoryLimits`] say by default.
    pub fn new() -> Self {
        Self {
            topics: Mutex::default(),
            listener: OnceLock::new(),
            limits: Box::new(|_| HistoryLimits::default()),
            max_topics: MAX_TOPICS,
            max_bytes: MAX_BYTES,
            bytes: Arc::default(),
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

    /// How many topics there may be at a time. Default: 100,000. Those that nobody listens to, whose logs are
    /// empty and that were not asked for within an hour are forgotten; to make room, those that nothing was
    /// ever published in after a minute.
    #[must_use]
    pub fn max_topics(mut self, max: usize) -> Self {
        self.max_topics = max;
        self
    }

    /// How many topics there are.
    pub fn topics(&self) -> usize {
        lock(&self.topics).len()
    }

    /// How much all logs may keep together, in bytes. Default: 1 GiB. Beyond it a topic forgets as much of its
    /// past as is published in it, so that nobody who may publish can fill the memory.
    #[must_use]
    pub fn max_bytes(mut self, max: usize) -> Self {
        self.max_bytes = max;
        self
    }

    /// What all logs keep, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A topic, made if there is room for one more.
    fn topic(&self, topic: &Topic) -> Result<Arc<Kept>, BrokerError> {
        if let Some(kept) = lock(&self.topics).get(topic) {
            return Ok(kept.clone());
        }
        // With nothing locked: it is the application's.
        let limits = (self.limits)(topic);
        let mut topics = lock(&self.topics);
        if let Some(kept) = topics.get(topic) {
            return Ok(kept.clone());
        }
        let now = clock::now();
        if topics.len() >= self.max_topics {
            topics.search(now);
            if topics.len() >= self.max_topics {
                return Err(BrokerError::TooManyTopics { max: self.max_topics });
            }
        }
        let log = TopicLog::new(self.dice.epoch(), limits);
        let kept = Arc::new(Kept::new(log, now, &self.bytes));
        topics.insert(now, topic.clone(), kept.clone());
        Ok(kept)
    }

    /// Does something with a topic, without waiting.
    fn with_topic<T>(
        &self,
        topic: &Topic,
        act: impl FnOnce(&Kept, &mut TopicLog, u64) -> Result<T, BrokerError>,
    ) -> Pending<'_, Result<T, BrokerError>>
    where
        T: Send + 'static,
    {
        let result = self.topic(topic).and_then(|kept| {
            let mut used = lock(&kept.log);
            let now = clock::now();
            used.at = now;
            used.log.trim(now);
            let done = act(&kept, &mut used.log, now);
            used.keep_within(self.max_bytes);
            done
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
        self.with_topic(topic, |kept, log, _| {
            // With the log locked: nothing is published between its end and the first delivery.
            kept.followed.store(true, Ordering::Relaxed);
            Ok(log.end())
        })
    }

    fn unfollow(&self, topic: &Topic) {
        if let Some(kept) = lock(&self.topics).get(topic) {
            kept.followed.store(false, Ordering::Relaxed);
        }
    }

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        self.with_topic(topic, |kept, log, now| {
            let appended = log.append(now, self.dice.tag(), draft);
            let epoch = log.epoch().clone();
            let offset = match appended {
                Appended::Unsure => return Err(BrokerError::Unsure),
                Appended::Repeated(offset) => offset,
                Appended::Stored(entry) => {
                    // With the log locked: in its order.
                    let followed = kept.followed.load(Ordering::Relaxed);
                    if let Some(listener) = self.listener.get().filter(|_| followed) {
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
        self.with_topic(topic, |_, log, _| Ok(begin(log, client, from)))
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        self.with_topic(topic, |_, log, _| Ok(log.page(behind, limit)))
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>> {
        self.with_topic(topic, |_, log, _| {
            let (publications, more) = log.before(before, limit);
            Ok(History { position: log.end(), publications, more })
        })
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        // One that was forgotten has nothing to acknowledge.
        let kept = lock(&self.topics).get(topic).cloned();
        if let Some(kept) = kept {
            lock(&kept.log).log.acknowledge(client, offset);
        }
    }

    fn expire(&self, now: u64) {
        // A few at a time, since others wait for the lock; and no more than that in a call.
        for _ in 0..TURNS {
            if !lock(&self.topics).look_after(now) {
                return;
            }
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
