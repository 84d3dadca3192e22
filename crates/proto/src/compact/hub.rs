//! Messages of a hub.

use bytes::Bytes;

use crate::client::CommandKind;
use crate::decode::{DecodeError, Fault};
use crate::hub::{Answer, HubMessage, Receipt};
use crate::position::{Id, Place};
use crate::publication::{Content, Publication, Stored};
use crate::text::{Epoch, Topic};

use super::read::Reader;
use super::write::Writer;

const PUB: u8 = 1;
const SKIPPED: u8 = 2;
const MESSAGE: u8 = 3;
const RPC_OK: u8 = 4;
const PUBLISH_OK: u8 = 5;
const GOT: u8 = 6;
const LIVE: u8 = 7;

/// Writes a message, if it has a compact form.
pub(crate) fn write(message: &HubMessage) -> Option<Bytes> {
    Some(match message {
        HubMessage::Publication { topic, publication } => write_publication(topic, publication),
        HubMessage::Message(payload) => Writer::new(MESSAGE, payload.size()).payload(payload),
        HubMessage::Reply { id, outcome: Ok(Answer::Rpc(payload)) } => {
            Writer::new(RPC_OK, payload.size()).id(*id).payload(payload)
        }
        HubMessage::Reply { id, outcome: Ok(Answer::Published(Some(receipt))) } => {
            let writer = Writer::new(PUBLISH_OK, 0).id(*id);
            writer.varint(receipt.offset).text(&receipt.epoch).end()
        }
        HubMessage::Heartbeat { got: Some(got) } => Writer::new(GOT, 0).varint(*got).end(),
        _ => return None,
    })
}

/// Reads a message; `asked` knows which command has an id.
pub(crate) fn read(
    message: &Bytes,
    asked: impl Fn(Id) -> Option<CommandKind>,
) -> Result<HubMessage, DecodeError> {
    let (kind, mut reader) = Reader::new(message)?;
    match kind {
        PUB | SKIPPED | LIVE => {
            let topic = reader.topic()?;
            Ok(HubMessage::Publication { topic, publication: publication(kind, &mut reader)? })
        }
        MESSAGE => Ok(HubMessage::Message(reader.payload(usize::MAX)?)),
        RPC_OK | PUBLISH_OK => {
            let id = reader.id()?;
            let answer = answer(kind, asked(id), &mut reader);
            let answer = answer.map_err(|fault| DecodeError { id: Some(id), fault })?;
            Ok(HubMessage::Reply { id, outcome: Ok(answer) })
        }
        GOT => {
            let got = reader.varint("got")?;
            reader.end()?;
            Ok(HubMessage::Heartbeat { got: Some(got) })
        }
        _ => Err(reader.unknown(kind)),
    }
}

fn write_publication(topic: &Topic, publication: &Publication) -> Bytes {
    let place =
        |writer: Writer, place: &Place| writer.varint(place.offset).u32(place.tag).u32(place.prev);
    let content = |writer: Writer, content: &Content| {
        let from = content.from.as_deref().unwrap_or_default();
        writer.varint(content.time).text(from).payload(&content.payload)
    };
    match publication {
        Publication::Stored(stored) => {
            let writer = Writer::new(PUB, stored.content.payload.size()).text(topic);
            content(place(writer, &stored.place), &stored.content)
        }
        Publication::Skipped(at) => place(Writer::new(SKIPPED, 0).text(topic), at).end(),
        Publication::Live(live) => {
            content(Writer::new(LIVE, live.payload.size()).text(topic), live)
        }
    }
}

fn publication(kind: u8, reader: &mut Reader<'_>) -> Result<Publication, Fault> {
    Ok(match kind {
        PUB => {
            let place = reader.place()?;
            Publication::Stored(Stored { place, content: reader.content()? })
        }
        LIVE => Publication::Live(reader.content()?),
        _ => {
            let place = reader.place()?;
            reader.end()?;
            Publication::Skipped(place)
        }
    })
}

fn answer(kind: u8, asked: Option<CommandKind>, reader: &mut Reader<'_>) -> Result<Answer, Fault> {
    match (kind, asked) {
        (_, None) => Err(Fault::Unasked),
        (RPC_OK, Some(CommandKind::Rpc)) => reader.payload(usize::MAX).map(Answer::Rpc),
        (PUBLISH_OK, Some(CommandKind::Publish)) => {
            let offset = reader.varint("offset")?;
            let epoch = reader.text("epoch", Epoch::new)?;
            reader.end()?;
            Ok(Answer::Published(Some(Receipt { offset, epoch })))
        }
        _ => Err(Fault::Malformed("a reply of another kind than the command")),
    }
}
