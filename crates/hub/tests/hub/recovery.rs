//! Clients that were away.

use std::time::Duration;

use everwire_hub::proto::{CloseCode, SlowPolicy};
use serde_json::{Value, json};

use crate::stage::{Stage, numbers, settle, with_version};

/// What resumes a session.
fn resume(connected: &Value, got: u64) -> Value {
    let (session, key) = (&connected["session"], &connected["key"]);
    json!({ "resume": { "session": session, "key": key, "got": got } })
}

#[tokio::test(start_paused = true)]
async fn a_short_break_loses_nothing_and_the_session_goes_on() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    client.subscribe("t").await;
    stage.count("t", 1..=2).await;
    assert_eq!(client.hear_publications(1).await, numbers(1..=1));
    // Two messages are numbered and received: the reply and the first publication.
    client.cut();
    settle().await;
    stage.count("t", 3..=5).await;

    let (mut client, again) = stage.connect(resume(&connected, 2)).await;
    assert_eq!((&again["resumed"], &again["got"]), (&json!(true), &json!(1)));
    assert_eq!(again["session"], connected["session"]);
    assert_eq!(client.hear_publications(4).await, numbers(2..=5));
    stage.count("t", 6..=6).await;
    assert_eq!(client.hear_publications(1).await, numbers(6..=6));
    assert_eq!(stage.endpoint.notes(), ["open blue"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_break_ends_the_session_and_the_topic_is_recovered_by_its_position() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    let position = client.subscribe("t").await["position"].clone();
    client.cut();
    settle().await;
    stage.count("t", 1..=150).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4408 clean false"]);

    let mut connect = resume(&connected, 1);
    connect["subscriptions"] = json!({ "t": { "from": position } });
    let (mut client, again) = stage.connect(connect).await;
    assert_eq!(again["resumed"], false);
    assert_ne!(again["session"], connected["session"]);
    let reply = &again["subscriptions"]["t"]["ok"];
    assert_eq!((&reply["recovered"], &reply["head"]["offset"]), (&json!(true), &json!(150)));
    assert_eq!(client.hear_publications(150).await, numbers(1..=150));
    client.hear_nothing().await;
}

#[tokio::test]
async fn what_cannot_be_made_whole_is_refused_with_the_reason_and_nothing_is_replayed() {
    let stage = Stage::with_topics(|topic| topic.history.max_entries = 10);
    let mut client = stage.client().await;
    let start = client.subscribe("t").await["position"].clone();
    stage.count("t", 1..=20).await;

    let other = json!({ "epoch": "another", "offset": 20, "tag": 1 });
    let mut forked = start.clone();
    (forked["offset"], forked["tag"]) = (json!(15), json!(1));
    for (from, reason) in [(start, "trimmed"), (other, "epoch"), (forked, "fork")] {
        let mut client = stage.client().await;
        let reply = client.ask(json!({ "subscribe": { "topic": "t", "from": from } })).await;
        assert_eq!((&reply["recovered"], &reply["reason"]), (&json!(false), &json!(reason)));
        assert_eq!(reply["position"], reply["head"]);
        client.hear_nothing().await;
    }
}

#[tokio::test]
async fn a_client_goes_on_behind_what_it_acknowledged() {
    let stage = Stage::new();
    let (mut client, _) = stage.connect(json!({ "client": "device-7" })).await;
    client.subscribe("t").await;
    stage.count("t", 1..=5).await;
    client.hear_publications(5).await;
    client.say(json!({ "ack": { "topic": "t", "offset": 3 } })).await;
    client.hear_nothing().await;

    let (mut client, _) = stage.connect(json!({ "client": "device-7" })).await;
    let subscribe = json!({ "subscribe": { "topic": "t", "from": "acknowledged" } });
    assert_eq!(client.ask(subscribe).await["recovered"], true);
    assert_eq!(client.hear_publications(2).await, numbers(4..=5));
}

#[tokio::test]
async fn a_wrong_key_or_an_impossible_count_resumes_nothing() {
    let stage = Stage::new();
    let (_client, connected) = stage.connect(json!({})).await;
    let mut stolen = resume(&connected, 0);
    stolen["resume"]["key"] = json!("guessed");
    for attempt in [stolen, resume(&connected, 99)] {
        let (_, answer) = stage.connect(attempt).await;
        assert_eq!(answer["resumed"], false);
        assert_ne!(answer["session"], connected["session"]);
    }
}

#[tokio::test]
async fn a_session_goes_on_at_its_own_path_and_nowhere_else() {
    let stage = Stage::new();
    let (_client, connected) = stage.connect(json!({})).await;
    for (path, resumed) in [("/chat/red", false), ("/chat/blue?again=1", true)] {
        let mut client = stage.open(path, Some("everwire.json.v1"));
        let connect = with_version(resume(&connected, 0));
        let answer = client.ask(json!({ "connect": connect })).await;
        assert_eq!(answer["resumed"], resumed, "{path}");
    }
}

#[tokio::test]
async fn a_second_link_takes_over_and_the_first_is_told() {
    let stage = Stage::new();
    let (mut first, connected) = stage.connect(json!({})).await;
    first.subscribe("t").await;
    let mut second = stage.open("/chat/blue", Some("everwire.json.v1"));
    let again = second.ask(json!({ "connect": with_version(resume(&connected, 1)) })).await;
    assert_eq!(again["resumed"], true);
    assert_eq!(first.end().await, 4410);
    stage.count("t", 1..=1).await;
    assert_eq!(second.hear_publications(1).await, numbers(1..=1));
    assert_eq!(stage.hub.sessions(), 1);
    assert_eq!(stage.endpoint.notes(), ["open blue"]);
}

#[tokio::test]
async fn a_link_that_was_long_about_connect_takes_nothing_over_from_a_newer_one() {
    let stage = Stage::new();
    let (mut first, connected) = stage.connect(json!({})).await;
    first.subscribe("t").await;
    first.cut();
    let connect = json!({ "connect": with_version(resume(&connected, 1)) });
    // It asks, and gives it up before it is answered.
    let mut stale = stage.open("/chat/blue?slow", Some("everwire.json.v1"));
    let mut asked = connect.clone();
    asked["id"] = json!(1);
    stale.say(asked).await;
    settle().await;
    let mut second = stage.open("/chat/blue", Some("everwire.json.v1"));
    assert_eq!(second.ask(connect).await["resumed"], true);

    stage.endpoint.1.notify_one();
    assert_eq!(stale.end().await, 4410);
    stage.count("t", 1..=1).await;
    assert_eq!(second.hear_publications(1).await, numbers(1..=1));
}

#[tokio::test]
async fn what_was_sent_beyond_the_bound_cannot_be_resumed_and_is_recovered_instead() {
    let stage = Stage::with(|config| config.max_unacknowledged = 1_000);
    let (mut client, connected) = stage.connect(json!({})).await;
    let position = client.subscribe("t").await["position"].clone();
    client.cut();
    settle().await;
    stage.count("t", 1..=50).await;
    let mut connect = resume(&connected, 1);
    connect["subscriptions"] = json!({ "t": { "from": position } });
    let (mut client, again) = stage.connect(connect).await;
    assert_eq!(again["resumed"], false);
    assert_eq!(client.hear_publications(50).await, numbers(1..=50));
}

#[tokio::test]
async fn whoever_was_closed_as_too_slow_may_go_on_with_its_session() {
    let mut stage = Stage::with_topics(|topic| topic.slow = SlowPolicy::Close);
    stage.socket.max_queued_bytes = 32 << 10;
    let (mut slow, connected) = stage.connect(json!({})).await;
    slow.subscribe("t").await;
    for n in 1..=100 {
        stage.publish("t", json!([n, "x".repeat(1_000)])).await;
        settle().await;
    }
    slow.cut();
    settle().await;

    let (mut again, answer) = stage.connect(resume(&connected, 1)).await;
    assert_eq!(answer["resumed"], true);
    for n in 1..=100 {
        assert_eq!(again.hear_publication().await.1[0], n);
    }
    stage.count("t", 101..=101).await;
    assert_eq!(again.hear_publications(1).await, numbers(101..=101));
}

#[tokio::test]
async fn a_session_that_is_closed_while_its_client_is_away_ends_at_once() {
    let stage = Stage::new();
    let (client, connected) = stage.connect(json!({})).await;
    client.cut();
    settle().await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    session.close(CloseCode::TOLD_TO_GO, "go");
    settle().await;
    assert!(session.is_ended());
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4504 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn links_do_not_pile_up_behind_an_endpoint_that_takes_long() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    client.say(json!({ "send": { "data": "hang" } })).await;
    settle().await;
    client.cut();
    let connect = with_version(resume(&connected, 0));
    let mut links = Vec::new();
    for _ in 0..3 {
        let mut link = stage.open("/chat/blue", Some("everwire.json.v1"));
        link.say(json!({ "id": 1, "connect": connect })).await;
        settle().await;
        links.push(link);
    }
    for link in &mut links[..2] {
        assert_eq!(link.end().await, 4410);
    }
    assert!(links[2].socket.close_report().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_whose_next_link_is_gone_before_its_turn() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    client.say(json!({ "send": { "data": "nap" } })).await;
    settle().await;
    client.cut();
    let connect = with_version(resume(&connected, 0));
    let (mut link, serving) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    link.say(json!({ "id": 1, "connect": connect })).await;
    settle().await;
    serving.abort();
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4408 clean false"]);
}

#[tokio::test]
async fn a_session_whose_answer_will_not_come_does_not_go_on() {
    let stage = Stage::new();
    let (mut client, serving) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    let connected = client.ask(json!({ "connect": { "version": 1 } })).await;
    client.say(json!({ "id": 2, "rpc": { "method": "wait", "data": 1 } })).await;
    settle().await;
    // The call was taken, so that the client would not make it again.
    serving.abort();
    let (_client, again) = stage.connect(resume(&connected, 0)).await;
    assert_eq!(again["resumed"], false);
    settle().await;
    let mut notes = stage.endpoint.notes();
    notes.sort();
    assert_eq!(notes, ["close 1012 clean false", "open blue", "open blue"]);
}

#[tokio::test]
async fn no_session_stays_when_all_its_connections_are_given_up() {
    let stage = Stage::new();
    let (mut first, serving_first) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    let connected = first.ask(json!({ "connect": { "version": 1 } })).await;
    first.say(json!({ "id": 2, "rpc": { "method": "wait", "data": 1 } })).await;
    settle().await;
    // It waits until the first has done what it is at.
    let (mut second, serving_second) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    let connect = json!({ "connect": with_version(resume(&connected, 0)) });
    second.say(json!({ "id": 1, "connect": connect["connect"] })).await;
    settle().await;
    serving_second.abort();
    settle().await;
    serving_first.abort();
    settle().await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 1012 clean false"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_ending_ends_also_if_its_connection_is_given_up_meanwhile() {
    let stage = Stage::new();
    let (mut client, serving) = stage.open_aborting("/chat/blue", Some("everwire.json.v1"));
    client.ask(json!({ "connect": { "version": 1 } })).await;
    client.say(json!({ "send": { "data": "panic slowly" } })).await;
    settle().await;
    serving.abort();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let notes = stage.endpoint.notes();
    assert_eq!(notes, ["open blue", "error the endpoint panicked", "close 1011 clean false"]);
}

#[tokio::test]
async fn a_raw_client_cannot_come_back_and_is_not_waited_for() {
    let stage = Stage::new();
    let (_client, serving) = stage.open_aborting("/chat/blue", None);
    settle().await;
    assert_eq!(stage.hub.sessions(), 1);
    serving.abort();
    settle().await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 1012 clean false"]);
}
