//! Clients that say whatever comes to mind.

use std::collections::BTreeSet;

use everwire_testkit::Dice;
use serde_json::{Value, json};

use crate::stage::{Client, Stage};

const TOPICS: [&str; 5] = ["a", "b", "$hub", "secret", "no topic"];

#[tokio::test(start_paused = true)]
async fn each_command_is_answered_once_whatever_else_is_said() {
    for seed in 0..150 {
        let stage = Stage::with_topics(|topic| {
            topic.presence = true;
            topic.history.max_entries = 20;
        });
        let mut dice = Dice::new(seed);
        let mut client = stage.client().await;
        let (mut last_id, mut waiting) = (1, BTreeSet::new());
        for _ in 0..dice.below(15) {
            for _ in 0..dice.below(20) {
                let mut message = message(&mut dice);
                if message["id"] == true {
                    last_id += 1;
                    message["id"] = json!(last_id);
                    waiting.insert(last_id);
                }
                client.say(message).await;
            }
            hear_answers(&mut client, &mut waiting, seed).await;
        }
        assert!(waiting.is_empty(), "seed {seed}: {waiting:?}");
        assert_eq!(stage.hub.sessions(), 1, "seed {seed}");
    }
}

/// Hears everything up to the answer to a heartbeat.
async fn hear_answers(client: &mut Client, waiting: &mut BTreeSet<u64>, seed: u64) {
    // A question of its own: a `got` may also come unasked.
    client.say(json!({ "id": 1, "rpc": { "method": "echo", "data": "done" } })).await;
    loop {
        let said = client.hear().await;
        match said["id"].as_u64() {
            Some(1) => return,
            Some(id) => assert!(waiting.remove(&id), "seed {seed}: {said}"),
            None => assert!(said.is_object(), "seed {seed}: {said}"),
        }
    }
}

/// A command, with the `id` true, or something else that is no reason to end the link.
fn message(dice: &mut Dice) -> Value {
    let topic = *dice.pick(&TOPICS);
    let number = dice.below(30);
    let position = json!({ "epoch": "none", "offset": number, "tag": number });
    let places = [
        json!("latest"),
        json!("earliest"),
        json!("acknowledged"),
        json!({ "last": number }),
        position,
        json!({ "last": "x" }),
        json!(null),
    ];
    let from = dice.pick(&places);
    let presence = *dice.pick(&["none", "count", "full", "loud"]);
    let (user, echo) = (*dice.pick(&["ada", "", "bob\n"]), dice.below(2) == 0);
    match dice.below(14) {
        0 | 1 => {
            json!({ "id": true, "subscribe": { "topic": topic, "from": from, "presence": presence } })
        }
        2 => json!({ "id": true, "unsubscribe": { "topic": topic } }),
        3 | 4 => {
            json!({ "id": true, "publish": { "topic": topic, "key": number, "data": [number], "echo": echo } })
        }
        5 => {
            json!({ "id": true, "publish": { "topic": topic, "key": number + 1, "again": "none", "b64": "AAEC" } })
        }
        6 => {
            json!({ "id": true, "history": { "topic": topic, "before": number, "limit": number } })
        }
        7 => json!({ "id": true, "presence": { "topic": topic } }),
        8 => json!({ "id": true, "status": { "users": [user] } }),
        9 => json!({ "id": true, "rpc": { "method": user, "data": null } }),
        10 => json!({ "id": true, "connect": { "version": number } }),
        11 => json!({ "id": true, "dance": number }),
        12 => json!({ "ack": { "topic": "a", "offset": number } }),
        _ => dice
            .pick(&[json!({ "away": true }), json!({}), json!({ "send": { "data": "fail" } })])
            .clone(),
    }
}
