//! What is asked of a library.

use bytes::Bytes;

use crate::endless::Endless;

/// What anything here ends with: how many messages there were.
pub(crate) type Ended = Result<u64, Box<dyn std::error::Error + Send + Sync>>;

/// Masks or unmasks bytes in place.
pub(crate) type Unmask = fn(&mut [u8], [u8; 4]);

/// Whether bytes are UTF-8.
pub(crate) type IsUtf8 = fn(&Bytes) -> bool;

/// A server's side of a library.
pub(crate) trait Library {
    /// Reads so many messages or a few more and shows their payloads, borrowed where that is possible.
    async fn decode(stream: Endless, count: u64, see: impl FnMut(&[u8])) -> Ended;

    /// Sends a binary message so many times, each handed to the stream before the next.
    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended;

    /// What unmasks a payload in place, where a program can call that.
    const UNMASK: Option<Unmask> = None;

    /// What tells UTF-8, where a program can call that.
    const UTF8: Option<IsUtf8> = None;
}
