//! Messages of a hub.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::client::CommandKind;
use crate::close::CloseCode;
use crate::decode::{DecodeError, Fault};
use crate::hub::{Bye, Gap, HubMessage};
use crate::position::Id;
use crate::presence::{MemberChange, PresenceChange};
use crate::problem::Problem;
use crate::publication::{Publication, Stored};
use crate::refusal::GapReason;
use crate::text::Topic;

use super::answers;
use super::read::{At as _, Envelope, Fields, Sorted, number, number_up_to, sort, text};
use super::values::{
    content, departures, error, members, payload, place, position, topic, word, write_content,
    write_departure, write_error, write_member, write_place, write_position, write_stored,
};
use super::write::{self, Object};

const NAMES: [&str; 12] = [
    "id",
    "got",
    "ok",
    "error",
    "pub",
    "gap",
    "message",
    "presence",
    "subscribed",
    "unsubscribed",
    "bye",
    "drain",
];

/// Writes a message.
pub(crate) fn write(message: &HubMessage) -> Bytes {
    write::message(size(message), |object| match message {
        HubMessage::Reply { id, outcome } => {
            object.number("id", id.get());
            match outcome {
                Ok(answer) => object.object("ok", |object| answers::write(object, answer)),
                Err(error) => object.object("error", |object| write_error(object, error)),
            }
        }
        HubMessage::Publication { topic, publication } => {
            object.object("pub", |object| write_publication(object, topic, publication));
        }
        HubMessage::Gap(gap) => object.object("gap", |object| write_gap(object, gap)),
        HubMessage::Message(payload) => {
            object.object("message", |object| object.payload(payload));
        }
        HubMessage::Presence { topic, change } => {
            object.object("presence", |object| write_change(object, topic, change));
        }
        HubMessage::Subscribed { topic, subscribed } => object.object("subscribed", |object| {
            object.text("topic", topic);
            answers::write_subscribed(object, subscribed);
        }),
        HubMessage::Unsubscribed { topic, error } => object.object("unsubscribed", |object| {
            object.text("topic", topic);
            if let Some(error) = error {
                object.object("error", |object| write_error(object, error));
            }
        }),
        HubMessage::Bye(bye) => object.object("bye", |object| write_bye(object, bye)),
        HubMessage::Drain { after, within } => object.object("drain", |object| {
            object.number("after", *after);
            object.number("within", *within);
        }),
        HubMessage::Heartbeat { got } => {
            if let Some(got) = got {
                object.number("got", *got);
            }
        }
    })
}

/// Reads a message; `asked` knows which command has an id.
pub(crate) fn read(
    message: &Bytes,
    asked: impl Fn(Id) -> Option<CommandKind>,
) -> Result<HubMessage, DecodeError> {
    let Envelope { id, kind, value } = match sort(message, NAMES)? {
        Sorted::Heartbeat { got } => return Ok(HubMessage::Heartbeat { got }),
        Sorted::Of(envelope) => envelope,
    };
    if !matches!(kind, "ok" | "error") {
        return Ok(push(kind, value, message)?);
    }
    let id = id.ok_or(Problem::Missing.at("id"))?;
    let with_id = |fault| DecodeError { id: Some(id), fault };
    let asked = asked(id).ok_or(with_id(Fault::Unasked))?;
    let outcome = match kind {
        "ok" => answers::read(asked, value, message).map(Ok),
        _ => error(value).map(Err),
    };
    Ok(HubMessage::Reply { id, outcome: outcome.map_err(with_id)? })
}

/// The size of what a message carries, about.
fn size(message: &HubMessage) -> usize {
    match message {
        HubMessage::Message(payload) => payload.size(),
        HubMessage::Publication { publication, .. } => {
            publication.content().map_or(0, |content| content.payload.size())
        }
        HubMessage::Reply { outcome: Ok(answer), .. } => answers::size(answer),
        _ => 0,
    }
}

fn write_publication(object: &mut Object<'_>, topic: &Topic, publication: &Publication) {
    object.text("topic", topic);
    match publication {
        Publication::Stored(stored) => write_stored(object, stored),
        Publication::Live(content) => write_content(object, content),
        Publication::Skipped(place) => {
            write_place(object, place);
            object.flag("skip", true);
        }
    }
}

fn write_gap(object: &mut Object<'_>, gap: &Gap) {
    object.text("topic", &gap.topic);
    object.text("reason", gap.reason.as_str());
    if let Some((from, to)) = &gap.range {
        object.object("from", |object| write_position(object, from));
        object.object("to", |object| write_position(object, to));
    }
}

