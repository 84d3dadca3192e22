//! Who a client is taken for.

use everwire_hub::proto::{ErrorCode, ErrorReply, Name, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Request, Session, TopicConfig};
use serde_json::json;

use crate::stage::Stage;

/// Knows users by a token, by a cookie, or by what it looks up.
struct Door;

impl Endpoint for Door {
    async fn identify(
        &self,
        request: &Request,
        token: Option<&str>,
    ) -> Result<Option<Name>, ErrorReply> {
        if let Some(user) = token.or_else(|| request.cookie("user")) {
            return Ok(Name::new(user).ok());
        }
        let Some(badge) = request.header("X-Badge") else { return Ok(None) };
        match look_up(badge.as_bytes()).await {
            Some(user) => Ok(Some(user)),
            None => Err(ErrorReply::new(ErrorCode::Unauthorized, "no such badge")),
        }
    }

    async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        Ok(())
    }

    async fn on_open(&self, session: &Session) {
        if session.is_raw() {
            session.subscribe(&Topic::new("t").unwrap(), Default::default()).await.unwrap();
        }
    }
}

/// As if a database was asked.
async fn look_up(badge: &[u8]) -> Option<Name> {
    tokio::task::yield_now().await;
    (badge == b"007").then(|| Name::new("james").unwrap())
}

fn stage() -> Stage {
    let mut config = HubConfig::default();
    config.topics = std::sync::Arc::new(|_| {
        let mut topic = TopicConfig::default();
        topic.presence = true;
        topic
    });
    let mut stage = Stage::new();
    let builder = Hub::builder().config(config).endpoint("/chat/{room}", Door);
    stage.hub = builder.unwrap().build();
    stage
}

fn request(path: &str, header: Option<(&str, &str)>) -> http::Request<()> {
    let request = http::Request::get(path);
    let request =
        header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(()).unwrap()
}

#[tokio::test]
async fn a_raw_client_takes_part_in_presence_under_its_token_its_cookie_or_what_is_looked_up() {
    let stage = stage();
    let (mut ada, _) = stage.connect(json!({ "token": "ada" })).await;
    ada.ask(json!({ "subscribe": { "topic": "t", "presence": "full" } })).await;
    for (path, header, user) in [
        ("/chat/blue?token=rob", None, "rob"),
        ("/chat/blue", Some(("cookie", "theme=dark; user=kim")), "kim"),
        ("/chat/blue", Some(("x-badge", "007")), "james"),
    ] {
        let (raw, _) = stage.open_with(request(path, header), None);
        let told = ada.hear().await;
        assert_eq!(told["presence"]["join"][0]["user"], user, "{told}");
        drop(raw);
        assert_eq!(ada.hear().await["presence"]["leave"][0]["user"], user);
    }
}

#[tokio::test]
async fn a_raw_client_that_is_not_let_in_is_closed_with_the_reason() {
    let (mut raw, _) = stage().open_with(request("/chat/blue", Some(("x-badge", "001"))), None);
    assert_eq!(raw.end().await, 4503);
    assert_eq!(raw.socket.close_report().unwrap().reason.as_str(), "no such badge");
}

#[tokio::test]
async fn a_client_of_the_hubs_language_may_be_known_by_a_cookie_too() {
    let cookie = request("/chat/blue", Some(("cookie", "user=kim")));
    let (mut client, _) = stage().open_with(cookie, Some("everwire.json.v1"));
    assert_eq!(client.ask(json!({ "connect": { "version": 1 } })).await["user"], "kim");
}

#[tokio::test]
async fn the_first_cookie_of_a_name_counts_however_the_others_look() {
    for (cookies, user) in [
        (vec!["user=kim; user=rob"], Some("kim")),
        (vec!["user=\"kim\""], Some("kim")),
        (vec!["a=b=c;user=kim"], Some("kim")),
        (vec![" ; =; user ; superuser=rob", "User=rob; user=k=im"], Some("k=im")),
        (vec!["other=\u{e9}\u{fffd}; user=kim"], Some("kim")),
        (vec!["superuser=rob; user"], None),
        (vec![], None),
    ] {
        let mut request = request("/chat/blue", None);
        for cookie in &cookies {
            let value = http::HeaderValue::from_bytes(&latin1(cookie)).unwrap();
            request.headers_mut().append("cookie", value);
        }
        let (mut client, _) = stage().open_with(request, Some("everwire.json.v1"));
        let connected = client.ask(json!({ "connect": { "version": 1 } })).await;
        assert_eq!(connected.get("user"), user.map(|user| json!(user)).as_ref(), "{cookies:?}");
    }
}

/// Bytes that are not UTF-8, where there is more than ASCII.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(0xff)).collect()
}
