//! Values that messages of both sides have in them, written and read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::decode::Fault;
use crate::payload::{JsonText, Payload};
use crate::position::{Place, Position};
use crate::presence::{Departure, Member, Members, PresenceState, UserState, UserStatus};
use crate::problem::Problem;
use crate::publication::{Content, Stored};
use crate::refusal::{ErrorCode, ErrorReply};
use crate::text::{Epoch, Method, Name, Secret, Topic};

use super::read::{At as _, Fields, flag, list, number, text, u32};
use super::write::Object;

pub(super) fn topic(value: &RawValue) -> Result<Topic, Problem> {
    Topic::new(&text(value)?)
}

pub(super) fn epoch(value: &RawValue) -> Result<Epoch, Problem> {
    Epoch::new(&text(value)?)
}

pub(super) fn name(value: &RawValue) -> Result<Name, Problem> {
    Name::new(&text(value)?)
}

pub(super) fn secret(value: &RawValue) -> Result<Secret, Problem> {
    Secret::new(&text(value)?)
}

pub(super) fn method(value: &RawValue) -> Result<Method, Problem> {
    Method::new(&text(value)?)
}

pub(super) fn write_position(object: &mut Object<'_>, position: &Position) {
    object.text("epoch", &position.epoch);
    object.number("offset", position.offset);
    object.number("tag", position.tag.into());
}

pub(super) fn position(value: &RawValue) -> Result<Position, Fault> {
    let fields = Fields::read(value, ["epoch", "offset", "tag"]).map_err(|p| p.at("position"))?;
    Ok(Position {
        epoch: fields.required("epoch", epoch)?,
        offset: fields.required("offset", number)?,
        tag: fields.required("tag", u32)?,
    })
}

/// `data` or `b64`.
pub(super) fn payload<const N: usize>(
    fields: &Fields<'_, N>,
    message: &Bytes,
    max: usize,
) -> Result<Payload, Fault> {
    let large = |size| Problem::TooLarge { size, max };
    match (fields.raw("data"), fields.given("b64")) {
        (Some(_), Some(_)) => Err(Problem::Excludes { field: "b64" }.at("data")),
        (None, None) => Err(Problem::Missing.at("data")),
        (Some(json), None) if json.get().len() > max => Err(large(json.get().len()).at("data")),
        (Some(json), None) => {
            JsonText::part(message, json).map(Payload::Json).map_err(|problem| problem.at("data"))
        }
        (None, Some(base64)) => {
            let bytes = text(base64).map_err(|problem| problem.at("b64"))?;
            let bytes =
                STANDARD.decode(bytes.as_bytes()).map_err(|_| Problem::NotBase64.at("b64"))?;
            if bytes.len() > max {
                return Err(large(bytes.len()).at("b64"));
            }
            Ok(Payload::Binary(bytes.into()))
        }
    }
}

pub(super) fn write_place(object: &mut Object<'_>, place: &Place) {
    object.number("offset", place.offset);
    object.number("tag", place.tag.into());
    object.number("prev", place.prev.into());
}

/// None if no field of a place is there.
pub(super) fn place<const N: usize>(fields: &Fields<'_, N>) -> Result<Option<Place>, Fault> {
    if ["offset", "tag", "prev"].iter().all(|name| fields.given(name).is_none()) {
        return Ok(None);
    }
    Ok(Some(Place {
        offset: fields.required("offset", number)?,
        tag: fields.required("tag", u32)?,
        prev: fields.required("prev", u32)?,
    }))
}

pub(super) fn write_content(object: &mut Object<'_>, content: &Content) {
    object.number("time", content.time);
    if let Some(from) = &content.from {
        object.text("from", from);
    }
    object.payload(&content.payload);
}

pub(super) fn content<const N: usize>(
    fields: &Fields<'_, N>,
    message: &Bytes,
) -> Result<Content, Fault> {
    Ok(Content {
        time: fields.required("time", number)?,
        from: fields.optional("from", name)?,
        payload: payload(fields, message, usize::MAX)?,
    })
}

pub(super) fn write_stored(object: &mut Object<'_>, stored: &Stored) {
    write_place(object, &stored.place);
    write_content(object, &stored.content);
}