fn write_change(object: &mut Object<'_>, topic: &Topic, change: &PresenceChange) {
    object.text("topic", topic);
    object.number("version", change.version);
    match &change.change {
        MemberChange::Count(count) => object.number("count", *count),
        MemberChange::List { join, leave } => {
            if !join.is_empty() {
                object.objects("join", join, write_member);
            }
            if !leave.is_empty() {
                object.objects("leave", leave, write_departure);
            }
        }
    }
}

fn write_bye(object: &mut Object<'_>, bye: &Bye) {
    object.number("code", bye.code.0.into());
    object.text("reason", &bye.reason);
    object.flag("retry", bye.retry);
    if let Some(after) = bye.after {
        object.number("after", after);
    }
}

fn push(kind: &'static str, value: &RawValue, message: &Bytes) -> Result<HubMessage, Fault> {
    match kind {
        "pub" => publication(value, message),
        "gap" => gap(value).map(HubMessage::Gap),
        "presence" => change(value, message),
        "bye" => bye(value).map(HubMessage::Bye),
        "message" => {
            let fields = Fields::read(value, ["data", "b64"]).map_err(|p| p.at(kind))?;
            payload(&fields, message, usize::MAX).map(HubMessage::Message)
        }
        "subscribed" => {
            let fields = Fields::read(value, ["topic"]).map_err(|p| p.at(kind))?;
            let topic = fields.required("topic", topic)?;
            Ok(HubMessage::Subscribed { topic, subscribed: answers::subscribed(value, message)? })
        }
        "unsubscribed" => {
            let fields = Fields::read(value, ["topic", "error"]).map_err(|p| p.at(kind))?;
            let topic = fields.required("topic", topic)?;
            Ok(HubMessage::Unsubscribed { topic, error: fields.optional("error", error)? })
        }
        _ => {
            let fields = Fields::read(value, ["after", "within"]).map_err(|p| p.at(kind))?;
            let after = fields.required("after", number)?;
            Ok(HubMessage::Drain { after, within: fields.required("within", number)? })
        }
    }
}

fn publication(value: &RawValue, message: &Bytes) -> Result<HubMessage, Fault> {
    let names = ["topic", "offset", "tag", "prev", "skip", "time", "from", "data", "b64"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("pub"))?;
    let topic = fields.required("topic", topic)?;
    let skip = fields.flag("skip", false)?;
    let publication = match place(&fields)? {
        Some(place) if skip => Publication::Skipped(place),
        None if skip => return Err(Problem::Missing.at("offset")),
        Some(place) => Publication::Stored(Stored { place, content: content(&fields, message)? }),
        None => Publication::Live(content(&fields, message)?),
    };
    Ok(HubMessage::Publication { topic, publication })
}

fn gap(value: &RawValue) -> Result<Gap, Fault> {
    let fields = Fields::read(value, ["topic", "reason", "from", "to"])
        .map_err(|problem| problem.at("gap"))?;
    let from = fields.optional("from", position)?;
    let to = fields.optional("to", position)?;
    let range = match (from, to) {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        (None, _) => return Err(Problem::Missing.at("from")),
        (_, None) => return Err(Problem::Missing.at("to")),
    };
    let reason = |value| word(value, GapReason::from_word);
    Ok(Gap {
        topic: fields.required("topic", topic)?,
        reason: fields.required("reason", reason)?,
        range,
    })
}

fn change(value: &RawValue, message: &Bytes) -> Result<HubMessage, Fault> {
    let fields = Fields::read(value, ["topic", "version", "join", "leave", "count"])
        .map_err(|problem| problem.at("presence"))?;
    let change = match fields.optional("count", number)? {
        Some(count) => MemberChange::Count(count),
        None => MemberChange::List {
            join: fields.optional("join", |value| members(value, message))?.unwrap_or_default(),
            leave: fields.optional("leave", departures)?.unwrap_or_default(),
        },
    };
    let version = fields.required("version", number)?;
    let topic = fields.required("topic", topic)?;
    Ok(HubMessage::Presence { topic, change: PresenceChange { version, change } })
}

fn bye(value: &RawValue) -> Result<Bye, Fault> {
    let fields = Fields::read(value, ["code", "reason", "retry", "after"])
        .map_err(|problem| problem.at("bye"))?;
    let code = fields.required("code", |value| number_up_to(value, u16::MAX.into()))?;
    let code = CloseCode(code as u16);
    Ok(Bye {
        code,
        reason: fields.optional("reason", text)?.unwrap_or_default().into_owned(),
        retry: fields.flag("retry", code.retry())?,
        after: fields.optional("after", number)?,
    })
}
