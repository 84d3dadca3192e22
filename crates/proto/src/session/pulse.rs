//! Signs of life.

use crate::connect::Heartbeat;

/// When to ask for a sign of life, and when to take the link for dead.
#[derive(Debug)]
pub(super) struct Pulse {
    heartbeat: Heartbeat,
    heard: u64,
    asked: bool,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ask,
    Dead,
}

impl Pulse {
    pub(super) fn new(now: u64, heartbeat: Heartbeat) -> Self {
        Self { heartbeat, heard: now, asked: false }
    }

    pub(super) fn heard(&mut self, now: u64) {
        (self.heard, self.asked) = (now, false);
    }

    pub(super) fn interval(&self) -> u64 {
        self.heartbeat.interval
    }

    pub(super) fn deadline(&self) -> u64 {
        let ask = self.heard.saturating_add(self.heartbeat.interval);
        if self.asked { ask.saturating_add(self.heartbeat.timeout) } else { ask }
    }

    pub(super) fn tick(&mut self, now: u64) -> Due {
        if now < self.deadline() {
            return Due::Nothing;
        }
        // A machine that slept gets its chance to ask, however late it is.
        if std::mem::replace(&mut self.asked, true) { Due::Dead } else { Due::Ask }
    }
}
