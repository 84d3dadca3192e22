//! What a hub answers to commands.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::client::CommandKind;
use crate::connect::{Connected, Heartbeat, SessionLimits};
use crate::decode::Fault;
use crate::hub::{Answer, HistoryPage, Receipt, Recovered, Start, Subscribed};
use crate::problem::Problem;
use crate::refusal::{ErrorReply, GapReason};
use crate::text::{Name, Topic};

use super::read::{At as _, Entries, Fields, list, number};
use super::values::{
    epoch, error, name, payload, position, presence, secret, stored, user_state, word, write_error,
    write_position, write_presence, write_stored, write_user_state,
};
use super::write::Object;

pub(super) fn write(object: &mut Object<'_>, answer: &Answer) {
    match answer {
        Answer::Connected(connected) => write_connected(object, connected),
        Answer::Subscribed(subscribed) => write_subscribed(object, subscribed),
        Answer::Unsubscribed | Answer::Published(None) => {}
        Answer::Published(Some(receipt)) => {
            object.number("offset", receipt.offset);
            object.text("epoch", &receipt.epoch);
        }
        Answer::History(page) => {
            object.object("position", |object| write_position(object, &page.position));
            object.flag("more", page.more);
            object.objects("publications", &page.publications, write_stored);
        }
        Answer::Rpc(payload) => object.payload(payload),
        Answer::Presence(presence) => write_presence(object, presence),
        Answer::Status(users) => object.object("users", |object| {
            for (user, state) in users {
                object.entry(user, |object| write_user_state(object, state));
            }
        }),
    }
}

/// The size of what an answer carries, about.
pub(super) fn size(answer: &Answer) -> usize {
    match answer {
        Answer::Rpc(payload) => payload.size(),
        Answer::History(page) => {
            page.publications.iter().map(|stored| 128 + stored.content.payload.size()).sum()
        }
        _ => 0,
    }
}

pub(super) fn read(asked: CommandKind, value: &RawValue, message: &Bytes) -> Result<Answer, Fault> {
    match asked {
        CommandKind::Connect => {
            connected(value, message).map(|connected| Answer::Connected(Box::new(connected)))
        }
        CommandKind::Subscribe => {
            subscribed(value, message).map(|subscribed| Answer::Subscribed(Box::new(subscribed)))
        }
        CommandKind::Unsubscribe => {
            Fields::read(value, []).map_err(|problem| problem.at("ok"))?;
            Ok(Answer::Unsubscribed)
        }
        CommandKind::Publish => receipt(value).map(Answer::Published),
        CommandKind::History => history(value, message).map(Answer::History),
        CommandKind::Rpc => {
            let fields = Fields::read(value, ["data", "b64"]).map_err(|p| p.at("ok"))?;
            payload(&fields, message, usize::MAX).map(Answer::Rpc)
        }
        CommandKind::Presence => presence(value, message).map(Answer::Presence),
        CommandKind::Status => {
            let fields = Fields::read(value, ["users"]).map_err(|problem| problem.at("ok"))?;
            fields.required("users", users).map(Answer::Status)
        }
    }
}

fn write_connected(object: &mut Object<'_>, connected: &Connected) {
    object.number("version", crate::VERSION);
    object.text("session", &connected.session);
    object.text("key", &connected.key);
    if let Some(user) = &connected.user {
        object.text("user", user);
    }
    object.flag("resumed", connected.resumed);
    object.number("got", connected.got);
    object.object("heartbeat", |object| {
        object.number("interval", connected.heartbeat.interval);
        object.number("timeout", connected.heartbeat.timeout);
    });
    object.object("limits", |object| {
        object.number("max_message", connected.limits.max_message);
        object.number("max_subscriptions", connected.limits.max_subscriptions);
        object.number("max_unanswered", connected.limits.max_unanswered);
    });
    if !connected.subscriptions.is_empty() {
        object.object("subscriptions", |object| {
            for (topic, outcome) in &connected.subscriptions {
                object.entry(topic, |object| write_outcome(object, outcome));
            }
        });
    }
}

fn write_outcome(object: &mut Object<'_>, outcome: &Result<Subscribed, ErrorReply>) {
    match outcome {
        Ok(subscribed) => object.object("ok", |object| write_subscribed(object, subscribed)),
        Err(error) => object.object("error", |object| write_error(object, error)),
    }
}

fn connected(value: &RawValue, message: &Bytes) -> Result<Connected, Fault> {
    let names =
        ["session", "key", "user", "resumed", "got", "heartbeat", "limits", "subscriptions"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("ok"))?;
    let subscriptions = |value| subscriptions(value, message);
    Ok(Connected {
        session: fields.required("session", name)?,
        key: fields.required("key", secret)?,
        user: fields.optional("user", name)?,
        resumed: fields.flag("resumed", false)?,
        got: fields.required("got", number)?,
        heartbeat: fields.required("heartbeat", heartbeat)?,
        limits: fields.required("limits", limits)?,
        subscriptions: fields.optional("subscriptions", subscriptions)?.unwrap_or_default(),
    })
}

