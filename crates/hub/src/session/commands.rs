//! What clients ask for, and what is done about it: one `match`.

use bytes::Bytes;
use everwire::Message;
use everwire_proto::{
    Answer, ClientMessage, CloseCode, Command, ErrorCode, ErrorReply, HistoryPage, HubMessage, Id,
    Payload, Publish, Receipt, Stored, SubscribeOptions, Topic,
};

use super::link::Due;
use super::subscriptions::Arriving;
use super::{Session, membership};
use crate::endpoint::{Access, AnyEndpoint, EndpointError, Panicked};
use crate::frames::{Speech, hub_frame};
use crate::log::{Draft, Key};

/// Publications of the past that are told at a time.
const MAX_HISTORY: u64 = 100;

/// Does what a client says.
pub(super) async fn handle(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    message: ClientMessage,
) -> Result<(), Due> {
    match message {
        ClientMessage::Command { id, command } => {
            let outcome = match command {
                // It replies by itself: publications come behind the reply.
                Command::Subscribe { topic, options } => {
                    match subscribe(session, endpoint, id, &topic, &options).await? {
                        Ok(()) => return Ok(()),
                        Err(error) => Err(error),
                    }
                }
                command => answer(session, endpoint, command).await?,
            };
            session.reply(id, outcome).await;
            Ok(())
        }
        ClientMessage::Send(payload) => on_message(session, endpoint, payload).await,
        ClientMessage::Ack { topic, offset } => {
            // What is kept of acknowledgements is bounded: it is for those who hear the topic.
            let hears = session.hears(&topic)
                || allow(session, endpoint, Access::Subscribe, &topic).await?.is_ok();
            if hears {
                session.0.hub.broker.acknowledge(&topic, session.client(), offset);
            }
            Ok(())
        }
        ClientMessage::Away(away) => {
            session.set_away(away).await;
            Ok(())
        }
        // What is not known here changes nothing.
        _ => Ok(()),
    }
}

async fn answer(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    command: Command,
) -> Result<Result<Answer, ErrorReply>, Due> {
    Ok(match command {
        Command::Unsubscribe { topic } => match session.drop_subscription(&topic).await {
            true => Ok(Answer::Unsubscribed),
            false => Err(ErrorReply::new(ErrorCode::NotSubscribed, "not subscribed")),
        },
        Command::Publish(publish) => self::publish(session, endpoint, publish).await?,
        Command::History { topic, before, limit } => {
            let limit = limit.unwrap_or(MAX_HISTORY).min(MAX_HISTORY);
            history(session, endpoint, &topic, before, limit).await?
        }
        Command::Rpc { method, payload } => {
            match endpoint.on_rpc(session, &method, payload).await.map_err(panicked)? {
                Ok(payload) => Ok(Answer::Rpc(payload)),
                Err(error) => Err(error),
            }
        }
        Command::Connect(_) => Err(ErrorReply::new(ErrorCode::Invalid, "`connect` comes once")),
        Command::Presence { topic } => {
            match allow(session, endpoint, Access::Subscribe, &topic).await? {
                Ok(()) => membership::list(session, &topic).await,
                Err(error) => Err(error),
            }
        }
        Command::Status { users } => membership::status(session, endpoint, users).await?,
        _ => Err(ErrorReply::new(ErrorCode::Unknown, "the command is not known here")),
    })
}

async fn subscribe(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    id: Id,
    topic: &Topic,
    options: &SubscribeOptions,
) -> Result<Result<(), ErrorReply>, Due> {
    let arriving = match arrive(session, endpoint, topic, options).await? {
        Ok(arriving) => arriving,
        Err(error) => return Ok(Err(error)),
    };
    let answer = Answer::Subscribed(Box::new(arriving.subscribed.clone()));
    let Speech::Hub(encoding) = session.0.speech else { unreachable!("raw clients ask nothing") };
    let reply = hub_frame(&HubMessage::Reply { id, outcome: Ok(answer) }, encoding);
    session.sit_down_behind(arriving, &reply).await;
    Ok(Ok(()))
}

/// Prepares a subscription that a client asks for, if the endpoint lets it.
pub(super) async fn arrive(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    topic: &Topic,
    options: &SubscribeOptions,
) -> Result<Result<Arriving, ErrorReply>, Due> {
    // Before the endpoint is asked, which may take long for each.
    let place = match session.reserve(topic, options) {
        Ok(place) => place,
        Err(error) => return Ok(Err(error)),
    };
    Ok(match allow(session, endpoint, Access::Subscribe, topic).await? {
        Ok(()) => session.arrive(place, options).await,
        Err(error) => Err(error),
    })
}

