//! A client over streams of the program's own.

use std::io;
use std::sync::{Arc, Mutex};

use everwire::Acceptor;
use everwire_client::Client;
use everwire_client::proto::{Name, Payload, session};
use tokio::io::{DuplexStream, duplex};

use crate::stage::{Stage, number, soon};

/// A pipe to the hub.
async fn dial(hub: everwire_hub::Hub) -> io::Result<DuplexStream> {
    let (near, far) = duplex(4096);
    tokio::spawn(async move {
        let acceptor = hub.acceptor(&Acceptor::new());
        hub.accept(acceptor.read_request(far).await.unwrap()).await.unwrap();
    });
    Ok(near)
}

#[tokio::test]
async fn a_client_may_go_over_streams_of_the_programs_own() {
    let stage = Stage::new().await;
    let hub = stage.hub.clone();
    let mut config = session::Config::default();
    config.client = Name::new("ada").ok();
    let steps = Arc::new(Mutex::new(0));
    let seen = steps.clone();
    let client = Client::builder("ws://pipe/")
        .config(config)
        .observer(move |_| *seen.lock().unwrap() += 1)
        .connect_over(move || dial(hub.clone()));
    let topic = client.topic("t").unwrap();
    let mut heard = soon(topic.subscribe().into_future()).await.unwrap();
    soon(topic.publish(Payload::of(&1).unwrap())).await.unwrap();
    assert_eq!(number(&mut heard).await, 1);
    // The link, two requests, two replies, the publication.
    assert!(*steps.lock().unwrap() >= 6);
}
