//! Who is there, as clients hear it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use everwire_hub::proto::{CloseCode, Topic};
use everwire_testkit::Dice;
use serde_json::{Value, json};

use crate::stage::{Client, Stage, settle};

fn stage() -> Stage {
    Stage::with_topics(|topic| topic.presence = true)
}

/// A client of this user that hears the presence of `t`, and what it was told first.
async fn join(stage: &Stage, user: &str, mode: &str) -> (Client, Value) {
    let (mut client, _) = stage.connect(json!({ "token": user })).await;
    let subscribe = json!({ "subscribe": { "topic": "t", "presence": mode } });
    let presence = client.ask(subscribe).await["presence"].clone();
    (client, presence)
}

fn users(members: &Value) -> Vec<&str> {
    members.as_array().unwrap().iter().map(|member| member["user"].as_str().unwrap()).collect()
}

/// The next change: who came and who went, and its version.
async fn change(client: &mut Client) -> (Vec<String>, Vec<String>, u64) {
    let message = client.hear().await;
    let presence = &message["presence"];
    assert_eq!(presence["topic"], "t", "{message}");
    let names = |field: &str| match presence.get(field) {
        Some(list) => users(list).into_iter().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    (names("join"), names("leave"), presence["version"].as_u64().unwrap())
}

async fn farewell(mut client: Client) {
    client.socket.close(everwire::CloseReason::new(everwire::CloseCode::NORMAL, "").ok()).await;
}

#[tokio::test]
async fn a_list_and_numbered_changes_tell_who_is_there() {
    let stage = stage();
    let (mut ada, first) = join(&stage, "ada", "full").await;
    assert_eq!(users(&first["members"]), ["ada"]);
    let version = first["version"].as_u64().unwrap();
    let (bob, second) = join(&stage, "bob", "full").await;
    assert_eq!(users(&second["members"]), ["ada", "bob"]);
    assert_eq!(change(&mut ada).await, (vec!["bob".into()], vec![], version + 1));
    farewell(bob).await;
    assert_eq!(change(&mut ada).await, (vec![], vec!["bob".into()], version + 2));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_who_is_there_costs_nothing_until_it_does() {
    let mut stage = stage();
    stage.socket.max_queued_bytes = 4 << 10;
    let (mut ada, _) = join(&stage, "ada", "full").await;
    for n in 0..200 {
        let (client, _) = join(&stage, &format!("user-{n}"), "none").await;
        farewell(client).await;
        // What comes together is told together.
        tokio::time::sleep(Duration::from_millis(101)).await;
    }
    settle().await;
    let before = stage.polls.load(Ordering::Relaxed);
    settle().await;
    assert_eq!(stage.polls.load(Ordering::Relaxed), before, "somebody is awake");
    // What there was no room for is not told one by one: the client asks.
    while !change(&mut ada).await.1.contains(&"user-199".to_owned()) {}
}

#[tokio::test]
async fn whoever_unsubscribes_has_left_at_once() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (mut bob, _) = join(&stage, "bob", "none").await;
    assert_eq!(change(&mut ada).await.0, ["bob"]);
    bob.ask(json!({ "unsubscribe": { "topic": "t" } })).await;
    assert_eq!(change(&mut ada).await.1, ["bob"]);
}

#[tokio::test]
async fn one_user_may_be_there_with_several_devices() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (phone, _) = join(&stage, "bob", "none").await;
    let (_laptop, presence) = join(&stage, "bob", "full").await;
    assert_eq!(users(&presence["members"]), ["ada", "bob", "bob"]);
    change(&mut ada).await;
    change(&mut ada).await;
    farewell(phone).await;
    assert_eq!(change(&mut ada).await.1, ["bob"]);
    let members = ada.ask(json!({ "presence": { "topic": "t" } })).await["members"].clone();
    assert_eq!(users(&members), ["ada", "bob"]);
}

#[tokio::test]
async fn a_raw_client_is_a_member_under_its_token_and_a_stranger_under_its_session() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let topic = Topic::new("t").unwrap();
    for (path, known) in [("/chat/blue?token=rob", Some("rob")), ("/chat/blue", None)] {
        let mut raw = stage.open(path, None);
        raw.socket.send("join t").await.unwrap();
        let (joined, _, _) = change(&mut ada).await;
        match known {
            Some(known) => assert_eq!(joined, [known]),
            None => assert!(joined[0].starts_with("s-"), "{joined:?}"),
        }
        raw.socket.close(None).await;
        assert_eq!(change(&mut ada).await.1, joined);
    }
    assert!(stage.hub.counters(&topic).is_some());
}