pub(super) fn stored(value: &RawValue, message: &Bytes) -> Result<Stored, Fault> {
    let names = ["offset", "tag", "prev", "time", "from", "data", "b64"];
    let fields = Fields::read(value, names).map_err(|problem| problem.at("publications"))?;
    let place = place(&fields)?.ok_or(Problem::Missing.at("offset"))?;
    Ok(Stored { place, content: content(&fields, message)? })
}

pub(super) fn write_presence(object: &mut Object<'_>, presence: &PresenceState) {
    object.number("version", presence.version);
    match &presence.members {
        Members::List(members) => object.objects("members", members, write_member),
        Members::Count(count) => object.number("count", *count),
    }
}

pub(super) fn presence(value: &RawValue, message: &Bytes) -> Result<PresenceState, Fault> {
    let fields = Fields::read(value, ["version", "members", "count"])
        .map_err(|problem| problem.at("presence"))?;
    let members = match fields.optional("count", number)? {
        Some(count) => Members::Count(count),
        None => Members::List(fields.required("members", |value| members(value, message))?),
    };
    Ok(PresenceState { version: fields.required("version", number)?, members })
}

pub(super) fn members(value: &RawValue, message: &Bytes) -> Result<Vec<Member>, Fault> {
    let items = list(value).map_err(|problem| problem.at("members"))?;
    items.into_iter().map(|item| member(item, message)).collect()
}

pub(super) fn write_member(object: &mut Object<'_>, member: &Member) {
    object.text("user", &member.user);
    object.text("session", &member.session);
    object.number("since", member.since);
    if let Some(info) = &member.info {
        object.json("info", info);
    }
}

fn member(value: &RawValue, message: &Bytes) -> Result<Member, Fault> {
    let fields = Fields::read(value, ["user", "session", "since", "info"])
        .map_err(|problem| problem.at("members"))?;
    Ok(Member {
        user: fields.required("user", name)?,
        session: fields.required("session", name)?,
        since: fields.required("since", number)?,
        info: fields.optional("info", |value| JsonText::part(message, value))?,
    })
}

pub(super) fn write_departure(object: &mut Object<'_>, departure: &Departure) {
    object.text("user", &departure.user);
    object.text("session", &departure.session);
    object.number("seen", departure.seen);
}

pub(super) fn departures(value: &RawValue) -> Result<Vec<Departure>, Fault> {
    let items = list(value).map_err(|problem| problem.at("leave"))?;
    items.into_iter().map(departure).collect()
}

fn departure(value: &RawValue) -> Result<Departure, Fault> {
    let fields =
        Fields::read(value, ["user", "session", "seen"]).map_err(|problem| problem.at("leave"))?;
    Ok(Departure {
        user: fields.required("user", name)?,
        session: fields.required("session", name)?,
        seen: fields.required("seen", number)?,
    })
}

pub(super) fn write_user_state(object: &mut Object<'_>, state: &UserState) {
    object.text("status", state.status.as_str());
    if let Some(since) = state.since {
        object.number("since", since);
    }
    if let Some(seen) = state.seen {
        object.number("seen", seen);
    }
}

pub(super) fn user_state(value: &RawValue) -> Result<UserState, Fault> {
    let fields =
        Fields::read(value, ["status", "since", "seen"]).map_err(|problem| problem.at("users"))?;
    let status = |value| word(value, UserStatus::from_word);
    Ok(UserState {
        status: fields.required("status", status)?,
        since: fields.optional("since", number)?,
        seen: fields.optional("seen", number)?,
    })
}

pub(super) fn write_error(object: &mut Object<'_>, error: &ErrorReply) {
    object.text("code", error.code.as_str());
    object.text("message", &error.message);
    object.flag("temporary", error.temporary);
}

pub(super) fn error(value: &RawValue) -> Result<ErrorReply, Fault> {
    let fields = Fields::read(value, ["code", "message", "temporary"])
        .map_err(|problem| problem.at("error"))?;
    Ok(ErrorReply {
        code: fields.required("code", |value| word(value, ErrorCode::from_word))?,
        message: fields.optional("message", text)?.unwrap_or_default().into_owned(),
        temporary: fields.optional("temporary", flag)?.unwrap_or(false),
    })
}

/// One of the words that `parse` knows.
pub(super) fn word<T>(
    value: &RawValue,
    parse: impl Fn(&str) -> Result<T, Problem>,
) -> Result<T, Problem> {
    parse(&text(value)?)
}
