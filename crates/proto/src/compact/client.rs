//! Messages of a client.

use bytes::Bytes;

use crate::client::{Again, ClientMessage, Command, Publish};
use crate::decode::{DecodeError, Fault};
use crate::number::MAX_NUMBER;
use crate::position::Id;
use crate::problem::Problem;
use crate::text::{Epoch, Method};

use super::read::{Reader, optional};
use super::write::Writer;

const PUBLISH: u8 = 16;
const SEND: u8 = 17;
const RPC: u8 = 18;
const ACK: u8 = 19;

const NO_ECHO: u8 = 1;
const KEY: u8 = 2;
const AGAIN: u8 = 4;

/// Writes a message, if it has a compact form.
pub(crate) fn write(message: &ClientMessage) -> Option<Bytes> {
    Some(match message {
        ClientMessage::Command { id, command: Command::Publish(publish) } => {
            write_publish(*id, publish)
        }
        ClientMessage::Command { id, command: Command::Rpc { method, payload } } => {
            Writer::new(RPC, payload.size()).id(*id).text(method).payload(payload)
        }
        ClientMessage::Send(payload) => Writer::new(SEND, payload.size()).payload(payload),
        ClientMessage::Ack { topic, offset } => {
            Writer::new(ACK, 0).text(topic).varint(*offset).end()
        }
        _ => return None,
    })
}

/// Reads a message.
pub(crate) fn read(message: &Bytes, max_message: usize) -> Result<ClientMessage, DecodeError> {
    let (kind, mut reader) = Reader::new(message)?;
    match kind {
        PUBLISH | RPC => {
            let id = reader.id()?;
            let command = match kind {
                PUBLISH => publish(&mut reader, max_message),
                _ => rpc(&mut reader, max_message),
            };
            let command = command.map_err(|fault| DecodeError { id: Some(id), fault })?;
            Ok(ClientMessage::Command { id, command })
        }
        SEND => Ok(ClientMessage::Send(reader.payload(max_message)?)),
        ACK => {
            let (topic, offset) = (reader.topic()?, reader.varint("offset")?);
            reader.end()?;
            Ok(ClientMessage::Ack { topic, offset })
        }
        _ => Err(reader.unknown(kind)),
    }
}

fn write_publish(id: Id, publish: &Publish) -> Bytes {
    let flag = |is: bool, flag| if is { flag } else { 0 };
    let flags = flag(!publish.echo, NO_ECHO)
        | flag(publish.key.is_some(), KEY)
        | flag(publish.again.is_some(), AGAIN);
    let mut writer = Writer::new(PUBLISH, publish.payload.size());
    writer = writer.id(id).text(&publish.topic).byte(flags);
    if let Some(key) = publish.key {
        writer = writer.varint(key);
    }
    if let Some(again) = &publish.again {
        writer = writer.text(again.as_str());
    }
    writer.payload(&publish.payload)
}

fn publish(reader: &mut Reader<'_>, max_message: usize) -> Result<Command, Fault> {
    let topic = reader.topic()?;
    let flags = reader.byte()?;
    if flags & !(NO_ECHO | KEY | AGAIN) != 0 {
        return Err(Fault::Malformed("a flag that is not known"));
    }
    let key = if flags & KEY == 0 { None } else { Some(reader.varint("key")?) };
    let again = if flags & AGAIN == 0 {
        None
    } else {
        let epoch = reader.text("again", optional(Epoch::new))?;
        Some(epoch.map_or(Again::Unknown, Again::Since))
    };
    if key == Some(0) {
        let problem = Problem::Range { min: 1, max: MAX_NUMBER };
        return Err(Fault::Field { field: "key", problem });
    }
    if again.is_some() && key.is_none() {
        return Err(Fault::Field { field: "key", problem: Problem::Missing });
    }
    let payload = reader.payload(max_message)?;
    Ok(Command::Publish(Publish { topic, key, again, echo: flags & NO_ECHO == 0, payload }))
}

fn rpc(reader: &mut Reader<'_>, max_message: usize) -> Result<Command, Fault> {
    let method = reader.text("method", Method::new)?;
    Ok(Command::Rpc { method, payload: reader.payload(max_message)? })
}