#[tokio::test]
async fn a_member_that_is_introduced_anew_is_told_of_again() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (mut bob, _) = join(&stage, "bob", "none").await;
    assert_eq!(change(&mut ada).await.0, ["bob"]);
    bob.say(json!({ "send": { "data": "I am Bob" } })).await;
    let told = ada.hear().await;
    assert_eq!(told["presence"]["join"][0]["info"], "Bob", "{told}");
    let members = ada.ask(json!({ "presence": { "topic": "t" } })).await["members"].clone();
    assert_eq!(users(&members), ["ada", "bob"]);
    // The same again is nothing new.
    bob.say(json!({ "send": { "data": "I am Bob" } })).await;
    ada.hear_nothing().await;
}

#[tokio::test]
async fn a_short_break_is_not_told() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (mut bob, connected) = stage.connect(json!({ "token": "bob" })).await;
    bob.subscribe("t").await;
    assert_eq!(change(&mut ada).await.0, ["bob"]);
    bob.cut();
    settle().await;
    let resume = json!({ "session": connected["session"], "key": connected["key"], "got": 1 });
    let (_bob, again) = stage.connect(json!({ "token": "bob", "resume": resume })).await;
    assert_eq!(again["resumed"], true);
    ada.hear_nothing().await;
}

#[tokio::test]
async fn whoever_does_not_come_back_has_left_after_the_grace() {
    let mut presence = everwire_hub::presence::PresenceLimits::default();
    presence.grace = Duration::from_millis(200);
    let stage = Stage::with(|config| {
        config.presence = presence;
        config.topics = std::sync::Arc::new(|_| {
            let mut topic = everwire_hub::TopicConfig::default();
            topic.presence = true;
            topic
        });
    });
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (bob, _) = join(&stage, "bob", "none").await;
    assert_eq!(change(&mut ada).await.0, ["bob"]);
    bob.cut();
    assert_eq!(change(&mut ada).await.1, ["bob"]);
}

#[tokio::test]
async fn counts_are_told_to_those_who_asked_for_counts() {
    let stage = stage();
    let (mut ada, first) = join(&stage, "ada", "count").await;
    assert_eq!(first["count"], 1);
    let (_bob, second) = join(&stage, "bob", "count").await;
    assert_eq!(second["count"], 2);
    let told = ada.hear().await["presence"].clone();
    assert_eq!((&told["count"], told.get("join")), (&json!(2), None));
}

#[tokio::test]
async fn a_session_that_its_endpoint_ends_has_left() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (_bob, presence) = join(&stage, "bob", "full").await;
    change(&mut ada).await;
    let session = presence["members"][1]["session"].as_str().unwrap();
    stage.hub.session(session).unwrap().close(CloseCode::TOLD_TO_GO, "go");
    assert_eq!(change(&mut ada).await.1, ["bob"]);
}

