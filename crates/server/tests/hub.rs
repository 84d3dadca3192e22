//! The hub of `everwire serve`: rooms, for clients that speak its language and for raw ones.

mod process;

use std::time::Duration;

use everwire::Connector;
use everwire_client::proto::{ErrorCode, GapReason, Member, Members, Method, Payload, Secret};
use everwire_client::{Client, RequestError, Subscription, TopicEvent};
use everwire_testkit::Frame;
use process::{PATIENCE, Server};

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it hangs")
}

fn client(server: &Server, path: &str, token: &str) -> Client {
    let token = Secret::new(token).unwrap();
    let url = format!("ws://{}{path}", server.address);
    Client::builder(url).token(move || Some(token.clone())).connect()
}

async fn publish(client: &Client, room: &str, text: &str) {
    soon(client.topic(room).unwrap().publish(Payload::of(text).unwrap())).await.unwrap();
}

async fn next_text(subscription: &mut Subscription) -> (String, Option<String>) {
    loop {
        if let TopicEvent::Publication(publication) = soon(subscription.next()).await.unwrap() {
            let content = publication.content();
            let Payload::Json(json) = &content.payload else { panic!("{content:?}") };
            return (json.read().unwrap(), content.from.as_ref().map(ToString::to_string));
        }
    }
}

/// The members of a room, once there are so many.
async fn members(client: &Client, room: &str, count: usize) -> Vec<(String, String)> {
    let topic = client.topic(room).unwrap();
    loop {
        let state = soon(topic.presence()).await.unwrap();
        let Members::List(members) = state.members else { panic!("{state:?}") };
        if members.len() == count {
            return members.iter().map(called).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn called(member: &Member) -> (String, String) {
    let info =
        member.info.as_ref().map_or("", |info| std::str::from_utf8(info.as_bytes()).unwrap());
    (member.user.to_string(), info.to_owned())
}

#[tokio::test]
async fn whoever_comes_may_talk_in_a_room_and_is_named_as_they_say() {
    let server = Server::start(&[]);
    let (ada, bob) = (client(&server, "/hub", "ada"), client(&server, "/hub", "bob"));
    let mut heard = soon(bob.topic("room:lobby").unwrap().subscribe().into_future()).await.unwrap();
    publish(&ada, "room:lobby", "hello").await;
    assert_eq!(next_text(&mut heard).await, ("hello".into(), Some("ada".into())));
}

#[tokio::test]
async fn a_feed_is_heard_like_a_room_and_has_no_presence() {
    let server = Server::start(&[]);
    let (ada, bob) = (client(&server, "/hub", "ada"), client(&server, "/hub", "bob"));
    let feed = bob.topic("feed:quotes").unwrap();
    let mut heard = soon(feed.subscribe().into_future()).await.unwrap();
    publish(&ada, "feed:quotes", "4.61").await;
    assert_eq!(next_text(&mut heard).await, ("4.61".into(), Some("ada".into())));
    let refused = soon(feed.presence()).await;
    let Err(RequestError::Refused(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code, ErrorCode::Denied);
}

#[tokio::test]
async fn topics_that_are_neither_rooms_nor_feeds_are_refused() {
    let server = Server::start(&[]);
    let ada = client(&server, "/hub", "ada");
    for name in ["lobby", "room:", "feed:", "$hub"] {
        let topic = ada.topic(name).unwrap();
        let refused = soon(topic.publish(Payload::of("hello").unwrap())).await;
        let Err(RequestError::Refused(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.code, ErrorCode::Denied, "{name}");
    }
}

#[tokio::test]
async fn members_of_a_room_know_what_each_is_called() {
    let server = Server::start(&[]);
    let ada = client(&server, "/hub?name=Ada%20L.", "ada");
    let _heard = soon(ada.topic("room:lobby").unwrap().subscribe().into_future()).await.unwrap();
    let there = members(&ada, "room:lobby", 1).await;
    assert_eq!(there, [("ada".into(), r#"{"name":"Ada L."}"#.into())]);

    let name = Payload::of("Ada").unwrap();
    soon(ada.rpc(Method::new("name").unwrap(), name)).await.unwrap();
    let there = members(&ada, "room:lobby", 1).await;
    assert_eq!(there, [("ada".into(), r#"{"name":"Ada"}"#.into())]);
}

#[tokio::test]
async fn a_raw_client_hears_its_room_and_is_heard_there_and_is_a_member() {
    let server = Server::start(&[]);
    let ada = client(&server, "/hub", "ada");
    let mut heard = soon(ada.topic("room:lobby").unwrap().subscribe().into_future()).await.unwrap();
    let url = format!("ws://{}/hub/lobby?token=raw-1&name=Raw", server.address);
    let mut raw = soon(Connector::new().connect(&url)).await.unwrap();
    let there = members(&ada, "room:lobby", 2).await;
    assert!(there.contains(&("raw-1".into(), r#"{"name":"Raw"}"#.into())), "{there:?}");

    raw.send("hello from raw").await.unwrap();
    assert_eq!(next_text(&mut heard).await, ("hello from raw".into(), Some("raw-1".into())));
    assert_eq!(soon(raw.recv()).await.unwrap().as_text(), Some("hello from raw"));
    publish(&ada, "room:lobby", "hello raw").await;
    assert_eq!(soon(raw.recv()).await.unwrap().as_text(), Some("hello raw"));
    publish(&ada, "room:other", "elsewhere").await;
    publish(&ada, "room:lobby", "here").await;
    assert_eq!(soon(raw.recv()).await.unwrap().as_text(), Some("here"));

    raw.close(None).await;
    assert_eq!(members(&ada, "room:lobby", 1).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_goes_sends_its_clients_to_its_successor_and_nothing_is_lost_silently() {
    let mut server = Server::start(&["--shutdown-window", "1"]);
    let ada = client(&server, "/hub", "ada");
    let mut heard = soon(ada.topic("room:lobby").unwrap().subscribe().into_future()).await.unwrap();
    publish(&ada, "room:lobby", "before").await;
    assert_eq!(next_text(&mut heard).await.0, "before");

    server.terminate();
    assert!(soon(server.ended()).await.success());
    let _successor = Server::start_on(&server.address.to_string(), &[]);
    publish(&ada, "room:lobby", "after").await;
    // The store is gone with its process, and that is said.
    loop {
        match soon(heard.next()).await.unwrap() {
            TopicEvent::Gap { reason, .. } => break assert_eq!(reason, GapReason::Epoch),
            TopicEvent::Publication(publication) => panic!("{publication:?}"),
            _ => {}
        }
    }
    publish(&ada, "room:lobby", "and on").await;
    while next_text(&mut heard).await.0 != "and on" {}
}

#[tokio::test]
async fn a_client_that_says_nothing_of_the_language_is_told_so_and_the_server_lives() {
    let server = Server::start(&[]);
    let protocol = "Sec-WebSocket-Protocol: everwire.json.v1\r\n";
    let (_, mut peer) = server.open_with("/hub", protocol).await;
    peer.send(Frame::text("nonsense").masked()).await;
    assert_eq!(soon(peer.next_close()).await, 4500);
    let ada = client(&server, "/hub", "ada");
    publish(&ada, "room:lobby", "still here").await;
}
