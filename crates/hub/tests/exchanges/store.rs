//! Logs that are lost, cut and trimmed on command.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, OnceLock};

use everwire_hub::broker::{Beginning, Broker, BrokerError, History, Listener, Pending, Published};
use everwire_hub::log::{Appended, Draft, Entry, HistoryLimits, Suffix, TopicLog};
use everwire_hub::proto::{Epoch, GapReason, Name, Payload, Position, SubscribeFrom, Topic};

/// A broker in memory; clones are the same one.
#[derive(Clone)]
pub(crate) struct Store(Arc<Shared>);

struct Shared {
    logs: Mutex<Logs>,
    limits: Box<dyn Fn(&Topic) -> HistoryLimits + Send + Sync>,
    listener: OnceLock<Arc<dyn Listener>>,
}

#[derive(Default)]
struct Logs {
    topics: HashMap<Topic, TopicLog>,
    /// Whatever has to be new counts up.
    drawn: u32,
}

impl Store {
    pub(crate) fn new(limits: impl Fn(&Topic) -> HistoryLimits + Send + Sync + 'static) -> Self {
        let (logs, listener) = (Mutex::default(), OnceLock::new());
        Self(Arc::new(Shared { logs, limits: Box::new(limits), listener }))
    }

    /// Somebody who is no session publishes.
    pub(crate) fn publish_as(&self, user: &str, topic: &Topic, payload: Payload) {
        let from = Some(Name::new(user).unwrap());
        self.append(topic, Draft { from, payload, key: None, except: None }).unwrap();
    }

    /// The log is lost.
    pub(crate) fn forget(&self, topic: &Topic) {
        self.0.logs.lock().unwrap().topics.remove(topic);
    }

    /// The log keeps only so many.
    pub(crate) fn trim(&self, topic: &Topic, keep: usize) {
        let mut limits = (self.0.limits)(topic);
        limits.max_entries = keep;
        self.rebuild(topic, limits, usize::MAX);
    }

    /// The log loses what is behind this offset, and does not know it.
    pub(crate) fn cut(&self, topic: &Topic, behind: usize) {
        self.rebuild(topic, (self.0.limits)(topic), behind);
    }

    fn rebuild(&self, topic: &Topic, limits: HistoryLimits, count: usize) {
        let mut logs = self.0.logs.lock().unwrap();
        let log = &logs.topics[topic];
        let (entries, _) = log.before(u64::MAX, usize::MAX);
        assert_eq!(entries.len() as u64, log.end().offset, "all of them are kept");
        let mut new = TopicLog::new(log.epoch().clone(), limits);
        for entry in entries.iter().take(count) {
            let Entry { place, content, .. } = &**entry;
            let (from, payload) = (content.from.clone(), content.payload.clone());
            new.append(content.time, place.tag, Draft { from, payload, key: None, except: None });
        }
        logs.topics.insert(topic.clone(), new);
    }

    fn with<T>(&self, topic: &Topic, act: impl FnOnce(&mut TopicLog, u32) -> T) -> T {
        let mut logs = self.0.logs.lock().unwrap();
        logs.drawn += 1;
        let Logs { topics, drawn } = &mut *logs;
        let log = topics.entry(topic.clone()).or_insert_with(|| {
            let epoch = Epoch::new(&format!("epoch-{drawn}")).unwrap();
            TopicLog::new(epoch, (self.0.limits)(topic))
        });
        act(log, *drawn)
    }

    fn append(&self, topic: &Topic, draft: Draft) -> Result<Published, BrokerError> {
        self.with(topic, |log, tag| {
            let epoch = log.epoch().clone();
            let offset = match log.append(now(), tag, draft) {
                Appended::Unsure => return Err(BrokerError::Unsure),
                Appended::Repeated(offset) => offset,
                Appended::Stored(entry) => {
                    self.0.listener.get().unwrap().deliver(topic, &epoch, &entry);
                    entry.place.offset
                }
            };
            Ok(Published { offset, epoch })
        })
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

fn answer<'a, T: Send + 'a>(value: T) -> Pending<'a, Result<T, BrokerError>> {
    Box::pin(ready(Ok(value)))
}

impl Broker for Store {
    fn attach(&self, listener: Arc<dyn Listener>) {
        assert!(self.0.listener.set(listener).is_ok());
    }

    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>> {
        answer(self.with(topic, |log, _| log.end()))
    }

    fn unfollow(&self, _: &Topic) {}

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        Box::pin(ready(self.append(topic, draft)))
    }

    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>> {
        answer(self.with(topic, |log, _| {
            let head = log.end();
            let asked = match from {
                SubscribeFrom::Position(position) => Some(position.clone()),
                SubscribeFrom::Acknowledged => log.acknowledged(client),
                _ => None,
            };
            let recovered = asked.as_ref().map(|asked| log.after(asked).map(|_| ()));
            let position = match (asked, from) {
                (Some(asked), _) if recovered == Some(Ok(())) => asked,
                (None, SubscribeFrom::Earliest) => log.start(),
                (None, SubscribeFrom::Last(count)) => log.before_last(*count as usize),
                _ => head.clone(),
            };
            Beginning { position, head, recovered }
        }))
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        answer(self.with(topic, |log, _| log.page(behind, limit)))
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>> {
        answer(self.with(topic, |log, _| {
            let (publications, more) = log.before(before, limit);
            History { position: log.end(), publications, more }
        }))
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        self.with(topic, |log, _| log.acknowledge(client, offset));
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}