#[tokio::test]
async fn users_are_online_away_offline_or_unknown() {
    let stage = stage();
    let (mut ada, _) = stage.connect(json!({ "token": "ada" })).await;
    let (mut bob, _) = stage.connect(json!({ "token": "bob" })).await;
    let (cleo, _) = stage.connect(json!({ "token": "cleo" })).await;
    bob.say(json!({ "away": true })).await;
    bob.hear_nothing().await;
    farewell(cleo).await;
    settle().await;
    let ask = json!({ "status": { "users": ["ada", "bob", "cleo", "dan"] } });
    let answer = ada.ask(ask).await["users"].clone();
    let status = |user: &str| answer[user]["status"].as_str().unwrap().to_owned();
    assert_eq!(["ada", "bob", "cleo", "dan"].map(status), ["online", "away", "offline", "unknown"]);
    assert!(answer["cleo"]["seen"].as_u64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn a_topic_without_presence_has_none_to_tell() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let subscribe = json!({ "subscribe": { "topic": "t", "presence": "full" } });
    assert_eq!(client.ask(subscribe).await, "denied");
    assert_eq!(client.ask(json!({ "presence": { "topic": "t" } })).await, "denied");
    assert!(client.subscribe("t").await.is_object());
}

/// Who is in `t`, by what a client was told alone.
#[derive(Debug, PartialEq)]
struct Mirror {
    version: u64,
    members: BTreeMap<String, Value>,
}

impl Mirror {
    fn new(list: &Value) -> Self {
        let mut mirror =
            Self { version: list["version"].as_u64().unwrap(), members: BTreeMap::new() };
        mirror.join(&list["members"]);
        mirror
    }

    fn join(&mut self, members: &Value) {
        for member in members.as_array().into_iter().flatten() {
            let known = self.members.insert(member["session"].to_string(), member.clone());
            assert_eq!(known, None, "it is there already");
        }
    }

    /// The next step, as it is applied; says how many came and went.
    async fn follow(&mut self, client: &mut Client) -> usize {
        let message = client.hear().await;
        let change = &message["presence"];
        assert_eq!(change["version"], self.version + 1, "{message}");
        self.version += 1;
        let left = change["leave"].as_array().into_iter().flatten();
        left.for_each(|gone| _ = self.members.remove(&gone["session"].to_string()));
        self.join(&change["join"]);
        let count = |field: &str| change[field].as_array().map_or(0, Vec::len);
        count("join") + count("leave")
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_come_and_go_together_are_told_of_together() {
    let stage = stage();
    let (mut ada, first) = join(&stage, "ada", "full").await;
    let mut mirror = Mirror::new(&first);
    let mut crowd = Vec::new();
    for n in 0..200 {
        crowd.push(join(&stage, &format!("user-{n}"), "none").await.0);
    }
    // The first at once, and the others when the interval is over.
    assert_eq!(mirror.follow(&mut ada).await, 1);
    let before = tokio::time::Instant::now();
    assert_eq!(mirror.follow(&mut ada).await, 199);
    assert_eq!(before.elapsed(), Duration::from_millis(100));
    for client in crowd {
        farewell(client).await;
    }
    while mirror.members.len() > 1 {
        mirror.follow(&mut ada).await;
    }
    assert!(mirror.version <= first["version"].as_u64().unwrap() + 5, "{}", mirror.version);

    // A lone change is not kept waiting.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = tokio::time::Instant::now();
    let (_bob, _) = join(&stage, "bob", "none").await;
    assert_eq!(mirror.follow(&mut ada).await, 1);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_told_of_in_steps_that_any_client_can_take() {
    let stage = stage();
    let (mut ada, first) = join(&stage, "ada", "full").await;
    let mut mirror = Mirror::new(&first);
    let mut crowd = Vec::new();
    for n in 0..1_000 {
        crowd.push(join(&stage, &format!("user-{n}"), "none").await.0);
    }
    let mut steps = Vec::new();
    while mirror.members.len() <= 1_000 {
        steps.push(mirror.follow(&mut ada).await);
    }
    assert!(steps.len() < 10 && steps.iter().all(|count| *count < 600), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_at_the_list_hears_all_the_same_what_is_about_to_be_told() {
    let stage = stage();
    let (mut ada, _) = join(&stage, "ada", "full").await;
    let (_bob, _) = join(&stage, "bob", "none").await;
    assert_eq!(change(&mut ada).await.0, ["bob"]);
    // So soon after bob, cleo is told of a little later.
    let (_cleo, _) = join(&stage, "cleo", "none").await;
    let members = ada.ask(json!({ "presence": { "topic": "t" } })).await["members"].clone();
    assert_eq!(users(&members), ["ada", "bob", "cleo"]);
    assert_eq!(change(&mut ada).await.0, ["cleo"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_in_the_middle_hears_what_it_does_not_know_and_nothing_twice() {
    for seed in 0..20 {
        let stage = stage();
        let mut dice = Dice::new(seed);
        let (mut hearers, mut others) = (Vec::new(), Vec::new());
        for n in 0..60 {
            match dice.below(4) {
                0 => {
                    let (client, list) = join(&stage, &format!("hearer-{n}"), "full").await;
                    hearers.push((client, Mirror::new(&list)));
                }
                1 if !others.is_empty() => {
                    farewell(others.swap_remove(dice.below(others.len()))).await;
                }
                2 => tokio::time::sleep(Duration::from_millis(dice.below(120) as u64)).await,
                _ => others.push(join(&stage, &format!("other-{n}"), "none").await.0),
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (_, last) = join(&stage, "last", "full").await;
        let there = Mirror::new(&last).members;
        for (client, mirror) in &mut hearers {
            while mirror.members != there {
                mirror.follow(client).await;
            }
            client.hear_nothing().await;
        }
    }
}
