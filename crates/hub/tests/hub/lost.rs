//! A broker that loses its connection, and with it publications.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use everwire_hub::Hub;
use everwire_hub::broker::{
    Beginning, Broker, BrokerError, History, Listener, MemoryBroker, Pending, Published,
};
use everwire_hub::log::{Draft, Entry, Suffix};
use everwire_hub::proto::{Epoch, GapReason, Name, Position, SlowPolicy, SubscribeFrom, Topic};
use everwire_hub::{HubConfig, TopicConfig};
use serde_json::json;

use crate::stage::{Open, Stage, numbers, settle};

/// Clones are the same broker.
#[derive(Debug, Clone)]
pub(crate) struct Shaky {
    broker: Arc<MemoryBroker>,
    line: Arc<Line>,
}

/// What publications are handed over by.
#[derive(Default)]
struct Line {
    hub: OnceLock<Arc<dyn Listener>>,
    /// Topics of which nothing is handed over until they are followed anew.
    cut: Mutex<Vec<Topic>>,
    /// How often following fails from now on.
    failures: AtomicU32,
}

impl Shaky {
    fn new(broker: MemoryBroker) -> Self {
        let (broker, line) = (Arc::new(broker), Arc::new(Line::default()));
        broker.attach(line.clone());
        Self { broker, line }
    }

    /// From now on publications of a topic are missed.
    fn cut(&self, topic: &Topic) {
        self.line.cut.lock().unwrap().push(topic.clone());
    }

    /// It is noticed; following works again behind so many failures.
    fn tell(&self, topic: &Topic, failures: u32) {
        self.line.failures.store(failures, Ordering::Relaxed);
        self.line.hub.get().unwrap().lost(topic);
    }
}

impl Listener for Line {
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>) {
        if !self.cut.lock().unwrap().contains(topic) {
            self.hub.get().unwrap().deliver(topic, epoch, publication);
        }
    }

    fn lost(&self, topic: &Topic) {
        panic!("a broker in memory loses nothing of {topic}");
    }
}

impl Broker for Shaky {
    fn attach(&self, listener: Arc<dyn Listener>) {
        assert!(self.line.hub.set(listener).is_ok());
    }

    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>> {
        let fails = |left: u32| left.checked_sub(1);
        if self.line.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fails).is_ok() {
            return Box::pin(async { Err(BrokerError::Unavailable("the line is cut".into())) });
        }
        self.line.cut.lock().unwrap().retain(|cut| cut != topic);
        self.broker.follow(topic)
    }

    fn unfollow(&self, topic: &Topic) {
        self.broker.unfollow(topic);
    }

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        self.broker.publish(topic, draft)
    }

    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>> {
        Box::pin(async move {
            // It is on the other side of a network: others have their turn meanwhile.
            tokio::task::yield_now().await;
            self.broker.begin(topic, client, from).await
        })
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        self.broker.read(topic, behind, limit)
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>> {
        self.broker.history(topic, before, limit)
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        self.broker.acknowledge(topic, client, offset);
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

pub(crate) fn stage(rules: fn() -> TopicConfig) -> (Stage, Shaky, Topic) {
    let mut stage = Stage::new();
    let broker = Shaky::new(MemoryBroker::new().limits(move |_| rules().history));
    let mut config = HubConfig::default();
    config.topics = Arc::new(move |_| rules());
    let hub = Hub::builder().config(config).broker(broker.clone());
    stage.hub = hub.endpoint("/chat/{room}", Open::default()).unwrap().build();
    (stage, broker, Topic::new("t").unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_a_broker_did_not_hand_over_is_read_from_the_log_when_it_is_back() {
    let (stage, broker, topic) = stage(TopicConfig::default);
    let mut early = stage.client().await;
    early.subscribe("t").await;
    stage.count("t", 1..=2).await;
    assert_eq!(early.hear_publications(2).await, numbers(1..=2));

    broker.cut(&topic);
    stage.count("t", 3..=5).await;
    early.hear_nothing().await;
    broker.tell(&topic, 2);
    settle().await;
    // Whoever comes meanwhile begins at the log's end.
    let mut late = stage.client().await;
    assert_eq!(late.subscribe("t").await["position"]["offset"], 5);
    stage.count("t", 6..=6).await;
    late.hear_nothing().await;

    // It tries again once in a second.
    let before = tokio::time::Instant::now();
    assert_eq!(early.hear_publications(4).await, numbers(3..=6));
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    assert_eq!(late.hear_publications(1).await, numbers(6..=6));
    stage.count("t", 7..=200).await;
    assert_eq!(early.hear_publications(194).await, numbers(7..=200));
    assert_eq!(late.hear_publications(194).await, numbers(7..=200));
    early.hear_nothing().await;
    let counters = stage.hub.counters(&topic).unwrap();
    assert_eq!((counters.due, counters.delivered), (200 + 195, 200 + 195));
    assert_eq!((counters.dropped, counters.left, counters.pending), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_history_it_is_told_as_a_gap() {
    let (stage, broker, topic) = stage(|| {
        let mut rules = TopicConfig::default();
        rules.history.max_entries = 0;
        rules.slow = SlowPolicy::Drop;
        rules
    });
    let mut client = stage.client().await;
    client.subscribe("t").await;
    stage.count("t", 1..=1).await;
    assert_eq!(client.hear_publications(1).await, numbers(1..=1));
    broker.cut(&topic);
    stage.count("t", 2..=3).await;
    broker.tell(&topic, 1);
    let gap = client.hear().await["gap"].clone();
    assert_eq!((&gap["topic"], gap.get("from")), (&json!("t"), None), "{gap}");
    stage.count("t", 4..=4).await;
    assert_eq!(client.hear_publications(1).await, numbers(4..=4));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_nobody_hears_any_more_is_not_followed_anew() {
    let (stage, broker, topic) = stage(TopicConfig::default);
    let mut client = stage.client().await;
    client.subscribe("t").await;
    broker.cut(&topic);
    broker.tell(&topic, 1);
    settle().await;
    client.ask(json!({ "unsubscribe": { "topic": "t" } })).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(*broker.line.cut.lock().unwrap(), [topic]);
}
