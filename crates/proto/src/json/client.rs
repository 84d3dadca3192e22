//! Messages of a client.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::client::{Again, ClientMessage, Command, CommandKind, MAX_STATUS_USERS, Publish};
use crate::connect::{Connect, Resume, VERSION};
use crate::decode::{DecodeError, Fault};
use crate::number::MAX_NUMBER;
use crate::problem::Problem;
use crate::text::{Epoch, Name};

use super::options::{options, subscriptions, write_options};
use super::read::{At as _, Envelope, Fields, Sorted, flag, list, number, sort, text};
use super::values::{method, name, payload, secret, topic};
use super::write::{self, Object};

const NAMES: [&str; 13] = [
    "id",
    "got",
    "connect",
    "subscribe",
    "unsubscribe",
    "publish",
    "history",
    "rpc",
    "presence",
    "status",
    "send",
    "ack",
    "away",
];

/// Writes a message.
pub(crate) fn write(message: &ClientMessage) -> Bytes {
    let size = match message {
        ClientMessage::Send(payload) => payload.size(),
        ClientMessage::Command { command, .. } => command.payload_size(),
        _ => 0,
    };
    write::message(size, |object| match message {
        ClientMessage::Command { id, command } => {
            object.number("id", id.get());
            object.object(command.kind().as_str(), |object| write_command(object, command));
        }
        ClientMessage::Send(payload) => object.object("send", |object| object.payload(payload)),
        ClientMessage::Ack { topic, offset } => object.object("ack", |object| {
            object.text("topic", topic);
            object.number("offset", *offset);
        }),
        ClientMessage::Away(away) => object.flag("away", *away),
        ClientMessage::Heartbeat { got } => {
            if let Some(got) = got {
                object.number("got", *got);
            }
        }
    })
}

/// Reads a message.
pub(crate) fn read(message: &Bytes, max_message: usize) -> Result<ClientMessage, DecodeError> {
    let Envelope { id, kind, value } = match sort(message, NAMES)? {
        Sorted::Heartbeat { got } => return Ok(ClientMessage::Heartbeat { got }),
        Sorted::Of(envelope) => envelope,
    };
    let reader = Reader { message, max_message };
    if let Some(kind) = CommandKind::parse(kind) {
        let id = id.ok_or(Problem::Missing.at("id"))?;
        let command = reader.command(kind, value);
        let command = command.map_err(|fault| DecodeError { id: Some(id), fault })?;
        return Ok(ClientMessage::Command { id, command });
    }
    Ok(match kind {
        "send" => ClientMessage::Send(reader.send(value)?),
        "ack" => reader.ack(value)?,
        _ => ClientMessage::Away(flag(value).map_err(|problem| problem.at("away"))?),
    })
}

fn write_command(object: &mut Object<'_>, command: &Command) {
    match command {
        Command::Connect(connect) => write_connect(object, connect),
        Command::Subscribe { topic, options } => {
            object.text("topic", topic);
            write_options(object, options);
        }
        Command::Unsubscribe { topic } | Command::Presence { topic } => {
            object.text("topic", topic);
        }
        Command::Publish(publish) => write_publish(object, publish),
        Command::History { topic, before, limit } => {
            object.text("topic", topic);
            if let Some(before) = before {
                object.number("before", *before);
            }
            if let Some(limit) = limit {
                object.number("limit", *limit);
            }
        }
        Command::Rpc { method, payload } => {
            object.text("method", method);
            object.payload(payload);
        }
        Command::Status { users } => object.texts("users", users.iter().map(Name::as_str)),
    }
}

fn write_connect(object: &mut Object<'_>, connect: &Connect) {
    object.number("version", VERSION);
    if let Some(client) = &connect.client {
        object.text("client", client);
    }
    if let Some(token) = &connect.token {
        object.text("token", token);
    }
    if let Some(Resume { session, key, got }) = &connect.resume {
        object.object("resume", |object| {
            object.text("session", session);
            object.text("key", key);
            object.number("got", *got);
        });
    }
    if !connect.subscriptions.is_empty() {
        object.object("subscriptions", |object| {
            for (topic, options) in &connect.subscriptions {
                object.entry(topic, |object| write_options(object, options));
            }
        });
    }
}

fn write_publish(object: &mut Object<'_>, publish: &Publish) {
    object.text("topic", &publish.topic);
    if let Some(key) = publish.key {
        object.number("key", key);
    }
    if let Some(again) = &publish.again {
        object.text("again", again.as_str());
    }
    if !publish.echo {
        object.flag("echo", false);
    }
    object.payload(&publish.payload);
}

struct Reader<'a> {
    message: &'a Bytes,
    max_message: usize,
}

