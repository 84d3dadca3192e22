//! Topics: subscribe, publish, hear.

use std::sync::Arc;

use everwire::Message;
use everwire_hub::proto::Topic;
use serde_json::json;

use crate::stage::{Client, Stage, numbers, settle, soon};

#[tokio::test]
async fn a_publication_reaches_all_who_subscribed_each_in_its_own_speech() {
    let stage = Stage::new();
    let mut json = stage.client().await;
    json.subscribe("chat:blue").await;
    let mut compact = stage.open("/chat/blue", Some("everwire.bin.v1"));
    compact.ask(json!({ "connect": { "version": 1 } })).await;
    compact.subscribe("chat:blue").await;
    let mut raw = stage.raw();
    raw.socket.send("join").await.unwrap();
    settle().await;

    let mut publisher = stage.client().await;
    let publish = json!({ "publish": { "topic": "chat:blue", "data": { "text": "hi" } } });
    let receipt = publisher.ask(publish).await;
    assert_eq!(receipt["offset"], 1);

    let heard = json.hear().await["pub"].clone();
    assert_eq!((&heard["topic"], &heard["data"]["text"]), (&json!("chat:blue"), &json!("hi")));
    assert_eq!((&heard["offset"], &heard["prev"]), (&json!(1), &json!(0)));
    let Message::Binary(bytes) = compact.hear_raw().await else { panic!("not compact") };
    assert_eq!(bytes[0], 1);
    assert!(bytes.ends_with(b"{\"text\":\"hi\"}"));
    assert_eq!(raw.hear_raw().await, Message::text("{\"text\":\"hi\"}"));
}

#[tokio::test]
async fn publications_come_behind_the_reply_and_each_names_the_one_before() {
    let stage = Stage::new();
    stage.count("t", 1..=3).await;
    let mut client = stage.client().await;
    let reply = client.subscribe("t").await;
    assert_eq!(reply["position"], reply["head"]);
    assert_eq!(reply["position"]["offset"], 3);
    let mut tag = reply["position"]["tag"].clone();
    stage.count("t", 4..=6).await;
    for offset in 4..=6 {
        let heard = client.hear().await["pub"].clone();
        assert_eq!((&heard["offset"], &heard["prev"]), (&json!(offset), &tag));
        tag = heard["tag"].clone();
    }
}

#[tokio::test]
async fn whoever_asks_for_no_echo_is_told_only_to_move_on() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.subscribe("t").await;
    let publish = json!({ "publish": { "topic": "t", "echo": false, "data": 1 } });
    client.say(json!({ "id": 9, "publish": publish["publish"] })).await;
    let skip = client.hear().await["pub"].clone();
    assert_eq!((&skip["offset"], &skip["skip"]), (&json!(1), &json!(true)));
    assert!(skip.get("data").is_none());
    assert_eq!(client.hear().await["ok"]["offset"], 1);
}

#[tokio::test]
async fn what_is_not_allowed_is_denied_and_nothing_else_changes() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    assert_eq!(client.subscribe("secret:plans").await, "denied");
    assert_eq!(client.subscribe("$hub").await, "denied");
    let publish = json!({ "publish": { "topic": "secret:plans", "data": 1 } });
    assert_eq!(client.ask(publish).await, "denied");
    let history = json!({ "history": { "topic": "secret:plans" } });
    assert_eq!(client.ask(history).await, "denied");
    assert_eq!(client.subscribe("not a topic").await, "invalid");
    client.subscribe("t").await;
    assert_eq!(client.subscribe("t").await, "already_subscribed");
}

#[tokio::test]
async fn whoever_unsubscribes_hears_nothing_more() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    client.subscribe("t").await;
    assert_eq!(client.ask(json!({ "unsubscribe": { "topic": "t" } })).await, json!({}));
    stage.count("t", 1..=3).await;
    client.hear_nothing().await;
    let again = client.ask(json!({ "unsubscribe": { "topic": "t" } })).await;
    assert_eq!(again, "not_subscribed");
}

#[tokio::test]
async fn a_client_that_missed_something_subscribes_again_from_where_it_is() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let position = client.subscribe("t").await["position"].clone();
    stage.count("t", 1..=3).await;
    client.hear_publications(3).await;
    let again = json!({ "subscribe": { "topic": "t", "from": position } });
    assert_eq!(client.ask(again).await["recovered"], true);
    assert_eq!(client.hear_publications(3).await, numbers(1..=3));
    stage.count("t", 4..=4).await;
    assert_eq!(client.hear_publications(1).await, numbers(4..=4));
    client.hear_nothing().await;
}

#[tokio::test]
async fn subscriptions_are_limited() {
    let stage = Stage::with(|config| config.max_subscriptions = 2);
    let mut client = stage.client().await;
    client.subscribe("a").await;
    client.subscribe("b").await;
    assert_eq!(client.subscribe("c").await, "limit");
    client.ask(json!({ "unsubscribe": { "topic": "a" } })).await;
    assert!(client.subscribe("c").await.is_object());
}

