//! What endpoints are called for.

use everwire_hub::proto::{CloseCode, Topic};
use serde_json::json;

use crate::stage::{Stage, settle};

#[tokio::test]
async fn a_send_comes_back_as_a_message_and_an_rpc_as_its_reply() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": [1, 2] } })).await;
    assert_eq!(client.hear().await, json!({ "message": { "data": [1, 2] } }));
    let answer = client.ask(json!({ "rpc": { "method": "echo", "data": "x" } })).await;
    assert_eq!(answer, json!({ "data": "x" }));
    let answer = client.ask(json!({ "rpc": { "method": "dance", "data": "x" } })).await;
    assert_eq!(answer, "no_method");
}

#[tokio::test]
async fn what_fails_is_noted_and_the_session_goes_on() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": "fail" } })).await;
    client.hear_nothing().await;
    assert_eq!(stage.endpoint.notes(), ["open blue", "error internal: as asked"]);
}

#[tokio::test]
async fn an_endpoint_that_panics_ends_its_session_and_no_other() {
    let stage = Stage::new();
    let mut other = stage.client().await;
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": "panic" } })).await;
    assert_eq!(client.end().await, 1011);
    settle().await;
    assert_eq!(stage.hub.sessions(), 1);
    let notes = stage.endpoint.notes();
    assert_eq!(notes[2..], ["error the endpoint panicked", "close 1011 clean false"]);
    other.hear_nothing().await;
}

#[tokio::test]
async fn an_endpoint_ends_a_session_with_a_code_and_a_reason() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.say(json!({ "send": { "data": "leave" } })).await;
    let bye = json!({ "code": 4504, "reason": "as asked", "retry": false });
    assert_eq!(client.hear().await, json!({ "bye": bye }));
    assert_eq!(client.end().await, 4504);
    settle().await;
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4504 clean true"]);
}

#[tokio::test]
async fn a_session_ends_for_its_client_whatever_its_endpoint_waits_for() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    client.say(json!({ "send": { "data": "hang" } })).await;
    settle().await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    session.close(CloseCode::TOLD_TO_GO, "enough");
    assert_eq!(client.hear().await["bye"]["reason"], "enough");
    assert_eq!(client.end().await, 4504);
}

#[tokio::test]
async fn a_farewell_ends_the_session_at_once() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.socket.close(None).await;
    settle().await;
    assert_eq!(stage.hub.sessions(), 1, "1005 is no farewell");
    let mut client = stage.client().await;
    let reason = everwire::CloseReason::new(everwire::CloseCode::NORMAL, "").unwrap();
    client.socket.close(reason).await;
    settle().await;
    assert_eq!(stage.hub.sessions(), 1);
}

#[tokio::test]
async fn a_refused_token_is_answered_and_closed_for_good() {
    let stage = Stage::new();
    let (mut client, answer) = stage.connect(json!({ "token": "wrong" })).await;
    assert_eq!(answer, "unauthorized");
    assert_eq!(client.end().await, 4503);
    let (_, answer) = stage.connect(json!({ "token": "ada" })).await;
    assert_eq!(answer["user"], "ada");
}

#[tokio::test]
async fn what_an_endpoint_sends_as_a_session_opens_comes_behind_the_answer_to_connect() {
    let stage = Stage::new();
    let mut client = stage.open("/chat/early", Some("everwire.json.v1"));
    client.ask(json!({ "connect": { "version": 1 } })).await;
    assert_eq!(client.hear().await, json!({ "message": { "data": "welcome" } }));
    let subscribed = client.hear().await["subscribed"].clone();
    assert_eq!(subscribed["topic"], "chat:early");
    stage.count("chat:early", 1..=2).await;
    assert_eq!(client.hear_publications(2).await, [json!(1), json!(2)]);
}

#[tokio::test]
async fn a_session_that_fails_as_it_opens_leaves_no_topic_open() {
    let stage = Stage::new();
    let mut client = stage.open("/chat/blue", Some("everwire.json.v1"));
    let subscriptions = json!({ "a": {}, "panic": {} });
    let connect = json!({ "version": 1, "subscriptions": subscriptions });
    client.say(json!({ "id": 1, "connect": connect })).await;
    client.end().await;
    settle().await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.hub.counters(&Topic::new("a").unwrap()), None);
}
