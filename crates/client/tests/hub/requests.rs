//! What clients ask for, and what becomes of it.

use everwire_client::proto::{ErrorCode, Method, Name, Payload};
use everwire_client::{ClientEvent, RequestError};
use tokio::sync::mpsc;

use crate::stage::{Stage, client, soon};

fn refused<T: std::fmt::Debug>(result: Result<T, RequestError>) -> ErrorCode {
    match result {
        Err(RequestError::Refused(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_rpc_is_answered_and_an_unknown_one_refused() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").connect();
    let payload = Payload::of("hello").unwrap();
    let echoed = soon(client.rpc(Method::new("echo").unwrap(), payload.clone())).await;
    assert_eq!(echoed, Ok(payload.clone()));
    let unknown = soon(client.rpc(Method::new("dance").unwrap(), payload)).await;
    assert_eq!(refused(unknown), ErrorCode::NoMethod);
}

#[tokio::test]
async fn bytes_travel_as_bytes() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").connect();
    let payload = Payload::binary(vec![0, 255, 7]);
    let echoed = soon(client.rpc(Method::new("echo").unwrap(), payload.clone())).await;
    assert_eq!(echoed, Ok(payload));
}

#[tokio::test]
async fn what_the_endpoint_says_and_how_the_client_is_are_told_as_events() {
    let stage = Stage::new().await;
    let (events, mut heard) = mpsc::channel(16);
    let client = client(stage.addr, "ada").events(events).connect();
    let Some(ClientEvent::Up { user, resumed, .. }) = soon(heard.recv()).await else { panic!() };
    assert_eq!((user.as_deref(), resumed), (Some("ada"), false));
    let payload = Payload::of("hello").unwrap();
    soon(client.send(payload.clone())).await.unwrap();
    assert_eq!(soon(heard.recv()).await, Some(ClientEvent::Message(payload)));
    soon(client.close()).await;
    assert!(matches!(soon(heard.recv()).await, Some(ClientEvent::Ended(Some(_)))));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_and_nothing_else_suffers() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").connect();
    let secret = client.topic("secret:plans").unwrap();
    let payload = Payload::of(&1).unwrap();
    assert_eq!(refused(soon(secret.publish(payload.clone())).await), ErrorCode::Denied);
    assert_eq!(refused(soon(secret.subscribe().into_future()).await), ErrorCode::Denied);
    assert_eq!(
        refused(soon(client.status(vec![Name::new("bob").unwrap()])).await),
        ErrorCode::Denied
    );
    let open = client.topic("t").unwrap();
    let receipt = soon(open.publish(payload)).await.unwrap().unwrap();
    assert_eq!(receipt.offset, 1);
    let page = soon(open.history(None, None)).await.unwrap();
    assert_eq!(page.publications.len(), 1);
}

#[tokio::test]
async fn a_client_that_is_closed_or_dropped_says_farewell() {
    let stage = Stage::new().await;
    let gone = async || {
        while stage.hub.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let closed = client(stage.addr, "ada").connect();
    soon(closed.send(Payload::of(&1).unwrap())).await.unwrap();
    assert_eq!(stage.hub.sessions(), 1);
    soon(closed.close()).await;
    soon(gone()).await;
    let error = soon(closed.send(Payload::of(&1).unwrap())).await.unwrap_err();
    assert_eq!(error, RequestError::Ended);

    let dropped = client(stage.addr, "ada").connect();
    soon(dropped.send(Payload::of(&1).unwrap())).await.unwrap();
    drop(dropped);
    soon(gone()).await;
}

#[tokio::test]
async fn what_a_client_publishes_is_new_though_another_had_its_name_before() {
    let stage = Stage::new().await;
    for offset in 1..=2 {
        let client = client(stage.addr, "ada").connect();
        let topic = client.topic("t").unwrap();
        let receipt = soon(topic.publish(Payload::of(&offset).unwrap())).await.unwrap();
        assert_eq!(receipt.unwrap().offset, offset);
    }
}