#[tokio::test]
async fn a_subscription_begins_where_it_asks_to() {
    let stage = Stage::new();
    stage.count("t", 1..=200).await;
    for (from, count) in [(json!("earliest"), 200), (json!({ "last": 3 }), 3), (json!("latest"), 0)]
    {
        let mut client = stage.client().await;
        client.ask(json!({ "subscribe": { "topic": "t", "from": from } })).await;
        let heard = client.hear_publications(count).await;
        assert_eq!(heard, numbers(201 - count as u64..=200));
        client.hear_nothing().await;
    }
}

#[tokio::test]
async fn history_is_read_a_page_at_a_time() {
    let stage = Stage::new();
    stage.count("t", 1..=5).await;
    let mut client = stage.client().await;
    let page = client.ask(json!({ "history": { "topic": "t", "limit": 2 } })).await;
    let data = |page: &serde_json::Value| -> Vec<_> {
        let publications = page["publications"].as_array().unwrap();
        publications.iter().map(|publication| publication["data"].clone()).collect()
    };
    assert_eq!((data(&page), &page["more"]), (numbers(4..=5), &json!(true)));
    let page = client.ask(json!({ "history": { "topic": "t", "before": 4 } })).await;
    assert_eq!((data(&page), &page["more"]), (numbers(1..=3), &json!(false)));
}

#[tokio::test]
async fn a_topic_without_history_is_live_and_offers_no_positions() {
    let stage = Stage::with_topics(|topic| topic.history.max_entries = 0);
    stage.publish("t", json!("before")).await;
    let mut client = stage.client().await;
    let reply = client.subscribe("t").await;
    assert_eq!(reply, json!({ "live": true }));
    stage.publish("t", json!("after")).await;
    let heard = client.hear().await["pub"].clone();
    assert_eq!(heard["data"], "after");
    assert!(heard.get("tag").is_none() && heard.get("prev").is_none());
    assert_eq!(client.ask(json!({ "history": { "topic": "t" } })).await, "no_history");
}

#[tokio::test]
async fn whether_a_publication_that_is_sent_again_was_stored_is_not_guessed() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let mut publish = json!({ "publish": { "topic": "secret:t", "key": 1, "data": 1 } });
    assert_eq!(client.ask(publish.clone()).await, "denied");
    // It may have been allowed when it was sent first.
    publish["publish"]["again"] = json!("");
    assert_eq!(client.ask(publish).await, "unsure");
}

#[tokio::test]
async fn a_publication_that_is_sent_again_is_stored_once() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let publish = |again: Option<&str>| {
        let mut publish = json!({ "publish": { "topic": "t", "key": 1, "data": "once" } });
        if let Some(again) = again {
            publish["publish"]["again"] = json!(again);
        }
        publish
    };
    assert_eq!(client.ask(publish(Some(""))).await, "unsure");
    let first = client.ask(publish(None)).await;
    assert_eq!(client.ask(publish(Some(""))).await, first);
    assert_eq!(client.ask(publish(first["epoch"].as_str())).await, first);
}

#[tokio::test]
async fn counters_add_up() {
    let stage = Stage::new();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..3 {
        let mut client = stage.client().await;
        client.subscribe("t").await;
        clients.push(client);
    }
    stage.count("t", 1..=10).await;
    for client in &mut clients {
        client.hear_publications(10).await;
    }
    let counters = stage.hub.counters(&Topic::new("t").unwrap()).unwrap();
    assert_eq!((counters.due, counters.delivered), (30, 30));
    assert_eq!((counters.dropped, counters.left, counters.pending), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_and_leaving_while_others_publish_stops_nobody() {
    let stage = Arc::new(Stage::new());
    let joining = (0..4).map(|_| {
        let stage = stage.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                let mut client = stage.client().await;
                let at = client.subscribe("t").await["position"]["offset"].as_u64().unwrap();
                for n in 1..=5 {
                    assert_eq!(client.hear_publication().await.0, at + n);
                }
                client.cut();
            }
        })
    });
    let joining: Vec<_> = joining.collect();
    let publishing = {
        let stage = stage.clone();
        tokio::spawn(async move {
            loop {
                stage.count("t", 1..=10).await;
                tokio::task::yield_now().await;
            }
        })
    };
    for task in joining {
        soon(task).await.unwrap();
    }
    publishing.abort();
}

#[tokio::test]
async fn a_client_is_told_of_a_subscription_that_the_application_ends() {
    let stage = Stage::new();
    let (mut client, connected) = stage.connect(json!({})).await;
    client.subscribe("t").await;
    let session = stage.hub.session(connected["session"].as_str().unwrap()).unwrap();
    let topic = Topic::new("t").unwrap();
    assert!(session.unsubscribe(&topic).await);
    assert_eq!(client.hear().await, json!({ "unsubscribed": { "topic": "t" } }));
    assert!(!session.unsubscribe(&topic).await);
    stage.count("t", 1..=1).await;
    client.hear_nothing().await;
}
