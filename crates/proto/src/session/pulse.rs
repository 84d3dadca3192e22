//! Signs of life.

use super::Config;
use crate::connect::Heartbeat;

/// When to ask for a sign of life, and when to take the link for dead.
#[derive(Debug)]
pub(super) struct Pulse {
    heartbeat: Heartbeat,
    heard: u64,
    /// When it was asked for one, and has given none.
    asked: Option<u64>,
    /// When it was asked for one, and has not answered that.
    unanswered: Option<u64>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ask,
    Dead,
}

impl Pulse {
    /// As the hub says, or sooner.
    pub(super) fn new(now: u64, hub: Heartbeat, config: &Config) -> Self {
        let heartbeat = Heartbeat {
            interval: hub.interval.min(config.heartbeat_interval.unwrap_or(u64::MAX)),
            timeout: hub.timeout.min(config.heartbeat_timeout.unwrap_or(u64::MAX)),
        };
        Self { heartbeat, heard: now, asked: None, unanswered: None }
    }

    /// Something came.
    pub(super) fn heard(&mut self, now: u64) {
        (self.heard, self.asked) = (now, None);
    }

    /// The answer came. How long ago it was asked for, if it was.
    pub(super) fn answered(&mut self, now: u64) -> Option<u64> {
        self.unanswered.take().map(|asked| now.saturating_sub(asked))
    }

    pub(super) fn interval(&self) -> u64 {
        self.heartbeat.interval
    }

    pub(super) fn deadline(&self) -> u64 {
        match self.asked {
            None => self.heard.saturating_add(self.heartbeat.interval),
            // A machine that slept asks late, and waits all the same.
            Some(asked) => asked.saturating_add(self.heartbeat.timeout),
        }
    }

    pub(super) fn tick(&mut self, now: u64) -> Due {
        if now < self.deadline() {
            return Due::Nothing;
        }
        self.unanswered = Some(now);
        if self.asked.replace(now).is_some() { Due::Dead } else { Due::Ask }
    }
}