fn heartbeat(value: &RawValue) -> Result<Heartbeat, Fault> {
    let fields =
        Fields::read(value, ["interval", "timeout"]).map_err(|problem| problem.at("heartbeat"))?;
    let interval = fields.required("interval", number)?;
    if interval == 0 {
        return Err(Problem::Range { min: 1, max: crate::MAX_NUMBER }.at("interval"));
    }
    Ok(Heartbeat { interval, timeout: fields.required("timeout", number)? })
}

fn limits(value: &RawValue) -> Result<SessionLimits, Fault> {
    let names = ["max_message", "max_subscriptions", "max_unanswered"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("limits"))?;
    Ok(SessionLimits {
        max_message: fields.required("max_message", number)?,
        max_subscriptions: fields.required("max_subscriptions", number)?,
        max_unanswered: fields.required("max_unanswered", number)?,
    })
}

type Outcomes = Vec<(Topic, Result<Subscribed, ErrorReply>)>;

fn subscriptions(value: &RawValue, message: &Bytes) -> Result<Outcomes, Fault> {
    let Entries(entries) = Entries::read(value).map_err(|problem| problem.at("subscriptions"))?;
    let read = |(name, value): (std::borrow::Cow<'_, str>, _)| {
        let topic = Topic::new(&name).map_err(|problem| problem.at("topic"))?;
        let fields =
            Fields::read(value, ["ok", "error"]).map_err(|problem| problem.at("subscriptions"))?;
        let outcome = match fields.optional("error", error)? {
            Some(error) => Err(error),
            None => Ok(fields.required("ok", |value| subscribed(value, message))?),
        };
        Ok((topic, outcome))
    };
    entries.into_iter().map(read).collect()
}

pub(super) fn write_subscribed(object: &mut Object<'_>, subscribed: &Subscribed) {
    match &subscribed.start {
        Some(Start { position, .. }) => {
            object.object("position", |object| write_position(object, position));
        }
        None => object.flag("live", true),
    }
    if let Some(recovered) = &subscribed.recovered {
        object.flag("recovered", *recovered == Recovered::Yes);
        if let Recovered::No(reason) = recovered {
            object.text("reason", reason.as_str());
        }
    }
    if let Some(Start { head, .. }) = &subscribed.start {
        object.object("head", |object| write_position(object, head));
    }
    if let Some(presence) = &subscribed.presence {
        object.object("presence", |object| write_presence(object, presence));
    }
}

pub(super) fn subscribed(value: &RawValue, message: &Bytes) -> Result<Subscribed, Fault> {
    let names = ["position", "head", "live", "recovered", "reason", "presence"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("ok"))?;
    let start = if fields.flag("live", false)? {
        None
    } else {
        let position = fields.required("position", position)?;
        Some(Start { position, head: fields.required("head", super::values::position)? })
    };
    let reason = |value| word(value, GapReason::from_word);
    let recovered = match fields.optional("recovered", super::read::flag)? {
        None => None,
        Some(true) => Some(Recovered::Yes),
        Some(false) => Some(Recovered::No(fields.required("reason", reason)?)),
    };
    let presence = fields.optional("presence", |value| presence(value, message))?;
    Ok(Subscribed { start, recovered, presence })
}

/// None in a topic without history.
fn receipt(value: &RawValue) -> Result<Option<Receipt>, Fault> {
    let fields = Fields::read(value, ["offset", "epoch"]).map_err(|problem| problem.at("ok"))?;
    let Some(offset) = fields.optional("offset", number)? else { return Ok(None) };
    Ok(Some(Receipt { offset, epoch: fields.required("epoch", epoch)? }))
}

fn history(value: &RawValue, message: &Bytes) -> Result<HistoryPage, Fault> {
    let fields = Fields::read(value, ["position", "more", "publications"])
        .map_err(|problem| problem.at("ok"))?;
    let items = fields.required("publications", list)?;
    Ok(HistoryPage {
        position: fields.required("position", position)?,
        more: fields.flag("more", false)?,
        publications: items
            .into_iter()
            .map(|item| stored(item, message))
            .collect::<Result<_, _>>()?,
    })
}

fn users(value: &RawValue) -> Result<Vec<(Name, crate::UserState)>, Fault> {
    let Entries(entries) = Entries::read(value).map_err(|problem| problem.at("users"))?;
    let read = |(user, value): (std::borrow::Cow<'_, str>, _)| {
        let user = Name::new(&user).map_err(|problem| problem.at("users"))?;
        Ok((user, user_state(value)?))
    };
    entries.into_iter().map(read).collect()
}
