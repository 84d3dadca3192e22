//! How much of a head is read before it is refused.

/// The limits of an HTTP/1.1 head: the first line, the headers and the blank line.
///
/// ```
/// let mut limits = everwire_wire::handshake::HandshakeLimits::default();
/// limits.max_size = 32 << 10;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLimits {
    /// The longest head, in bytes, through its blank line; a client counts interim responses in.
    /// Default 16 KiB. A longer one is refused with 431 as soon as it is longer, or with 414 while
    /// its first line has not ended.
    pub max_size: usize,
    /// How many headers there may be. Default 100. One more is refused with 431.
    pub max_headers: usize,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self { max_size: 16 << 10, max_headers: 100 }
    }
}
