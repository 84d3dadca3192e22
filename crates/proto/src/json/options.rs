//! How to hear topics.

use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::client::{SlowPolicy, SubscribeOptions};
use crate::decode::Fault;
use crate::position::SubscribeFrom;
use crate::presence::PresenceMode;
use crate::problem::Problem;
use crate::text::Topic;

use super::read::{At as _, Entries, Fields, text, u32};
use super::values::{position, word, write_position};
use super::write::Object;

pub(super) fn write_options(object: &mut Object<'_>, options: &SubscribeOptions) {
    match &options.from {
        SubscribeFrom::Latest => {}
        SubscribeFrom::Earliest => object.text("from", "earliest"),
        SubscribeFrom::Acknowledged => object.text("from", "acknowledged"),
        SubscribeFrom::Last(last) => {
            object.object("from", |object| object.number("last", (*last).into()));
        }
        SubscribeFrom::Position(position) => {
            object.object("from", |object| write_position(object, position));
        }
    }
    if let Some(slow) = options.slow {
        object.text("slow", slow.as_str());
    }
    if options.presence != PresenceMode::None {
        object.text("presence", options.presence.as_str());
    }
}

pub(super) fn subscriptions(value: &RawValue) -> Result<Vec<(Topic, SubscribeOptions)>, Fault> {
    let Entries(entries) = Entries::read(value).map_err(|problem| problem.at("subscriptions"))?;
    let read = |(name, value): (std::borrow::Cow<'_, str>, _)| {
        let topic = Topic::new(&name).map_err(|problem| problem.at("topic"))?;
        Ok((topic, options(value)?))
    };
    let mut all = entries.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // §2: of a name that comes twice the last counts.
    let mut named = HashSet::new();
    all.reverse();
    all.retain(|(topic, _)| named.insert(topic.clone()));
    all.reverse();
    Ok(all)
}

pub(super) fn options(value: &RawValue) -> Result<SubscribeOptions, Fault> {
    let fields = Fields::read(value, ["from", "slow", "presence"])
        .map_err(|problem| problem.at("subscriptions"))?;
    let slow = |value| word(value, SlowPolicy::from_word);
    let presence = |value| word(value, PresenceMode::from_word);
    Ok(SubscribeOptions {
        from: fields.optional("from", from)?.unwrap_or_default(),
        slow: fields.optional("slow", slow)?,
        presence: fields.optional("presence", presence)?.unwrap_or_default(),
    })
}

fn from(value: &RawValue) -> Result<SubscribeFrom, Fault> {
    if let Ok(word) = text(value) {
        let expected = "the words `latest` `earliest` `acknowledged`";
        return match &*word {
            "latest" => Ok(SubscribeFrom::Latest),
            "earliest" => Ok(SubscribeFrom::Earliest),
            "acknowledged" => Ok(SubscribeFrom::Acknowledged),
            _ => Err(Problem::Word { expected }.at("from")),
        };
    }
    let fields = Fields::read(value, ["last"])
        .map_err(|_| Problem::Type { expected: "a word or an object" }.at("from"))?;
    match fields.optional("last", u32)? {
        Some(last) => Ok(SubscribeFrom::Last(last)),
        None => position(value).map(SubscribeFrom::Position),
    }
}
