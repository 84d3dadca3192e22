//! The shortest path: messages of at most 125 bytes, in one frame that lies whole in the input.

use std::ops::Range;
use std::sync::Arc;

use crate::config::Config;
use crate::connection::Role;
use crate::frame::Short;
use crate::input::{Incoming, Input, Payload};
use crate::mask;
use crate::message::Kind;

/// Reads short messages apart from their connection, from
/// [`Connection::short_messages`](crate::Connection::short_messages).
#[derive(Debug)]
pub struct ShortMessages {
    from: Role,
    config: Arc<Config>,
}

impl ShortMessages {
    pub(super) fn new(from: Role, config: Arc<Config>) -> Self {
        Self { from, config }
    }

    /// The next message in `input`, if it is a short one. `None` says nothing; ask the connection.
    #[inline]
    pub fn next<'b>(&self, input: &'b mut Input<'_>) -> Option<Incoming<'b>> {
        message(self.from, &self.config, input)
    }
}

/// The next message, if it is a short one.
#[inline]
pub(super) fn message<'b>(
    from: Role,
    config: &Config,
    input: &'b mut Input<'_>,
) -> Option<Incoming<'b>> {
    let (kind, place) = place(from, config, input)?;
    Some(Incoming { kind, payload: Payload::Lent(input.bytes_mut(place)) })
}

/// Where it lies, unmasked. Anything that is not for this path, and anything wrong, is left to the
/// general one as it came.
#[inline]
pub(super) fn place(
    from: Role,
    config: &Config,
    input: &mut Input<'_>,
) -> Option<(Kind, Range<usize>)> {
    let short = Short::decode(input.unread(), from)?;
    if short.len > config.max_message_size || short.len as u64 > config.max_frame_size {
        return None;
    }
    let frame_len = short.header_len + short.len;
    let payload = input.unread_mut().get_mut(short.header_len..frame_len)?;
    mask::apply_short(short.key, payload);
    if short.kind == Kind::Text
        && (std::str::from_utf8(payload).is_err() || config.is_text_ping(payload))
    {
        mask_again(short.key, payload);
        return None;
    }
    let frame = input.take(frame_len);
    Some((short.kind, frame.start + short.header_len..frame.end))
}

#[cold]
#[inline(never)]
fn mask_again(key: [u8; 4], payload: &mut [u8]) {
    mask::apply_short(key, payload);
}
