//! A heartbeat in text, for peers that cannot send pings: scripts in a browser.

use crate::text::Text;

/// How many text pongs wait before further pings are taken as answered by those.
const MAX_OWED: u8 = 16;

/// A text message that asks for a sign of life, and the one that gives it.
///
/// A browser answers pings but does not let a script send any. Where an endpoint names a text
/// heartbeat ([`Config::text_heartbeat`](crate::Config::text_heartbeat)), a text message that is
/// exactly `ping` is answered with `pong` before the application sees it, and is never shown to it.
/// Default: `ping` and `pong`.
///
/// ```
/// use everwire_wire::{Config, TextHeartbeat};
///
/// let mut config = Config::default();
/// config.text_heartbeat = Some(TextHeartbeat::default());
/// config.text_heartbeat = Some(TextHeartbeat::new("#1", "#2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextHeartbeat {
    ping: Text,
    pong: Text,
}

impl TextHeartbeat {
    /// What asks, and what answers. They may be of any length, the same or empty; short ones are
    /// cheap.
    pub fn new(ping: impl Into<Text>, pong: impl Into<Text>) -> Self {
        Self { ping: ping.into(), pong: pong.into() }
    }

    /// What asks.
    pub fn ping(&self) -> &str {
        &self.ping
    }

    /// What answers.
    pub fn pong(&self) -> &str {
        &self.pong
    }
}

impl Default for TextHeartbeat {
    fn default() -> Self {
        Self { ping: Text::from_static("ping"), pong: Text::from_static("pong") }
    }
}

/// Text pongs that are due. They have no payload that would tell them apart, so a flood of pings is
/// answered with a few.
#[derive(Debug, Default)]
pub(crate) struct Owed(u8);

impl Owed {
    pub(crate) fn add(&mut self) {
        self.0 = (self.0 + 1).min(MAX_OWED);
    }

    pub(crate) fn take(&mut self) -> bool {
        let owes = self.0 > 0;
        self.0 -= u8::from(owes);
        owes
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0 == 0
    }
}
