//! The heartbeat: our ping schedule, and what counts as a sign of life.

use std::time::{Duration, Instant};

use crate::config::Config;

/// When to ping, and when to give the peer up.
///
/// Any bytes from the peer are life, and so is its taking of bytes that had to wait: a peer that is
/// behind with reading is not dead. After `interval` without either a ping is due; `timeout` after
/// the ping has *left*, or could not leave, silence means that the peer is dead.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    /// The ping that waits for a sign of life, if one does.
    ping: Option<Box<Ping>>,
    next_payload: u32,
    /// Of the last ping that was answered by its own pong.
    round_trip_micros: u32,
}

#[derive(Debug)]
struct Ping {
    payload: [u8; 4],
    /// When the peer last gave a sign of life, or the ping was due.
    since: Instant,
    sent_at: Option<Instant>,
    /// When we last looked whether it was answered.
    looked_at: Instant,
    answered: bool,
}

/// What the heartbeat wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Nothing,
    /// Send a ping with this payload.
    Ping([u8; 4]),
    /// The peer is dead.
    Dead,
}

impl Heartbeat {
    /// A sign of life from the peer.
    pub(crate) fn handle_received(&mut self) {
        if let Some(ping) = &mut self.ping {
            ping.answered = true;
        }
    }

    /// The ping has left.
    pub(crate) fn handle_ping_sent(&mut self, now: Instant) {
        // Others that the application sends later give a dead peer no more time.
        if let Some(ping) = &mut self.ping
            && ping.sent_at.is_none()
        {
            ping.sent_at = Some(now);
            ping.since = now;
        }
    }

    /// A pong came; says whether it answers our ping.
    pub(crate) fn handle_pong(&mut self, now: Instant, payload: &[u8]) -> bool {
        let Some(ping) = self.ping.take_if(|ping| ping.payload == payload) else { return false };
        if let Some(sent_at) = ping.sent_at {
            let micros = now.saturating_duration_since(sent_at).as_micros();
            self.round_trip_micros = u32::try_from(micros).unwrap_or(u32::MAX).max(1);
        }
        true
    }

    /// The time from the last answered ping to its pong.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        (self.round_trip_micros > 0).then(|| Duration::from_micros(self.round_trip_micros.into()))
    }

    /// Whether a ping waits for a sign of life.
    pub(crate) fn is_waiting(&self) -> bool {
        self.ping.as_ref().is_some_and(|ping| !ping.answered)
    }

    /// When [`poll`](Self::poll) wants to look, if nothing comes before.
    ///
    /// A sign of life only ever makes it later, so that nobody need ask again who has set a timer: a
    /// ping that waits is looked at in each interval, because once it is answered the next is due then,
    /// and that may be before the timeout.
    ///
    /// `heard_at` is when bytes last came from the peer. The config's times are asked for where they
    /// matter: there are many connections, and they share one.
    pub(crate) fn deadline(&self, config: &Config, heard_at: Instant) -> Option<Instant> {
        let interval = config.heartbeat_interval?;
        match &self.ping {
            Some(ping) if !ping.answered => {
                let dead = ping.since.checked_add(config.heartbeat_timeout);
                let look = ping.looked_at.checked_add(interval);
                [dead, look].into_iter().flatten().min()
            }
            _ => heard_at.checked_add(interval),
        }
    }

    /// What is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant, config: &Config, heard_at: Instant) -> Beat {
        if self.deadline(config, heard_at).is_none_or(|deadline| now < deadline) {
            return Beat::Nothing;
        }
        if let Some(ping) = self.ping.as_mut().filter(|ping| !ping.answered) {
            ping.looked_at = now;
            let dead = ping.since.checked_add(config.heartbeat_timeout);
            return if dead.is_some_and(|dead| dead <= now) { Beat::Dead } else { Beat::Nothing };
        }
        let payload = self.next_payload.to_be_bytes();
        self.next_payload = self.next_payload.wrapping_add(1);
        let ping = Ping { payload, since: now, sent_at: None, looked_at: now, answered: false };
        self.ping = Some(Box::new(ping));
        Beat::Ping(payload)
    }
}
