//! Clients behind a network that fails.

use std::time::Duration;

use everwire_client::TopicEvent;
use everwire_client::proto::{GapReason, Payload};
use everwire_testkit::FaultProxy;

use crate::stage::{Stage, client, next, number, soon};

const COUNT: u64 = 400;

/// Publishes numbers a few at a time while the network fails, again and again, in this way.
async fn hear_all_while(fail: impl AsyncFn(&FaultProxy)) {
    let stage = Stage::new().await;
    let proxy = FaultProxy::start(stage.addr).await.unwrap();
    let client = client(proxy.addr(), "ada").connect();
    let mut heard = soon(client.topic("t").unwrap().subscribe().into_future()).await.unwrap();
    let publishing = async {
        for n in (1..=COUNT).step_by(10) {
            stage.publish("t", n..=n + 9).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            if n % 100 == 51 {
                fail(&proxy).await;
            }
        }
    };
    let hearing = async {
        for n in 1..=COUNT {
            assert_eq!(number(&mut heard).await, n);
        }
    };
    tokio::join!(publishing, hearing);
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_reordered_when_connections_are_reset() {
    hear_all_while(async |proxy| proxy.reset()).await;
}

#[tokio::test]
async fn nor_when_they_are_cut() {
    hear_all_while(async |proxy| proxy.cut()).await;
}

#[tokio::test]
async fn nor_when_they_go_silent() {
    hear_all_while(async |proxy| proxy.stall()).await;
}

#[tokio::test]
async fn nor_when_nobody_is_let_in_for_a_while() {
    hear_all_while(async |proxy| {
        proxy.reset();
        proxy.refuse(Duration::from_millis(100)).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_published_over_such_a_network_is_stored_once() {
    let stage = Stage::new().await;
    let proxy = FaultProxy::start(stage.addr).await.unwrap();
    let listener = client(stage.addr, "bob").connect();
    let mut heard = soon(listener.topic("t").unwrap().subscribe().into_future()).await.unwrap();
    let client = client(proxy.addr(), "ada").connect();
    let topic = client.topic("t").unwrap();
    let publishing = async {
        for n in 1..=100_u64 {
            let receipt = soon(topic.publish(Payload::of(&n).unwrap())).await.unwrap();
            assert_eq!(receipt.unwrap().offset, n);
        }
    };
    let failing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            proxy.reset();
        }
    };
    tokio::select! {
        () = publishing => {}
        () = failing => unreachable!("it never ends"),
    }
    for n in 1..=100 {
        assert_eq!(number(&mut heard).await, n);
    }
}

#[tokio::test]
async fn a_hub_that_has_lost_its_history_is_told_as_a_gap_never_silently() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").connect();
    let mut heard = soon(client.topic("t").unwrap().subscribe().into_future()).await.unwrap();
    stage.publish("t", 1..=3).await;
    for n in 1..=3 {
        assert_eq!(number(&mut heard).await, n);
    }
    let addr = stage.kill().await;
    let stage = Stage::at(addr, |_| ()).await;
    let TopicEvent::Gap { reason, .. } = next(&mut heard).await else { panic!() };
    assert_eq!(reason, GapReason::Epoch);
    stage.publish("t", 4..=4).await;
    assert_eq!(number(&mut heard).await, 4);
}
