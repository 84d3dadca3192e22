//! What a publication looks like on the wire: made once for each form, however many it goes to.

use std::sync::{Arc, OnceLock};

use everwire::{Message, SharedFrame, Text};
use everwire_proto::{Encoded, Encoding, HubMessage, Payload, Place, Publication, Stored, Topic};

use crate::log::Entry;

/// What a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// The hub's message language.
    Hub(Encoding),
    /// Nothing but what endpoints and topics say, as it is.
    Raw,
}

/// The forms of one publication.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    json: OnceLock<Arc<SharedFrame>>,
    compact: OnceLock<Arc<SharedFrame>>,
    raw: OnceLock<Arc<SharedFrame>>,
}

impl Entry {
    /// What those who speak so are sent of it.
    pub(crate) fn frame(&self, topic: &Topic, speech: Speech, live: bool) -> &Arc<SharedFrame> {
        let (slot, encoding) = match speech {
            Speech::Hub(Encoding::Json) => (&self.frames.json, Encoding::Json),
            Speech::Hub(Encoding::Compact) => (&self.frames.compact, Encoding::Compact),
            Speech::Raw => {
                let payload = &self.content.payload;
                return self.frames.raw.get_or_init(|| Arc::new(SharedFrame::new(raw(payload))));
            }
        };
        slot.get_or_init(|| {
            let content = self.content.clone();
            let publication = match live {
                true => Publication::Live(content),
                false => Publication::Stored(Stored { place: self.place, content }),
            };
            hub_frame(&HubMessage::Publication { topic: topic.clone(), publication }, encoding)
        })
    }
}

/// What moves a client's position past a publication that is not for it.
pub(crate) fn skip(topic: &Topic, place: Place, encoding: Encoding) -> Arc<SharedFrame> {
    let publication = Publication::Skipped(place);
    hub_frame(&HubMessage::Publication { topic: topic.clone(), publication }, encoding)
}

/// A message of the hub as a frame.
pub(crate) fn hub_frame(message: &HubMessage, encoding: Encoding) -> Arc<SharedFrame> {
    Arc::new(SharedFrame::new(match message.encode(encoding) {
        Encoded::Text(bytes) => Message::Text(Text::try_from(bytes).expect("JSON is UTF-8")),
        Encoded::Binary(bytes) => Message::Binary(bytes),
    }))
}

/// A payload as a message of its own. JSON text is a text message; a JSON string is its content.
pub(crate) fn raw(payload: &Payload) -> Message {
    match payload {
        Payload::Binary(bytes) => Message::Binary(bytes.clone()),
        Payload::Json(json) => match json.read::<String>() {
            Ok(text) => Message::text(text),
            Err(_) => {
                Message::Text(Text::try_from(json.as_bytes().clone()).expect("JSON is UTF-8"))
            }
        },
    }
}
