//! Raw clients: a plain WebSocket and nothing else.

use everwire::Message;
use serde_json::json;

use crate::stage::{Stage, settle};

#[tokio::test]
async fn what_the_endpoint_returns_is_the_reply() {
    let mut client = Stage::new().raw();
    for text in ["hello", "42", "{\"a\":1}", "{not json", ""] {
        client.socket.send(text).await.unwrap();
        assert_eq!(client.hear_raw().await, Message::text(text));
    }
    client.socket.send(vec![1, 2, 3]).await.unwrap();
    assert_eq!(client.hear_raw().await, Message::binary(vec![1, 2, 3]));
}

#[tokio::test]
async fn a_raw_client_hears_a_topic_as_its_payloads() {
    let stage = Stage::new();
    let mut client = stage.raw();
    client.socket.send("join").await.unwrap();
    settle().await;
    stage.publish("chat:blue", json!("hello")).await;
    stage.publish("chat:blue", json!({ "a": 1 })).await;
    stage.publish("chat:red", json!("elsewhere")).await;
    stage.publish("chat:blue", json!(7)).await;
    for text in ["hello", "{\"a\":1}", "7"] {
        assert_eq!(client.hear_raw().await, Message::text(text));
    }
}

#[tokio::test]
async fn a_raw_session_ends_with_its_connection() {
    let stage = Stage::new();
    let mut client = stage.raw();
    client.socket.send("hello").await.unwrap();
    client.hear_raw().await;
    assert_eq!(stage.hub.sessions(), 1);
    client.socket.close(None).await;
    settle().await;
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 1005 clean true"]);

    let mut client = stage.raw();
    client.socket.send("hello").await.unwrap();
    client.hear_raw().await;
    client.cut();
    settle().await;
    assert_eq!(stage.endpoint.notes()[2..], ["open blue", "close 1006 clean false"]);
}

#[tokio::test]
async fn a_token_in_the_query_says_who_it_is() {
    let stage = Stage::new();
    let mut refused = stage.open("/chat/blue?token=wrong", None);
    assert_eq!(refused.end().await, 4503);
    let mut known = stage.open("/chat/blue?x=1&token=ada", None);
    known.socket.send("hello").await.unwrap();
    known.hear_raw().await;
}

#[tokio::test]
async fn the_query_is_decoded_and_its_first_parameter_of_a_name_counts() {
    let stage = Stage::new();
    for (query, text) in [
        ("text=a%20b+%C3%A9&text=2", Some("a b é")),
        ("text", Some("")),
        ("other=1", None),
        ("", None),
    ] {
        let mut client = stage.open(&format!("/chat/blue?{query}"), None);
        client.socket.send("query").await.unwrap();
        let heard = client.hear_raw().await;
        assert_eq!(heard.as_text(), Some(text.unwrap_or("null")), "{query}");
    }
}

#[tokio::test]
async fn what_a_session_publishes_is_from_its_user() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.subscribe("t").await;
    let raw = stage.open("/chat/blue?token=rob", None);
    raw.socket.sender().send("publish").await.unwrap();
    let told = client.hear().await;
    assert_eq!(
        (&told["pub"]["from"], &told["pub"]["data"]),
        (&json!("rob"), &json!("hi")),
        "{told}"
    );
}

#[tokio::test]
async fn a_path_without_an_endpoint_is_closed() {
    let mut client = Stage::new().open("/nowhere", None);
    assert_eq!(client.end().await, 4504);
}
