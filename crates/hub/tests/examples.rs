//! Every example does what it says.
#![cfg(feature = "axum")]
#![allow(clippy::print_stdout, reason = "examples speak to a person")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "examples are programs: their `main` is not called here"
)]

use std::time::Duration;

use everwire_client::proto::{Payload, PresenceMode, Secret, SubscribeFrom, Topic};
use everwire_client::{Client, Subscription, TopicEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[path = "../examples/chat/main.rs"]
mod chat;
#[path = "../examples/quotes.rs"]
mod quotes;

/// Awaits something that must not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

async fn next(heard: &mut Subscription) -> TopicEvent {
    soon(heard.next()).await.expect("the subscription has ended")
}

/// Who says what, next.
async fn said(heard: &mut Subscription) -> (String, String) {
    loop {
        if let TopicEvent::Publication(said) = next(heard).await {
            let content = said.content();
            return (content.from.as_ref().unwrap().to_string(), content.payload.read().unwrap());
        }
    }
}

/// The user who comes, or goes, next.
async fn joined_or_left(heard: &mut Subscription) -> String {
    match next(heard).await {
        TopicEvent::MembersChanged { joined, left } => match (&joined[..], &left[..]) {
            ([member], []) => format!("{} came", member.user),
            ([], [member]) => format!("{} left", member.user),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    soon(stream.read_to_string(&mut response)).await.unwrap();
    response
}

#[tokio::test]
async fn in_the_chat_a_room_knows_who_is_there_and_what_was_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hub = chat::hub().unwrap();
    tokio::spawn(axum::serve(listener, chat::app(hub.clone())).into_future());
    let come = |name: &str| {
        let token = Secret::new(name).unwrap();
        Client::builder(format!("ws://{address}/chat")).token(move || Some(token.clone())).connect()
    };

    let ada = come("ada");
    let room = ada.topic("room:blue").unwrap();
    let mut heard =
        soon(room.subscribe().presence(PresenceMode::Full).into_future()).await.unwrap();
    let TopicEvent::Members(members) = next(&mut heard).await else { panic!() };
    assert_eq!(members.len(), 1);
    soon(room.publish(Payload::of("hello?").unwrap())).await.unwrap();
    assert_eq!(said(&mut heard).await, ("ada".into(), "hello?".into()));

    // Whoever comes later hears what was said, and is heard of.
    let bob = come("bob");
    let room = bob.topic("room:blue").unwrap();
    let late = room.subscribe().from(SubscribeFrom::Last(50)).into_future();
    let mut late = soon(late).await.unwrap();
    assert_eq!(joined_or_left(&mut heard).await, "bob came");
    assert_eq!(said(&mut late).await, ("ada".into(), "hello?".into()));
    soon(room.publish(Payload::of("hi").unwrap())).await.unwrap();
    assert_eq!(said(&mut heard).await, ("bob".into(), "hi".into()));
    bob.close().await;
    assert_eq!(joined_or_left(&mut heard).await, "bob left");
    assert!(ada.topic("other").unwrap().publish(Payload::of("hi").unwrap()).await.is_err());

    // A hub that goes takes nobody in.
    let going = tokio::spawn(async move { hub.shut_down(&everwire::Shutdown::default()).await });
    while !get(address, "/chat").await.contains("503") {
        tokio::task::yield_now().await;
    }
    going.abort();
}

#[tokio::test]
async fn the_chat_has_a_page_and_the_modules_that_it_imports() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, chat::app(chat::hub().unwrap())).into_future());
    let page = get(address, "/").await;
    let (_, import) = page.split_once("from '").unwrap();
    let (module, _) = import.split_once('\'').unwrap();
    let module = get(address, module).await;
    assert!(module.contains("text/javascript") && module.contains("export"), "{module}");
    for path in ["/everwire/../package.json", "/everwire/%2e%2e/package.json", "/everwire/none.js"]
    {
        assert!(get(address, path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
    assert!(get(address, "/chat").await.starts_with("HTTP/1.1 4"), "it is no WebSocket");
}

/// What a program that watches a symbol is told.
fn watch(client: &Client, symbol: &'static str) -> tokio::sync::mpsc::Receiver<u64> {
    let (tell, told) = tokio::sync::mpsc::channel(1_000);
    let client = client.clone();
    tokio::spawn(async move {
        let watched = quotes::watch(&client, symbol, |quote| tell.try_send(quote.price).unwrap());
        watched.await.unwrap();
    });
    told
}

#[tokio::test]
async fn quotes_are_heard_by_those_who_asked_for_the_symbol_the_last_one_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/quotes", listener.local_addr().unwrap());
    let hub = quotes::hub().unwrap();
    tokio::spawn(quotes::serve(hub.clone(), listener));
    let publish = async |symbol: &str, price: u64| {
        quotes::publish(&hub, symbol, quotes::Quote { price }).await.unwrap();
    };
    for price in [101, 102] {
        publish("ACME", price).await;
    }
    let client = Client::connect(&uri);
    let (mut acme, mut globex) = (watch(&client, "ACME"), watch(&client, "GLOBEX"));
    assert_eq!(soon(acme.recv()).await, Some(102));
    publish("INITECH", 7).await;
    publish("ACME", 103).await;
    assert_eq!(soon(acme.recv()).await, Some(103));

    // The topics are open by now: whoever watches hears what is new.
    while hub.counters(&Topic::new("quote:GLOBEX").unwrap()).is_none() {
        tokio::task::yield_now().await;
    }
    publish("GLOBEX", 55).await;
    assert_eq!(soon(globex.recv()).await, Some(55));
    // Nobody else makes prices.
    let forged = client.topic("quote:ACME").unwrap().publish(Payload::of(&1).unwrap()).await;
    assert!(forged.is_err());
}

#[tokio::test]
async fn whoever_does_not_keep_up_with_quotes_ends_with_the_last_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/quotes", listener.local_addr().unwrap());
    let hub = quotes::hub().unwrap();
    tokio::spawn(quotes::serve(hub.clone(), listener));
    let client = Client::builder(&uri).max_undelivered(4).connect();
    let topic = client.topic("quote:ACME").unwrap();
    let mut heard = soon(topic.subscribe().into_future()).await.unwrap();
    // More than the log keeps, while the program does not look.
    for price in 1..=3_000 {
        quotes::publish(&hub, "ACME", quotes::Quote { price }).await.unwrap();
    }
    let mut last = 0;
    while last < 3_000 {
        last = match next(&mut heard).await {
            TopicEvent::Publication(quote) => {
                quote.content().payload.read::<quotes::Quote>().unwrap().price
            }
            TopicEvent::Gap { .. } => {
                let page = soon(topic.history(None, Some(1))).await.unwrap();
                page.publications[0].content.payload.read::<quotes::Quote>().unwrap().price
            }
            other => panic!("{other:?}"),
        };
    }
}
