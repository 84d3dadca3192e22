//! Functions over the bare WebSocket.

use everwire::{CloseCode, CloseReason};
use everwire_hub::{Hub, Request, Socket};
use serde_json::json;

use crate::stage::{Open, Stage, settle};

/// Says what room it is, then everything that it hears; has three words of its own.
async fn echo(request: Request, mut socket: Socket) {
    let room = request.param("room").unwrap();
    socket.send(format!("room {room}, {:?}", socket.protocol())).await.unwrap();
    while let Some(message) = socket.recv().await {
        match message.as_text() {
            Some("panic") => panic!("as asked"),
            Some("return") => return,
            Some("close") => {
                let reason = CloseReason::new(CloseCode::try_from(4321).unwrap(), "as asked");
                let report = socket.close(reason.ok()).await;
                assert!(report.was_clean);
            }
            _ => socket.send(message).await.unwrap(),
        }
    }
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    let builder = Hub::builder().handler("/echo/{room}", echo).unwrap();
    stage.hub = builder.endpoint("/chat/{room}", Open::default()).unwrap().build();
    stage
}

#[tokio::test]
async fn a_function_has_the_request_and_the_websocket() {
    let stage = stage();
    let mut client = stage.open("/echo/blue", None);
    assert_eq!(client.hear_raw().await.as_text(), Some("room blue, \"\""));
    for text in ["one".to_owned(), "x".repeat(100_000)] {
        client.socket.send(text.clone()).await.unwrap();
        assert_eq!(client.hear_raw().await.as_text(), Some(&*text));
    }
    client.socket.send(vec![0, 1]).await.unwrap();
    assert_eq!(client.hear_raw().await.as_bytes(), [0, 1]);
    assert_eq!(stage.hub.sessions(), 0);
    // Endpoints beside it are endpoints.
    assert!(stage.client().await.subscribe("t").await.is_object());
}

#[tokio::test]
async fn it_may_be_asked_for_any_subprotocol_and_nothing_is_said_for_it() {
    let mut client = stage().open("/echo/blue", Some("everwire.json.v1"));
    assert_eq!(client.hear_raw().await.as_text(), Some("room blue, \"everwire.json.v1\""));
}

#[tokio::test]
async fn the_connection_ends_as_the_function_does() {
    let stage = stage();
    for (word, code) in [("return", 1000), ("close", 4321), ("panic", 1011)] {
        let mut client = stage.open("/echo/blue", None);
        client.socket.send(word).await.unwrap();
        assert_eq!(client.end().await, code, "{word}");
    }
}

#[tokio::test]
async fn a_connection_that_is_served_no_longer_is_told_to_come_back() {
    let (mut client, serving) = stage().open_aborting("/echo/blue", None);
    client.hear_raw().await;
    serving.abort();
    assert_eq!(client.end().await, 1012);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_goes_closes_it_as_a_raw_client() {
    let stage = stage();
    for subprotocol in [None, Some("everwire.json.v1")] {
        let mut client = stage.open("/echo/blue", subprotocol);
        settle().await;
        let hub = stage.hub.clone();
        tokio::spawn(async move { hub.shut_down(&everwire::Shutdown::default()).await });
        assert_eq!(client.end().await, 1001);
    }
}

#[tokio::test]
async fn all_but_the_sender_hear_what_a_session_publishes_to_others() {
    let stage = Stage::new();
    let (mut ada, mut bob) = (stage.client().await, stage.client().await);
    let mut raw = stage.raw();
    raw.socket.send("join t").await.unwrap();
    ada.subscribe("t").await;
    bob.subscribe("t").await;
    settle().await;

    ada.say(json!({ "send": { "data": "publish to others" } })).await;
    assert_eq!(bob.hear_publications(1).await, [json!("hi")]);
    assert_eq!(raw.hear_raw().await.as_text(), Some("hi"));
    // Her position moves on all the same.
    let skip = ada.hear().await["pub"].clone();
    assert_eq!((&skip["skip"], &skip["offset"], skip.get("data")), (&json!(true), &json!(1), None));

    raw.socket.send("publish to others").await.unwrap();
    assert_eq!(ada.hear_publications(1).await, [json!("hi")]);
    assert_eq!(bob.hear_publications(1).await, [json!("hi")]);
    raw.socket.send("still here").await.unwrap();
    assert_eq!(raw.hear_raw().await.as_text(), Some("still here"));
}
