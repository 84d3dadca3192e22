//! The broker in memory.

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
