//! The link: heartbeats, numbers, and what is not understood.

use std::time::Duration;

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_heartbeat_is_answered_with_how_much_was_taken() {
    let mut client = Stage::new().client().await;
    client.say(json!({})).await;
    assert_eq!(client.hear().await, json!({ "got": 0 }));
    client.say(json!({ "ack": { "topic": "t", "offset": 1 } })).await;
    client.say(json!({ "got": 0 })).await;
    client.say(json!({})).await;
    assert_eq!(client.hear().await, json!({ "got": 1 }));
}

#[tokio::test]
async fn after_64_messages_the_client_is_told_unasked() {
    let mut client = Stage::new().client().await;
    for _ in 0..64 {
        client.say(json!({ "ack": { "topic": "t", "offset": 1 } })).await;
    }
    assert_eq!(client.hear().await, json!({ "got": 64 }));
}

#[tokio::test(start_paused = true)]
async fn after_an_interval_the_client_is_told_unasked() {
    let mut client = Stage::new().client().await;
    client.say(json!({ "ack": { "topic": "t", "offset": 1 } })).await;
    let before = tokio::time::Instant::now();
    assert_eq!(client.hear().await, json!({ "got": 1 }));
    assert_eq!(before.elapsed().as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_connect_in_time_is_closed() {
    let stage = Stage::new();
    let mut client = stage.open("/chat/blue", Some("everwire.json.v1"));
    let before = tokio::time::Instant::now();
    assert_eq!(client.end().await, 4408);
    assert_eq!(before.elapsed(), Duration::from_secs(10));
    assert_eq!(stage.hub.sessions(), 0);
}

#[tokio::test]
async fn what_comes_before_connect_or_is_not_understood_ends_the_link() {
    let stage = Stage::new();
    let cases = [("{\"send\":{\"data\":1}}", 4501), ("nonsense", 4500), ("[1]", 4500)];
    for (message, code) in cases {
        let mut client = stage.open("/chat/blue", Some("everwire.json.v1"));
        client.socket.send(message).await.unwrap();
        assert_eq!(client.end().await, code, "{message}");
    }
    let mut client = stage.client().await;
    client.socket.send("nonsense").await.unwrap();
    assert_eq!(client.end().await, 4500);
}

#[tokio::test]
async fn an_unknown_version_is_refused_with_both_codes() {
    let stage = Stage::new();
    let mut client = stage.open("/chat/blue", Some("everwire.json.v1"));
    assert_eq!(client.ask(json!({ "connect": { "version": 2 } })).await, "version");
    assert_eq!(client.end().await, 4502);
}

#[tokio::test]
async fn unknown_commands_are_answered_and_unknown_pushes_ignored() {
    let mut client = Stage::new().client().await;
    assert_eq!(client.ask(json!({ "dance": {} })).await, "unknown");
    client.say(json!({ "hum": {} })).await;
    client.say(json!({})).await;
    assert_eq!(client.hear().await, json!({ "got": 2 }));
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_answered_and_the_session_goes_on() {
    let stage = Stage::with(|config| config.max_message = 100);
    let mut client = stage.client().await;
    let publish = json!({ "publish": { "topic": "t", "data": "x".repeat(200) } });
    assert_eq!(client.ask(publish).await, "too_large");
    client.hear_nothing().await;
}

#[tokio::test]
async fn a_count_of_what_was_never_sent_ends_the_link() {
    let mut client = Stage::new().client().await;
    client.say(json!({ "got": 5 })).await;
    assert_eq!(client.end().await, 4500);
}

#[tokio::test]
async fn sessions_are_limited() {
    let stage = Stage::with(|config| config.max_sessions = 1);
    let _first = stage.client().await;
    let mut second = stage.open("/chat/blue", None);
    assert_eq!(second.end().await, 1013);
    let mut third = stage.open("/chat/blue", Some("everwire.json.v1"));
    third.say(json!({ "id": 1, "connect": { "version": 1 } })).await;
    let bye = third.hear().await["bye"].clone();
    assert_eq!(
        (&bye["code"], &bye["retry"], &bye["after"]),
        (&json!(1013), &json!(true), &json!(5_000))
    );
    assert_eq!(third.end().await, 1013);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_served_no_longer_is_told_to_come_back_or_its_session_ends() {
    let stage = Stage::new();
    let (mut client, serving) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    client.ask(json!({ "connect": { "version": 1 } })).await;
    serving.abort();
    assert_eq!(client.end().await, 1012);
    assert_eq!(stage.hub.sessions(), 1);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4408 clean false"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_that_the_hub_is_alive_while_its_endpoint_takes_long() {
    let stage = Stage::with(|config| config.heartbeat_interval = Duration::from_secs(2));
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": "nap" } })).await;
    let before = tokio::time::Instant::now();
    for seconds in [2, 4] {
        assert_eq!(client.hear().await, json!({ "got": 1 }));
        assert_eq!(before.elapsed(), Duration::from_secs(seconds));
    }
    // It takes five seconds, and is heard of once more when it is over.
    assert_eq!(client.hear().await, json!({ "got": 1 }));
    assert_eq!(before.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_endpoint_takes_long_outlives_its_own_heartbeat() {
    let mut stage = Stage::new();
    stage.socket.heartbeat_interval = Some(Duration::from_secs(25));
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": "hang" } })).await;
    let before = tokio::time::Instant::now();
    while before.elapsed() < Duration::from_secs(180) {
        assert_eq!(client.hear().await, json!({ "got": 1 }));
    }
}
