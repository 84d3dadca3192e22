//! What happens to a session, and what it does, as vectors/README.md writes them down.

use everwire_proto::session::{
    Config, Delivered, End, Event, Input, NotSent, Outcome, Output, Request, Then,
};
use everwire_proto::{
    Answer, Bye, ClientMessage, CloseCode, Command, Encoded, Encoding, ErrorReply, HubMessage, Id,
    MemberChange, Members, PresenceChange, PresenceState, Publication, Publish, Secret, Subscribed,
    Topic,
};
use serde_json::{Value, json};

/// A request of the application: what a client would send for it has the same fields.
pub(crate) fn application(app: &Value) -> Input {
    let (kind, fields) = app.as_object().unwrap().iter().next().unwrap();
    let ticket = fields["ticket"].as_u64().unwrap_or(0);
    let request = |request| Input::Request { ticket, request };
    match kind.as_str() {
        "close" => return Input::Close,
        "away" | "ack" | "send" => {
            return match client(&json!({ kind: fields })) {
                ClientMessage::Away(away) => Input::Away(away),
                ClientMessage::Ack { topic, offset } => Input::Ack { topic, offset },
                ClientMessage::Send(payload) => request(Request::Send(payload)),
                other => panic!("{other:?}"),
            };
        }
        _ => {}
    }
    let ClientMessage::Command { command, .. } = client(&json!({ "id": 1, kind: fields })) else {
        panic!("{app}")
    };
    request(match command {
        Command::Subscribe { topic, options } => Request::Subscribe { topic, options },
        Command::Unsubscribe { topic } => Request::Unsubscribe { topic },
        Command::Publish(publish) => {
            let (topic, payload, echo) = (publish.topic, publish.payload, publish.echo);
            Request::Publish { topic, payload, echo }
        }
        Command::Rpc { method, payload } => Request::Rpc { method, payload },
        Command::History { topic, before, limit } => Request::History { topic, before, limit },
        Command::Presence { topic } => Request::Presence { topic },
        Command::Status { users } => Request::Status { users },
        other => panic!("{other:?}"),
    })
}

pub(crate) fn link(step: &Value, token: Option<&str>) -> Input {
    let code = step["code"].as_u64().map(|code| CloseCode(code as u16));
    match step["link"].as_str().unwrap() {
        "open" => {
            let token = token.map(|token| Secret::new(token).unwrap());
            Input::Opened { encoding: Encoding::Json, token }
        }
        "lost" | "closed" => Input::Lost { code },
        other => panic!("{other}"),
    }
}

/// A configuration as traces have it.
pub(crate) fn config(config: &Config) -> Value {
    json!({
        "client": config.client.as_ref().map(|name| name.as_str()),
        "firstKey": config.first_key,
        "connectTimeout": config.connect_timeout,
        "heartbeatInterval": config.heartbeat_interval,
        "heartbeatTimeout": config.heartbeat_timeout,
        "maxWaiting": config.max_waiting,
        "maxWaitingBytes": config.max_waiting_bytes,
        "maxAge": config.max_age,
        "maxUnconfirmed": config.max_unconfirmed,
        "maxUnconfirmedBytes": config.max_unconfirmed_bytes,
        "maxSubscriptions": config.max_subscriptions,
        "resubscribeDelay": config.resubscribe_delay,
        "lapseTimeout": config.lapse_timeout,
    })
}

/// An input as traces have it.
pub(crate) fn input(input: &Input) -> Value {
    match input {
        Input::Opened { .. } => json!({ "link": "open" }),
        Input::Lost { code: None } => json!({ "link": "lost" }),
        Input::Lost { code: Some(code) } => json!({ "link": "closed", "code": code.0 }),
        Input::Received(message) => json!({ "hub": message_of(message) }),
        Input::Tick => json!({ "tick": {} }),
        Input::Close => json!({ "app": { "close": {} } }),
        Input::Away(away) => json!({ "app": said(ClientMessage::Away(*away)) }),
        Input::Ack { topic, offset } => {
            let ack = ClientMessage::Ack { topic: topic.clone(), offset: *offset };
            json!({ "app": said(ack) })
        }
        Input::Request { ticket, request } => {
            let mut app = said(asked(request.clone()));
            app.as_object_mut().unwrap().remove("id");
            let (_, fields) = app.as_object_mut().unwrap().iter_mut().next().unwrap();
            fields["ticket"] = (*ticket).into();
            json!({ "app": app })
        }
        _ => panic!("{input:?}"),
    }
}

/// The message that a client would send for a request.
fn asked(request: Request) -> ClientMessage {
    let id = Id::new(1).unwrap();
    let command = match request {
        Request::Send(payload) => return ClientMessage::Send(payload),
        Request::Subscribe { topic, options } => Command::Subscribe { topic, options },
        Request::Unsubscribe { topic } => Command::Unsubscribe { topic },
        Request::Publish { topic, payload, echo } => {
            Command::Publish(Publish { topic, key: None, again: None, echo, payload })
        }
        Request::Rpc { method, payload } => Command::Rpc { method, payload },
        Request::History { topic, before, limit } => Command::History { topic, before, limit },
        Request::Presence { topic } => Command::Presence { topic },
        Request::Status { users } => Command::Status { users },
        other => panic!("{other:?}"),
    };
    ClientMessage::Command { id, command }
}

fn said(message: ClientMessage) -> Value {
    message_of(&message.encode(Encoding::Json))
}

