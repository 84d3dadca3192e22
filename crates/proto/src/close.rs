//! How a link ends.

/// The code that a transport is closed with. It says whether to come back.
///
/// ```
/// use everwire_proto::CloseCode;
///
/// assert!(CloseCode::TOO_SLOW.retry());
/// assert!(!CloseCode(4503).retry());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it is a number")]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The client's farewell: the session is over at once.
    pub const FAREWELL: Self = Self(4000);
    /// The client gives this link up and comes back.
    pub const RETURNING: Self = Self(4001);
    /// No heartbeat.
    pub const NO_HEARTBEAT: Self = Self(4408);
    /// The client was too slow for the policy `close`.
    pub const TOO_SLOW: Self = Self(4409);
    /// Another link of the same session took over. It is not followed by a return.
    pub const TAKEN_OVER: Self = Self(4410);
    /// The hub will go.
    pub const DRAINING: Self = Self(4412);
    /// A message was not understood.
    pub const NOT_UNDERSTOOD: Self = Self(4500);
    /// Something else than `connect` came first.
    pub const NO_CONNECT: Self = Self(4501);
    /// The version is not spoken.
    pub const VERSION: Self = Self(4502);
    /// The token was refused.
    pub const UNAUTHORIZED: Self = Self(4503);
    /// The client was told to go.
    pub const TOLD_TO_GO: Self = Self(4504);

    /// Whether a client comes back after this code, by "Endings" in docs/protocol.md.
    pub const fn retry(self) -> bool {
        !matches!(
            self.0,
            1000 | 1002 | 1003 | 1007..=1010 | 3500..=3999 | 4000 | 4410 | 4500..=4999
        )
    }
}
