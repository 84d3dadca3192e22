//! `/hub` and `/hub/{room}`: rooms and feeds for whoever comes.
//!
//! A client that speaks the hub's language subscribes to topics `room:…` and `feed:…` and publishes in them,
//! at either path. Rooms have presence; feeds have none, and cost less. A raw client at `/hub/{room}` hears
//! the room, and what it says is published there.
//!
//! There are no accounts: whoever says `token=ada` is ada, and may say what to be called, `name=Ada`.

use std::sync::Arc;
use std::time::Duration;

use everwire_hub::proto::{CloseCode, ErrorCode, ErrorReply, JsonText, Name, Payload, Topic};
use everwire_hub::{Access, Endpoint, Hub, HubConfig, Request, Session, TopicConfig};
use serde::Serialize;

/// What the topic of a room begins with.
const ROOM: &str = "room:";

/// What the topic of a feed begins with.
const FEED: &str = "feed:";

/// Characters of what somebody wants to be called.
const MAX_CALLED: usize = 64;

/// The hub of `everwire serve`.
pub(super) fn hub(resume_timeout: Duration) -> Hub {
    let mut config = HubConfig::default();
    config.resume_timeout = resume_timeout;
    config.topics = Arc::new(|topic| {
        let mut rules = TopicConfig::default();
        rules.presence = has_name(topic, ROOM);
        rules
    });
    let hub = Hub::builder().config(config);
    let hub = hub.endpoint("/hub", Rooms).and_then(|hub| hub.endpoint("/hub/{room}", Rooms));
    hub.expect("these are paths").build()
}

/// Lets everybody into every room and every feed.
struct Rooms;

/// What members of a room know of each other, beside who they are.
#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
}

impl Endpoint for Rooms {
    async fn identify(&self, _: &Request, token: Option<&str>) -> Result<Option<Name>, ErrorReply> {
        token.map(Name::new).transpose().map_err(|problem| {
            ErrorReply::new(ErrorCode::Unauthorized, format!("the token: {problem}"))
        })
    }

    async fn allow(&self, _: &Session, _: Access, topic: &Topic) -> Result<(), ErrorReply> {
        if has_name(topic, ROOM) || has_name(topic, FEED) {
            return Ok(());
        }
        Err(ErrorReply::new(ErrorCode::Denied, "the topics here are `room:…` and `feed:…`"))
    }

    async fn allow_status(&self, _: &Session, _: &[Name]) -> Result<(), ErrorReply> {
        Ok(())
    }

    async fn on_open(&self, session: &Session) {
        if let Some(name) = session.request().query("name") {
            // Whoever asks to be called something impossible is called nothing.
            let _ = call(session, &name).await;
        }
        if let (true, Some(room)) = (session.is_raw(), room(session)) {
            // It fails if there are too many rooms; then there is nothing to hear.
            if let Err(error) = session.subscribe(&room, Default::default()).await {
                session.close(CloseCode::TOLD_TO_GO, &error.message);
            }
        }
    }

    async fn on_message(
        &self,
        session: &Session,
        message: Payload,
    ) -> Result<Option<Payload>, ErrorReply> {
        if let Some(room) = room(session) {
            session.publish(&room, message).await?;
        }
        Ok(None)
    }

    async fn on_rpc(
        &self,
        session: &Session,
        method: &str,
        payload: Payload,
    ) -> Result<Payload, ErrorReply> {
        match (method, &payload) {
            ("name", Payload::Json(json)) => {
                let name = json.read::<String>().map_err(|_| invalid("a name is a string"))?;
                call(session, &name).await?;
                Ok(payload)
            }
            _ => Err(ErrorReply::new(ErrorCode::NoMethod, "the one method here is `name`")),
        }
    }
}

/// Has others know a session by this name.
async fn call(session: &Session, name: &str) -> Result<(), ErrorReply> {
    if name.chars().count() > MAX_CALLED {
        return Err(invalid(&format!("a name has at most {MAX_CALLED} characters")));
    }
    let info = JsonText::of(&Info { name }).map_err(|problem| invalid(&problem.to_string()))?;
    session.introduce(info).await
}

/// The room that a session's path names.
fn room(session: &Session) -> Option<Topic> {
    Topic::new(&format!("{ROOM}{}", session.request().param("room")?)).ok()
}

/// Whether a topic is a room, or a feed, that has a name.
fn has_name(topic: &Topic, prefix: &str) -> bool {
    topic.strip_prefix(prefix).is_some_and(|name| !name.is_empty())
}

fn invalid(message: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::Invalid, message)
}
