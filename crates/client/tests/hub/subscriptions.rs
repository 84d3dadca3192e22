//! Topics as programs hear them.

use everwire_client::proto::{Encoding, Payload, PresenceMode, SubscribeFrom};
use everwire_client::{RequestError, TopicEvent};

use crate::stage::{Stage, client, next, number, soon};

#[tokio::test]
async fn what_one_publishes_the_other_hears_whatever_their_encodings() {
    let stage = Stage::new().await;
    let ada = client(stage.addr, "ada").encodings([Encoding::Json]).connect();
    let bob = client(stage.addr, "bob").encodings([Encoding::Compact]).connect();
    let (heard, said) = (ada.topic("t").unwrap(), bob.topic("t").unwrap());
    let mut subscription = soon(heard.subscribe().into_future()).await.unwrap();
    for n in 1..=3_u64 {
        soon(said.publish(Payload::of(&n).unwrap())).await.unwrap();
    }
    for n in 1..=3 {
        assert_eq!(number(&mut subscription).await, n);
    }
}

#[tokio::test]
async fn a_subscription_begins_where_it_asks_to() {
    let stage = Stage::new().await;
    stage.publish("t", 1..=10).await;
    let client = client(stage.addr, "ada").connect();
    let topic = client.topic("t").unwrap();
    let mut last =
        soon(topic.subscribe().from(SubscribeFrom::Last(2)).into_future()).await.unwrap();
    assert_eq!([number(&mut last).await, number(&mut last).await], [9, 10]);
    let again = soon(topic.subscribe().into_future()).await.unwrap_err();
    assert!(matches!(again, RequestError::NotSent(_)), "{again}");
    // Being refused ends nothing.
    stage.publish("t", 11..=11).await;
    assert_eq!(number(&mut last).await, 11);
    drop(last);
    let mut all =
        soon(topic.subscribe().from(SubscribeFrom::Earliest).into_future()).await.unwrap();
    assert_eq!(number(&mut all).await, 1);
}

#[tokio::test]
async fn a_program_that_falls_behind_goes_on_from_the_log_and_misses_nothing() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").max_undelivered(8).connect();
    let topic = client.topic("t").unwrap();
    let mut subscription = soon(topic.subscribe().into_future()).await.unwrap();
    stage.publish("t", 1..=500).await;
    for n in 1..=500 {
        assert_eq!(number(&mut subscription).await, n);
    }
    stage.publish("t", 501..=501).await;
    assert_eq!(number(&mut subscription).await, 501);
}

#[tokio::test]
async fn a_program_that_falls_behind_too_far_is_told_from_where_on_it_misses_something() {
    let stage = Stage::with(|config| {
        config.topics = std::sync::Arc::new(|_| {
            let mut topic = everwire_hub::TopicConfig::default();
            topic.history.max_entries = 10;
            topic
        });
    })
    .await;
    let client = client(stage.addr, "ada").max_undelivered(4).connect();
    let topic = client.topic("t").unwrap();
    let mut subscription = soon(topic.subscribe().into_future()).await.unwrap();
    stage.publish("t", 1..=100).await;
    // Until it has fallen behind, whatever was on its way.
    soon(topic.publish(Payload::of(&101).unwrap())).await.unwrap();
    let mut last = 0;
    let (from, to) = loop {
        match next(&mut subscription).await {
            TopicEvent::Publication(_) => last += 1,
            TopicEvent::Gap { from, to, .. } => break (from, to),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((from.unwrap().offset, to.unwrap().offset), (last, 101));
}

#[tokio::test]
async fn a_program_may_publish_while_it_does_not_take_what_it_hears() {
    let stage = Stage::new().await;
    let client = client(stage.addr, "ada").max_undelivered(4).connect();
    let topic = client.topic("t").unwrap();
    let mut subscription = soon(topic.subscribe().into_future()).await.unwrap();
    for n in 1..=50_u64 {
        soon(topic.publish(Payload::of(&n).unwrap())).await.unwrap();
    }
    for n in 1..=50 {
        assert_eq!(number(&mut subscription).await, n);
    }
}

#[tokio::test]
async fn who_is_there_is_told_first_and_then_what_changes() {
    let stage = Stage::with(|config| {
        config.topics = std::sync::Arc::new(|_| {
            let mut topic = everwire_hub::TopicConfig::default();
            topic.presence = true;
            topic
        });
    })
    .await;
    let ada = client(stage.addr, "ada").connect();
    let topic = ada.topic("t").unwrap();
    let mut heard =
        soon(topic.subscribe().presence(PresenceMode::Full).into_future()).await.unwrap();
    let TopicEvent::Members(members) = next(&mut heard).await else { panic!() };
    assert_eq!(&*members[0].user, "ada");
    let bob = client(stage.addr, "bob").connect();
    let there = soon(bob.topic("t").unwrap().subscribe().into_future()).await.unwrap();
    let TopicEvent::MembersChanged { joined, .. } = next(&mut heard).await else { panic!() };
    assert_eq!(&*joined[0].user, "bob");
    drop(there);
    let TopicEvent::MembersChanged { left, .. } = next(&mut heard).await else { panic!() };
    assert_eq!(&*left[0].user, "bob");
}
