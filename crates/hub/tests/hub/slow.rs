//! Subscribers that do not read.

use everwire_hub::proto::{SlowPolicy, Topic};
use everwire_hub::{Counters, TopicConfig};
use serde_json::json;

use crate::stage::{Stage, settle};

const SIZE: usize = 1_000;
const COUNT: u64 = 400;

/// A stage on which a session's queue is soon full.
fn stage(change: impl Fn(&mut TopicConfig) + Send + Sync + 'static) -> Stage {
    let mut stage = Stage::with_topics(change);
    stage.socket.max_queued_bytes = 32 << 10;
    stage
}

async fn publish_all(stage: &Stage) {
    for n in 1..=COUNT {
        stage.publish("t", json!([n, "x".repeat(SIZE)])).await;
        settle().await;
    }
}

fn counters(stage: &Stage) -> Counters {
    let counters = stage.hub.counters(&Topic::new("t").unwrap()).unwrap();
    let known = counters.delivered + counters.dropped + counters.left + counters.pending;
    assert_eq!(counters.due, known, "{counters:?}");
    counters
}

#[tokio::test]
async fn with_resume_it_goes_on_from_the_log_and_misses_nothing() {
    let stage = stage(|_| ());
    let mut slow = stage.client().await;
    slow.subscribe("t").await;
    let mut other = stage.client().await;
    other.subscribe("t").await;
    for n in 1..=COUNT {
        stage.publish("t", json!([n, "x".repeat(SIZE)])).await;
        // The others do not notice.
        assert_eq!(other.hear_publication().await.0, n);
    }
    let behind = counters(&stage);
    assert!(behind.pending > COUNT / 2, "{behind:?}");

    for n in 1..=COUNT {
        assert_eq!(slow.hear_publication().await.1[0], n);
    }
    stage.publish("t", json!(["live again"])).await;
    assert_eq!(slow.hear_publication().await.1[0], "live again");
    let caught_up = counters(&stage);
    assert_eq!((caught_up.pending, caught_up.dropped), (0, 0));
}

#[tokio::test]
async fn with_resume_a_log_that_was_trimmed_meanwhile_is_told_as_a_gap() {
    let stage = stage(|topic| topic.history.max_entries = 20);
    let mut slow = stage.client().await;
    slow.subscribe("t").await;
    publish_all(&stage).await;
    let mut last = 0;
    let gap = loop {
        let message = slow.hear().await;
        match message.get("gap") {
            Some(gap) => break gap.clone(),
            None => {
                last += 1;
                assert_eq!(message["pub"]["offset"], last);
            }
        }
    };
    assert_eq!(gap["reason"], "trimmed");
    assert_eq!(gap["from"]["offset"], last);
    assert_eq!(gap["to"]["offset"], COUNT);
    assert_eq!(counters(&stage).dropped, COUNT - last);
    stage.publish("t", json!(["live again"])).await;
    assert_eq!(slow.hear_publication().await, (COUNT + 1, json!(["live again"])));
}

#[tokio::test]
async fn with_drop_publications_are_left_out_but_for_the_newest_and_a_gap_says_which() {
    let stage = stage(|topic| topic.slow = SlowPolicy::Drop);
    let mut slow = stage.client().await;
    slow.subscribe("t").await;
    publish_all(&stage).await;
    let (mut heard, mut missed, mut at) = (0, 0, 0);
    // The newest comes behind the gap, although nothing follows.
    while at < COUNT {
        let message = slow.hear().await;
        if let Some(gap) = message.get("gap") {
            assert_eq!((&gap["reason"], &gap["from"]["offset"]), (&json!("dropped"), &json!(at)));
            missed += gap["to"]["offset"].as_u64().unwrap() - at;
            at = gap["to"]["offset"].as_u64().unwrap();
            assert!(at < COUNT, "{gap}");
        } else {
            at += 1;
            heard += 1;
            assert_eq!(message["pub"]["offset"], at);
        }
    }
    assert!(missed > COUNT / 2, "{missed}");
    let counters = counters(&stage);
    assert_eq!((counters.delivered, counters.dropped), (heard, missed));
}

#[tokio::test]
async fn without_history_a_gap_and_the_newest_publication_are_all_that_is_left() {
    let stage = stage(|topic| topic.history.max_entries = 0);
    let (mut slow, mut raw) = (stage.client().await, stage.raw());
    slow.subscribe("t").await;
    raw.socket.send("join t").await.unwrap();
    settle().await;
    publish_all(&stage).await;
    let mut heard = 0;
    let gap = loop {
        let message = slow.hear().await;
        match message.get("gap") {
            Some(gap) => break gap.clone(),
            None => heard += 1,
        }
    };
    assert_eq!(gap, json!({ "topic": "t", "reason": "dropped" }));
    assert_eq!(slow.hear_publication().await.1[0], COUNT);
    slow.hear_nothing().await;
    let mut said = json!(null);
    while said[0] != COUNT {
        said = serde_json::from_slice(raw.hear_raw().await.as_bytes()).unwrap();
    }
    assert_eq!(counters(&stage).pending, 0);
    assert!(heard < COUNT / 2);
}

#[tokio::test]
async fn with_close_the_link_is_closed_and_the_client_comes_back_and_recovers() {
    let stage = stage(|topic| topic.slow = SlowPolicy::Close);
    let (mut slow, _) = stage.connect(json!({})).await;
    let position = slow.subscribe("t").await["position"].clone();
    publish_all(&stage).await;
    let mut other = stage.client().await;
    other.hear_nothing().await;
    assert_eq!(slow.end().await, 4409);

    let mut again = stage.client().await;
    let subscribe = json!({ "subscribe": { "topic": "t", "from": position } });
    assert_eq!(again.ask(subscribe).await["recovered"], true);
    for n in 1..=COUNT {
        assert_eq!(again.hear_publication().await.1[0], n);
    }
}

#[tokio::test]
async fn whoever_leaves_while_behind_is_counted_as_left() {
    let stage = stage(|_| ());
    let mut slow = stage.client().await;
    slow.subscribe("t").await;
    let mut other = stage.client().await;
    other.subscribe("t").await;
    for _ in 1..=COUNT {
        stage.publish("t", json!("x".repeat(SIZE))).await;
        other.hear_publication().await;
    }
    let pending = counters(&stage).pending;
    slow.say(json!({ "id": 9, "unsubscribe": { "topic": "t" } })).await;
    settle().await;
    let counters = counters(&stage);
    assert!(counters.left > 0 && counters.left <= pending, "{counters:?}");
    assert_eq!(counters.pending, 0);
}

#[tokio::test]
async fn whoever_is_not_open_yet_is_not_slow() {
    for policy in [SlowPolicy::Drop, SlowPolicy::Close, SlowPolicy::Resume] {
        let stage = stage(move |topic| topic.slow = policy);
        let mut client = stage.open("/chat/busy", Some("everwire.json.v1"));
        client.ask(json!({ "connect": { "version": 1 } })).await;
        assert_eq!(client.hear().await["subscribed"]["topic"], "chat:busy");
        assert_eq!(client.hear_publications(3).await, [json!(1), json!(2), json!(3)]);
        client.hear_nothing().await;
        let mut raw = stage.open("/chat/busy", None);
        for n in ["1", "2", "3"] {
            assert_eq!(raw.hear_raw().await.as_text(), Some(n), "{policy:?}");
        }
    }
}
