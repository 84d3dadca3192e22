//! A hub that goes. The clock is tokio's, paused.

use std::time::Duration;

use everwire::{CloseCode, CloseReason, Shutdown, ShutdownReport};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::stage::{Client, Stage, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Clients are told to go within 3 s and closed after 6 s; after 9 s all is over.
fn plan() -> Shutdown {
    let mut plan = Shutdown::default();
    (plan.window, plan.deadline) = (3 * SECOND, 9 * SECOND);
    plan.retry_after = Some(SECOND..=2 * SECOND);
    plan
}

fn shut_down(stage: &Stage, plan: Shutdown) -> JoinHandle<ShutdownReport> {
    let hub = stage.hub.clone();
    tokio::spawn(async move { hub.shut_down(&plan).await })
}

/// What the client is told: when to go, and when it is closed.
async fn hear_drain(client: &mut Client) -> (u64, u64) {
    let message = client.hear().await;
    let number =
        |field: &str| message["drain"][field].as_u64().unwrap_or_else(|| panic!("{message}"));
    (number("after"), number("within"))
}

async fn leave(client: &mut Client, code: u16) {
    let code = CloseCode::try_from(code).unwrap();
    client.socket.close(CloseReason::new(code, "").ok()).await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_told_to_go_a_little_apart_and_those_who_went_are_not_waited_for() {
    let stage = Stage::new();
    let mut clients = [stage.client().await, stage.client().await, stage.client().await];
    let began = Instant::now();
    let done = shut_down(&stage, plan());
    let mut told = Vec::new();
    for client in &mut clients {
        told.push(hear_drain(client).await);
    }
    told.sort_unstable();
    assert_eq!(told, [(0, 6_000), (1_000, 6_000), (2_000, 6_000)]);
    for client in &mut clients {
        leave(client, 4001).await;
    }
    let report = done.await.unwrap();
    assert_eq!((report.closed_clean, report.total()), (3, 3));
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_eq!(stage.hub.sessions(), 0);
    assert_eq!(stage.endpoint.notes()[3..], ["close 4412 clean true"; 3]);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_go_is_closed_and_told_when_to_come_back() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let began = Instant::now();
    let done = shut_down(&stage, plan());
    hear_drain(&mut client).await;
    let bye = client.hear().await["bye"].clone();
    assert_eq!(began.elapsed(), 6 * SECOND);
    let after = bye["after"].as_u64().unwrap();
    assert!((1_000..=2_000).contains(&after), "{after}");
    assert_eq!((&bye["code"], &bye["retry"]), (&json!(4412), &json!(true)));
    assert_eq!(client.end().await, 4412);
    let report = done.await.unwrap();
    assert_eq!((report.closed_clean, report.total()), (1, 1));
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4412 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_until_then_is_heard_and_answered() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let done = shut_down(&stage, plan());
    hear_drain(&mut client).await;
    client.subscribe("t").await;
    stage.publish("t", json!("still here")).await;
    assert_eq!(client.hear_publications(1).await, [json!("still here")]);
    leave(&mut client, 4000).await;
    assert_eq!(done.await.unwrap().aborted, 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4000 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn raw_clients_are_closed_with_the_reason_of_the_plan() {
    let stage = Stage::new();
    let mut raw = stage.raw();
    settle().await;
    let done = shut_down(&stage, plan());
    assert_eq!(raw.end().await, 1001);
    let reason = raw.socket.close_report().unwrap().reason;
    assert!(reason.contains("retry-after-ms="), "{reason}");
    assert_eq!(done.await.unwrap().closed_clean, 1);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 1001 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_the_hub_goes_is_not_let_in() {
    let stage = Stage::new();
    assert!(stage.hub.refusal().is_none());
    let (client, connected) = stage.connect(json!({})).await;
    let done = shut_down(&stage, plan());
    settle().await;
    let refusal = stage.hub.refusal().unwrap();
    assert_eq!(refusal.response().status(), 503);
    let after: u64 = refusal.response().headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&after), "{after}");
    client.cut();

    // Neither raw clients, nor new ones, nor those who would go on with a session.
    let resume = json!({ "session": connected["session"], "key": connected["key"], "got": 1 });
    for connect in [None, Some(json!({})), Some(json!({ "resume": resume }))] {
        let subprotocol = connect.is_some().then_some("everwire.json.v1");
        let mut late = stage.open("/chat/blue", subprotocol);
        if let Some(connect) = connect {
            late.say(json!({ "id": 1, "connect": crate::stage::with_version(connect) })).await;
        }
        assert_eq!(late.end().await, 1001);
        let reason = late.socket.close_report().unwrap().reason;
        assert!(reason.contains("retry-after-ms="), "{reason}");
    }
    done.await.unwrap();
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4412 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_client_is_away_is_over_at_once() {
    let stage = Stage::new();
    stage.client().await.cut();
    settle().await;
    let began = Instant::now();
    let report = stage.hub.shut_down(&plan()).await;
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_eq!(report.total(), 0);
    assert_eq!(stage.endpoint.notes(), ["open blue", "close 4412 clean true"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_not_ended_by_the_deadline_is_cut_off() {
    let mut stage = Stage::new();
    stage.socket.close_timeout = 60 * SECOND;
    let mut hung = stage.client().await;
    hung.say(json!({ "send": { "data": "hang" } })).await;
    let _deaf = stage.raw();
    settle().await;
    let began = Instant::now();
    let report = stage.hub.shut_down(&plan()).await;
    assert_eq!((report.aborted, report.total()), (2, 2));
    // The endpoint had a second more.
    assert_eq!(began.elapsed(), 10 * SECOND);
    assert_eq!(report.took, 9 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_second_call_makes_haste() {
    let stage = Stage::new();
    let mut client = stage.client().await;
    let began = Instant::now();
    let first = shut_down(&stage, plan());
    hear_drain(&mut client).await;
    let report = stage.hub.shut_down(&Shutdown::at_once()).await;
    assert_eq!((report.aborted, report.total()), (1, 1));
    assert_eq!(first.await.unwrap().aborted, 1);
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_goes_because_it_was_told_is_not_told_to_have_left() {
    let stage = Stage::with_topics(|topic| topic.presence = true);
    let join = async |user: &str| {
        let (mut client, _) = stage.connect(json!({ "token": user })).await;
        let subscribe = json!({ "subscribe": { "topic": "t", "presence": "full" } });
        client.ask(subscribe).await;
        client
    };
    let (mut ada, mut bob, mut cleo) = (join("ada").await, join("bob").await, join("cleo").await);
    let joined = |message: &Value| message["presence"]["join"][0]["user"].clone();
    assert_eq!([joined(&ada.hear().await), joined(&ada.hear().await)], ["bob", "cleo"]);
    let _done = shut_down(&stage, plan());
    hear_drain(&mut ada).await;
    // One goes elsewhere, the other for good.
    leave(&mut bob, 4001).await;
    leave(&mut cleo, 4000).await;
    assert_eq!(ada.hear().await["presence"]["leave"][0]["user"], "cleo");
    ada.hear_nothing().await;
    assert_eq!(stage.hub.sessions(), 1);
}
