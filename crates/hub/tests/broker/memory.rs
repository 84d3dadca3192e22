//! The broker in memory.

use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::Duration;

use everwire_hub::broker::MemoryBroker;
use everwire_hub::log::HistoryLimits;

crate::broker_suite!(MemoryBroker::new());

/// At most so many entries.
fn at_most(entries: usize) -> HistoryLimits {
    let mut limits = HistoryLimits::default();
    limits.max_entries = entries;
    limits
}

#[tokio::test]
async fn each_topic_keeps_what_its_own_limits_say() {
    let broker = MemoryBroker::new().limits(|topic| match topic.starts_with("chat") {
        true => at_most(2),
        false => HistoryLimits::default(),
    });
    let stage = Stage::new(broker);
    let start = stage.end().await;
    stage.publish_all(5).await;
    assert_eq!(stage.read(&start, 10).await, Err(GapReason::Trimmed));
    assert_eq!(stage.begin(SubscribeFrom::Earliest).await, (3, None));
}

#[tokio::test]
async fn a_topic_more_than_there_may_be_is_refused_and_the_others_go_on() {
    let stage = Stage::new(MemoryBroker::new().max_topics(1));
    stage.publish("first").await;
    let other = Topic::new("other").unwrap();
    let error = stage.broker.publish(&other, draft("no room")).await.unwrap_err();
    assert_eq!(error.to_string(), "there are already as many topics as `max_topics` of 1 allows");
    assert_eq!(stage.publish("second").await, 2);
    assert_eq!(stage.broker.topics(), 1);
}

/// Milliseconds since 1970, in so many minutes.
fn in_minutes(minutes: u64) -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    u64::try_from(now).unwrap() + minutes * 60_000
}

#[tokio::test]
async fn topics_that_nobody_asks_for_keep_nothing_beyond_its_age() {
    let stage = Stage::new(MemoryBroker::new());
    for n in 0..1_000 {
        let topic = Topic::new(&format!("room:{n}")).unwrap();
        stage.broker.publish(&topic, draft("some history")).await.unwrap();
    }
    stage.broker.expire(in_minutes(9));
    assert!(stage.broker.bytes() > 500_000, "{}", stage.broker.bytes());
    stage.broker.expire(in_minutes(11));
    assert_eq!((stage.broker.topics(), stage.broker.bytes()), (1_000, 0));
    // Whoever comes back within the hour has missed nothing.
    stage.broker.expire(in_minutes(59));
    assert_eq!(stage.broker.topics(), 1_000);
    stage.broker.expire(in_minutes(61));
    assert_eq!(stage.broker.topics(), 0);
}

#[tokio::test]
async fn a_topic_that_is_listened_to_is_never_forgotten() {
    let stage = Stage::new(MemoryBroker::new());
    let topic = Topic::new("quiet").unwrap();
    let end = stage.broker.follow(&topic).await.unwrap();
    stage.broker.expire(in_minutes(600));
    assert_eq!(stage.broker.follow(&topic).await.unwrap(), end);
    stage.broker.unfollow(&topic);
    stage.broker.expire(in_minutes(1_200));
    assert_eq!(stage.broker.topics(), 0);
}

#[tokio::test]
async fn all_logs_together_keep_no_more_than_they_may() {
    let max = 100_000;
    let stage = Stage::new(MemoryBroker::new().max_bytes(max));
    let start = stage.end().await;
    stage.publish_all(10).await;
    for n in 0..1_000 {
        let topic = Topic::new(&format!("room:{}", n % 200)).unwrap();
        stage.broker.publish(&topic, draft("one of many")).await.unwrap();
        assert!(stage.broker.bytes() <= max, "{}", stage.broker.bytes());
    }
    assert!(stage.broker.bytes() > max / 2, "{}", stage.broker.bytes());
    // Those who were there before keep what they have; whoever publishes gives up what is older.
    assert_eq!(stage.read(&start, 20).await.unwrap().len(), 10);
    stage.publish_all(50).await;
    assert_eq!(stage.read(&start, 20).await, Err(GapReason::Trimmed));
    stage.broker.expire(in_minutes(1_000));
    assert_eq!((stage.broker.topics(), stage.broker.bytes()), (0, 0));
}

#[tokio::test]
async fn whoever_is_asked_for_limits_may_ask_the_broker() {
    let broker = Arc::<MemoryBroker>::new_cyclic(|broker: &Weak<MemoryBroker>| {
        let broker = broker.clone();
        MemoryBroker::new().limits(move |_| {
            // In a thread of its own, so that a broker that is locked fails the test and does not hang it.
            let broker = broker.upgrade().unwrap();
            let (told, topics) = mpsc::sync_channel(1);
            thread::spawn(move || told.send(broker.topics()));
            at_most(topics.recv_timeout(Duration::from_secs(5)).expect("it hangs"))
        })
    });
    let [first, second] = ["first", "second"].map(|name| Topic::new(name).unwrap());
    broker.publish(&first, draft("not kept")).await.unwrap();
    broker.publish(&second, draft("kept")).await.unwrap();
    assert_eq!(broker.history(&first, u64::MAX, 10).await.unwrap().publications.len(), 0);
    assert_eq!(broker.history(&second, u64::MAX, 10).await.unwrap().publications.len(), 1);
}