pub(crate) fn output(output: &Output) -> Value {
    match output {
        Output::Transmit(message) => {
            json!({ "client": message_of(&message.encode(Encoding::Json)) })
        }
        Output::Close { code, then } => json!({ "closes": match then {
            Then::Return => json!({ "code": code.0, "then": "return" }),
            Then::ReturnAfter(ms) => json!({ "code": code.0, "then": "return", "after": ms }),
            Then::Stop => json!({ "code": code.0, "then": "stop" }),
            _ => panic!("{then:?}"),
        } }),
        Output::Settled { ticket, outcome } => {
            let mut settled = outcome_of(outcome);
            settled["ticket"] = (*ticket).into();
            json!({ "sees": { "settled": settled } })
        }
        Output::Event(event) => json!({ "sees": event_of(event) }),
        _ => panic!("{output:?}"),
    }
}

fn outcome_of(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Done(answer) => json!({ "outcome": "done", "answer": answer_of(answer) }),
        Outcome::Subscribed => json!({ "outcome": "subscribed" }),
        Outcome::Sent => json!({ "outcome": "sent" }),
        Outcome::Refused(error) => json!({ "outcome": "refused", "error": error_of(error) }),
        Outcome::Uncertain => json!({ "outcome": "uncertain" }),
        Outcome::Withdrawn => json!({ "outcome": "withdrawn" }),
        Outcome::NotSent(why) => json!({ "outcome": "notSent", "why": match why {
            NotSent::Full => "full",
            NotSent::Expired => "expired",
            NotSent::TooLarge => "tooLarge",
            NotSent::Subscribed => "subscribed",
            NotSent::NotSubscribed => "notSubscribed",
            NotSent::Ended => "ended",
            _ => panic!("{why:?}"),
        } }),
        _ => panic!("{outcome:?}"),
    }
}

fn event_of(event: &Event) -> Value {
    match event {
        Event::Up { session, user, resumed } => {
            let user = user.as_ref().map(|user| user.as_str());
            json!({ "up": { "session": session.as_str(), "user": user, "resumed": resumed } })
        }
        Event::Down => json!({ "down": {} }),
        Event::Ended(end) => json!({ "ended": end_of(end) }),
        Event::Subscribed { topic, subscribed } => {
            let subscribed = Subscribed::clone(subscribed);
            hub(HubMessage::Subscribed { topic: topic.clone(), subscribed })
        }
        Event::Unsubscribed { topic, error } => {
            hub(HubMessage::Unsubscribed { topic: topic.clone(), error: error.clone() })
        }
        Event::Publication { topic, publication } => {
            let publication = match publication.clone() {
                Delivered::Stored(stored) => Publication::Stored(stored),
                Delivered::Live(content) => Publication::Live(content),
            };
            let message = HubMessage::Publication { topic: topic.clone(), publication };
            json!({ "publication": hub(message)["pub"] })
        }
        Event::Gap { topic, reason, from, to } => {
            let mut gap = json!({ "topic": topic.as_str(), "reason": reason.as_str() });
            for (name, position) in [("from", from), ("to", to)] {
                if let Some(position) = position {
                    gap[name] = json!({
                        "epoch": position.epoch.as_str(),
                        "offset": position.offset,
                        "tag": position.tag,
                    });
                }
            }
            json!({ "gap": gap })
        }
        Event::Message(payload) => hub(HubMessage::Message(payload.clone())),
        Event::Heartbeat { round_trip } => json!({ "heartbeat": { "roundTrip": round_trip } }),
        Event::Members { topic, members } => {
            let members = Members::List(members.clone());
            let answer = answer_of(&Answer::Presence(PresenceState { version: 0, members }));
            json!({ "members": { "topic": topic.as_str(), "members": answer["members"] } })
        }
        Event::MembersChanged { topic, joined, left } => {
            let change = MemberChange::List { join: joined.clone(), leave: left.clone() };
            let change = presence(topic, change);
            let list = |value: &Value| if value.is_null() { json!([]) } else { value.clone() };
            let (joined, left) = (list(&change["join"]), list(&change["leave"]));
            json!({ "membersChanged": { "topic": topic.as_str(), "joined": joined, "left": left } })
        }
        Event::MemberCount { topic, count } => {
            json!({ "memberCount": { "topic": topic.as_str(), "count": count } })
        }
        _ => panic!("{event:?}"),
    }
}

fn end_of(end: &End) -> Value {
    match end {
        End::Closed => json!({ "why": "closed" }),
        End::Bye(bye) => json!({ "why": "bye", "bye": bye_of(bye) }),
        End::Refused(error) => json!({ "why": "refused", "error": error_of(error) }),
        End::Code(code) => json!({ "why": "code", "code": code.0 }),
        // The text is for people, and may be another one elsewhere.
        End::NotUnderstood(_) => json!({ "why": "notUnderstood" }),
        _ => panic!("{end:?}"),
    }
}

fn presence(topic: &Topic, change: MemberChange) -> Value {
    let change = PresenceChange { version: 0, change };
    hub(HubMessage::Presence { topic: topic.clone(), change })["presence"].clone()
}

fn bye_of(bye: &Bye) -> Value {
    hub(HubMessage::Bye(bye.clone()))["bye"].clone()
}

fn answer_of(answer: &Answer) -> Value {
    let (id, outcome) = (Id::new(1).unwrap(), Ok(answer.clone()));
    hub(HubMessage::Reply { id, outcome })["ok"].clone()
}

fn error_of(error: &ErrorReply) -> Value {
    let (id, outcome) = (Id::new(1).unwrap(), Err(error.clone()));
    hub(HubMessage::Reply { id, outcome })["error"].clone()
}

fn hub(message: HubMessage) -> Value {
    message_of(&message.encode(Encoding::Json))
}

fn message_of(message: &Encoded) -> Value {
    serde_json::from_slice(message.as_bytes()).unwrap()
}

fn client(message: &Value) -> ClientMessage {
    let text = Encoded::Text(message.to_string().into());
    ClientMessage::decode(&text, Encoding::Json, usize::MAX).unwrap()
}
