//! Signs of life.

use crate::connect::Heartbeat;

/// When to ask for a sign of life, and when to take the link for dead.
#[derive(Debug)]
pub(super) struct Pulse {
    heartbeat: Heartbeat,
    heard: u64,
    /// When it was asked for one.
    asked: Option<u64>,
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
        Self { heartbeat, heard: now, asked: None }
    }

    pub(super) fn heard(&mut self, now: u64) {
        (self.heard, self.asked) = (now, None);
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
        if self.asked.replace(now).is_some() { Due::Dead } else { Due::Ask }
    }
}
