//! Whether the promises were kept: small values that are told what happened.

mod fates;
mod messages;
mod presence;
mod sessions;
mod stream;

pub(crate) use self::fates::{Fate, Fates};
pub(crate) use self::messages::Messages;
pub(crate) use self::presence::{Roster, View};
pub(crate) use self::sessions::Sessions;
pub(crate) use self::stream::{Heard, Rules, Stream};