async fn publish(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    publish: Publish,
) -> Result<Result<Answer, ErrorReply>, Due> {
    let topic = publish.topic;
    // The error is about this time; what became of it the first time is not known.
    let is_again = publish.again.is_some();
    let refuse = |error: ErrorReply| match is_again {
        true => ErrorReply::new(ErrorCode::Unsure, error.message),
        false => error,
    };
    if let Err(error) = allow(session, endpoint, Access::Publish, &topic).await? {
        return Ok(Err(refuse(error)));
    }
    let client = session.client();
    let key =
        publish.key.map(|number| Key { client: client.clone(), number, again: publish.again });
    let except = (!publish.echo).then(|| client.clone());
    let draft = Draft { from: session.user().cloned(), payload: publish.payload, key, except };
    let hub = &session.0.hub;
    Ok(match hub.broker.publish(&topic, draft).await {
        Ok(_) if hub.is_live(&topic) => Ok(Answer::Published(None)),
        Ok(published) => Ok(Answer::Published(Some(Receipt {
            offset: published.offset,
            epoch: published.epoch,
        }))),
        Err(error) => Err(refuse(error.into())),
    })
}

async fn history(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    topic: &Topic,
    before: Option<u64>,
    limit: u64,
) -> Result<Result<Answer, ErrorReply>, Due> {
    if let Err(error) = allow(session, endpoint, Access::History, topic).await? {
        return Ok(Err(error));
    }
    let hub = &session.0.hub;
    if hub.is_live(topic) {
        return Ok(Err(ErrorReply::new(ErrorCode::NoHistory, "the topic keeps no history")));
    }
    let before = before.unwrap_or(u64::MAX);
    Ok(match hub.broker.history(topic, before, limit as usize).await {
        Ok(found) => Ok(Answer::History(HistoryPage {
            position: found.position,
            more: found.more,
            publications: found
                .publications
                .iter()
                .map(|entry| Stored { place: entry.place, content: entry.content.clone() })
                .collect(),
        })),
        Err(error) => Err(error.into()),
    })
}

async fn allow(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    access: Access,
    topic: &Topic,
) -> Result<Result<(), ErrorReply>, Due> {
    if topic.is_reserved() {
        let message = "topics that begin with `$` are the hub's own";
        return Ok(Err(ErrorReply::new(ErrorCode::Denied, message)));
    }
    endpoint.allow(session, access, topic).await.map_err(panicked)
}

/// A message to the endpoint; what it returns goes back.
pub(super) async fn on_message(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    payload: Payload,
) -> Result<(), Due> {
    match endpoint.on_message(session, payload).await.map_err(panicked)? {
        Ok(Some(reply)) => {
            // A session that has ended meanwhile needs no reply.
            let _ = session.send(reply).await;
        }
        Ok(None) => {}
        Err(error) => {
            let error = EndpointError::Failed(error);
            endpoint.on_error(session, &error).await.map_err(panicked)?;
        }
    }
    Ok(())
}

/// The link ends; whoever ends the session tells the endpoint.
pub(super) fn panicked(_: Panicked) -> Due {
    Due::Panicked
}

/// What a raw client says, as others hear it. One that says too much is closed: it knows no other answer.
pub(super) fn raw_payload(message: Message, max: usize) -> Result<Payload, Due> {
    let len = message.len();
    let payload = payload_of(message);
    // Text that is written as a JSON string is longer, what has space around it shorter.
    let size = len.max(payload.size());
    if size > max {
        let reason = format!("message of {size} bytes exceeds `max_message` of {max}");
        return Err(Due::Close(CloseCode(1009), reason));
    }
    Ok(payload)
}

fn payload_of(message: Message) -> Payload {
    let Message::Text(text) = message else {
        return Payload::binary(message.into_bytes());
    };
    let bytes: Bytes = text.into_bytes();
    if let Some(b'{' | b'[') = bytes.first()
        && let Ok(payload) = Payload::json(bytes.clone())
    {
        return payload;
    }
    let text = String::from_utf8_lossy(&bytes);
    Payload::of(&*text).expect("any text is a JSON string")
}

impl Session {
    /// Answers a command.
    pub(super) async fn reply(&self, id: Id, outcome: Result<Answer, ErrorReply>) {
        let Speech::Hub(encoding) = self.0.speech else { return };
        // A session that has ended meanwhile needs no reply.
        let _ = self.push_waiting(&hub_frame(&HubMessage::Reply { id, outcome }, encoding)).await;
    }
}

/// What a session ends with whose endpoint panicked.
pub(super) const PANICKED: CloseCode = CloseCode(1011);