impl Reader<'_> {
    fn command(&self, kind: CommandKind, value: &RawValue) -> Result<Command, Fault> {
        let object = |problem: Problem| problem.at(kind.as_str());
        match kind {
            CommandKind::Connect => connect(value).map(Box::new).map(Command::Connect),
            CommandKind::Subscribe => {
                let fields = Fields::read(value, ["topic"]).map_err(object)?;
                let topic = fields.required("topic", topic)?;
                Ok(Command::Subscribe { topic, options: options(value)? })
            }
            CommandKind::Unsubscribe => {
                let fields = Fields::read(value, ["topic"]).map_err(object)?;
                Ok(Command::Unsubscribe { topic: fields.required("topic", topic)? })
            }
            CommandKind::Presence => {
                let fields = Fields::read(value, ["topic"]).map_err(object)?;
                Ok(Command::Presence { topic: fields.required("topic", topic)? })
            }
            CommandKind::Publish => self.publish(value).map(Command::Publish),
            CommandKind::History => {
                let fields = Fields::read(value, ["topic", "before", "limit"]).map_err(object)?;
                Ok(Command::History {
                    topic: fields.required("topic", topic)?,
                    before: fields.optional("before", number)?,
                    limit: fields.optional("limit", number)?,
                })
            }
            CommandKind::Rpc => {
                let fields = Fields::read(value, ["method", "data", "b64"]).map_err(object)?;
                Ok(Command::Rpc {
                    method: fields.required("method", method)?,
                    payload: payload(&fields, self.message, self.max_message)?,
                })
            }
            CommandKind::Status => {
                let fields = Fields::read(value, ["users"]).map_err(object)?;
                Ok(Command::Status { users: fields.required("users", users)? })
            }
        }
    }

    fn publish(&self, value: &RawValue) -> Result<Publish, Fault> {
        let fields = Fields::read(value, ["topic", "key", "again", "echo", "data", "b64"])
            .map_err(|problem| problem.at("publish"))?;
        let publish = Publish {
            topic: fields.required("topic", topic)?,
            key: fields.optional("key", key)?,
            again: fields.optional("again", again)?,
            echo: fields.flag("echo", true)?,
            payload: payload(&fields, self.message, self.max_message)?,
        };
        if publish.again.is_some() && publish.key.is_none() {
            return Err(Problem::Missing.at("key"));
        }
        Ok(publish)
    }

    fn send(&self, value: &RawValue) -> Result<crate::Payload, Fault> {
        let fields = Fields::read(value, ["data", "b64"]).map_err(|problem| problem.at("send"))?;
        payload(&fields, self.message, self.max_message)
    }

    fn ack(&self, value: &RawValue) -> Result<ClientMessage, Fault> {
        let fields =
            Fields::read(value, ["topic", "offset"]).map_err(|problem| problem.at("ack"))?;
        Ok(ClientMessage::Ack {
            topic: fields.required("topic", topic)?,
            offset: fields.required("offset", number)?,
        })
    }
}

fn connect(value: &RawValue) -> Result<Connect, Fault> {
    let names = ["version", "client", "token", "resume", "subscriptions"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("connect"))?;
    // What the other fields are in another version is not known here.
    if fields.required("version", number)? != VERSION {
        return Err(Fault::Version);
    }
    Ok(Connect {
        client: fields.optional("client", name)?,
        token: fields.optional("token", secret)?,
        resume: fields.optional("resume", resume)?,
        subscriptions: fields.optional("subscriptions", subscriptions)?.unwrap_or_default(),
    })
}

fn resume(value: &RawValue) -> Result<Resume, Fault> {
    let fields =
        Fields::read(value, ["session", "key", "got"]).map_err(|problem| problem.at("resume"))?;
    Ok(Resume {
        session: fields.required("session", name)?,
        key: fields.required("key", secret)?,
        got: fields.required("got", number)?,
    })
}

fn key(value: &RawValue) -> Result<u64, Problem> {
    let key = number(value)?;
    if key == 0 { Err(Problem::Range { min: 1, max: MAX_NUMBER }) } else { Ok(key) }
}

fn again(value: &RawValue) -> Result<Again, Problem> {
    let text = text(value)?;
    if text.is_empty() { Ok(Again::Unknown) } else { Epoch::new(&text).map(Again::Since) }
}

fn users(value: &RawValue) -> Result<Vec<Name>, Problem> {
    let items = list(value)?;
    if items.len() > MAX_STATUS_USERS {
        return Err(Problem::TooMany { max: MAX_STATUS_USERS });
    }
    items.into_iter().map(name).collect()
}
