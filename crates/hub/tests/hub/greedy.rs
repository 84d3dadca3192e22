//! Clients that ask for more than they are to get, or for what is somebody else's.

use everwire_hub::TopicConfig;
use everwire_hub::proto::{ErrorCode, SubscribeFrom, SubscribeOptions, Topic};
use serde_json::{Map, Value, json};

use crate::lost;
use crate::stage::{Stage, settle};

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// So many subscriptions, as `connect` names them.
fn subscriptions(count: usize) -> Value {
    let all: Map<_, _> = (0..count).map(|n| (format!("t{n}"), json!({}))).collect();
    json!({ "subscriptions": all })
}

#[tokio::test]
async fn a_connect_gets_no_more_subscriptions_than_a_session_may_have() {
    let stage = Stage::with(|config| config.max_subscriptions = 3);
    let (mut client, answer) = stage.connect(subscriptions(5)).await;
    let outcomes: Vec<_> = answer["subscriptions"].as_object().unwrap().values().collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.get("ok").is_some()).count(), 3);
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.get("error")).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|error| error["code"] == "limit"), "{refused:?}");
    assert_eq!(client.subscribe("more").await, "limit");
}

#[tokio::test]
async fn a_connect_that_names_thousands_of_topics_is_refused_as_a_whole() {
    let stage = Stage::new();
    let (_client, answer) = stage.connect(subscriptions(1_024)).await;
    assert_eq!(answer["subscriptions"].as_object().unwrap().len(), 1_024);
    let (mut client, answer) = stage.connect(subscriptions(1_025)).await;
    assert_eq!(answer, "limit");
    assert_eq!(client.end().await, 4500);
    settle().await;
    assert_eq!(stage.hub.sessions(), 1);
}

#[tokio::test]
async fn a_topic_that_connect_names_twice_is_subscribed_once() {
    let stage = Stage::new();
    let mut client = stage.open("/chat/blue", Some("everwire.json.v1"));
    let connect = r#"{"id":1,"connect":{"version":1,"subscriptions":{"t":{},"t":{}}}}"#;
    client.socket.send(connect).await.unwrap();
    let answer = client.hear().await;
    assert_eq!(answer["ok"]["subscriptions"].as_object().unwrap().len(), 1, "{answer}");
    assert!(answer["ok"]["subscriptions"]["t"]["ok"].is_object(), "{answer}");
    stage.count("t", 1..=1).await;
    assert_eq!(client.hear_publications(1).await, [json!(1)]);
    client.hear_nothing().await;
    client.ask(json!({ "unsubscribe": { "topic": "t" } })).await;
    assert_eq!(stage.hub.counters(&topic("t")), None);
}

#[tokio::test]
async fn two_tasks_that_subscribe_a_session_at_once_make_one_subscription() {
    let (stage, _, t) = lost::stage(TopicConfig::default);
    let (mut client, connected) = stage.connect(json!({})).await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    let subscribe = || session.subscribe(&t, SubscribeOptions::default());
    let (one, other) = tokio::join!(subscribe(), subscribe());
    assert_eq!((one, other.map_err(|e| e.code)), (Ok(()), Err(ErrorCode::AlreadySubscribed)));
    assert_eq!(client.hear().await["subscribed"]["topic"], "t");
    stage.count("t", 1..=1).await;
    assert_eq!(client.hear_publications(1).await, [json!(1)]);
    client.hear_nothing().await;
    client.ask(json!({ "unsubscribe": { "topic": "t" } })).await;
    assert_eq!(stage.hub.counters(&t), None);
}

#[tokio::test]
async fn a_subscription_that_is_given_up_half_way_leaves_nothing_behind() {
    let (stage, _, t) = lost::stage(TopicConfig::default);
    let (mut client, connected) = stage.connect(json!({})).await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    tokio::select! {
        biased;
        _ = session.subscribe(&t, SubscribeOptions::default()) => panic!("it waits"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(stage.hub.counters(&t), None);
    assert!(client.subscribe("t").await.is_object());
}

#[tokio::test]
async fn nobody_acknowledges_in_a_topic_that_it_may_not_hear() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    stage.count("secret", 1..=3).await;
    stage.count("open", 1..=3).await;
    for topic in ["secret", "open"] {
        client.say(json!({ "ack": { "topic": topic, "offset": 2 } })).await;
    }
    client.hear_nothing().await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    for (name, begins) in [("secret", 3), ("open", 2)] {
        let from = SubscribeFrom::Acknowledged;
        let options = SubscribeOptions { from, ..SubscribeOptions::default() };
        session.subscribe(&topic(name), options).await.unwrap();
        let subscribed = client.hear().await["subscribed"].clone();
        assert_eq!(subscribed["position"]["offset"], begins, "{subscribed}");
    }
}

#[tokio::test]
async fn nobody_takes_the_place_of_a_raw_client_whose_session_it_has_seen() {
    let stage = Stage::with_topics(|topic| topic.presence = true);
    let mut raw = stage.raw();
    raw.socket.send("join").await.unwrap();
    settle().await;
    let mut spy = stage.client().await;
    let members = spy.ask(json!({ "presence": { "topic": "chat:blue" } })).await;
    let seen = &members["members"][0]["session"];
    let (mut liar, _) = stage.connect(json!({ "client": seen })).await;
    let publish = json!({ "topic": "chat:blue", "echo": false, "data": "hidden" });
    liar.ask(json!({ "publish": publish })).await;
    assert_eq!(raw.hear_raw().await, everwire::Message::text("hidden"));
}

#[tokio::test]
async fn a_raw_client_says_no_more_at_a_time_than_others_may() {
    let stage = Stage::with(|config| config.max_message = 1_000);
    // Text counts as the JSON string that others hear.
    let most: [everwire::Message; 2] = ["x".repeat(998).into(), vec![0; 1_000].into()];
    for message in most {
        let mut client = stage.raw();
        client.socket.send(message.clone()).await.unwrap();
        assert_eq!(client.hear_raw().await, message);
    }
    let spaces = format!("[1]{}", " ".repeat(1_000));
    let more: [everwire::Message; 4] =
        ["x".repeat(999).into(), vec![0; 1_001].into(), "\u{1}".repeat(200).into(), spaces.into()];
    for message in more {
        let mut client = stage.raw();
        client.socket.send(message).await.unwrap();
        assert_eq!(client.end().await, 1009);
    }
}
