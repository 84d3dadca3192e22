//! When to connect, when to give an attempt up, and when to give up for good: as a value.

use std::time::Duration;

use super::actions::Actions;
use super::policy::RetryPolicy;

/// The decisions of a reconnecting client: no I/O, no clock, no randomness.
///
/// Everything that happens is told with [`step`](Self::step), which says what to do about it. Times
/// are milliseconds from any one origin and never go back. Between inputs, a
/// [`Tick`](Input::Tick) is due at [`next_deadline`](Self::next_deadline).
///
/// ```
/// use everwire::reconnect::retry::{Action, Input, Phase, Retry, Verdict};
///
/// let mut retry = Retry::new(&everwire::RetryPolicy::default());
/// let actions = retry.step(0, 0.5, Input::Start);
/// assert!(actions.into_iter().eq([Action::Connect]));
/// // The first attempt fails: half of the first ceiling is waited.
/// let _ = retry.step(20, 0.5, Input::Down(Verdict::Retry));
/// assert_eq!(retry.phase(), Phase::Waiting { until: 520, paced: false });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    policy: Policy,
    phase: Phase,
    attempts: u32,
    ceiling: u64,
    lost_at: Option<u64>,
    down_since: u64,
    started: bool,
    online: bool,
}

/// Where a reconnecting client is. All times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Not started.
    Idle,
    /// One attempt is under way; there is never a second.
    Connecting {
        /// When it is given up.
        deadline: u64,
    },
    /// There is a connection.
    Open {
        /// Since when.
        since: u64,
    },
    /// For the next attempt.
    Waiting {
        /// When it begins.
        until: u64,
        /// Whether the server named the time: then good news of the network does not shorten it.
        paced: bool,
    },
    /// There is no network.
    Offline,
    /// Given up for good.
    Ended(Why),
}

/// Why a client gave up for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The program closed it.
    Closed,
    /// What happened would happen again, or the server is done with us.
    Fatal,
    /// `max_attempts` failed in a row.
    Attempts,
    /// `max_elapsed` is over.
    Elapsed,
}

/// What an ending means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Connect again.
    Retry,
    /// Connect again, but not before this time has passed: the server asked for it. It is cut to
    /// `max_pacing`, and a delay is added so that clients do not come together.
    RetryAfter(Duration),
    /// Do not connect again.
    Fatal,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The client is to begin.
    Start,
    /// The attempt led to a connection.
    Opened,
    /// The attempt failed, or the connection ended.
    Down(Verdict),
    /// The time of [`Retry::next_deadline`] has come; too early a tick changes nothing.
    Tick,
    /// There is a network again.
    Online,
    /// There is no network.
    Offline,
    /// The machine was asleep, or the user is back: a good time to try.
    Awake,
    /// The program wants an attempt now.
    RetryNow,
    /// The program wants a new connection, whatever there is.
    Reconnect,
    /// The program is done.
    Close,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Begin an attempt.
    Connect,
    /// Let the attempt or the connection go at once.
    Drop(Cause),
    /// Close the connection, with a closing handshake.
    Close,
    /// Tell the program that it is over.
    End(Why),
}

/// Why an attempt or a connection is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// `open_timeout` is over.
    Timeout,
    /// The network went.
    Offline,
    /// The program wants a new one.
    Reconnect,
    /// The program is done.
    Closed,
}

impl Retry {
    /// A client that has not started.
    pub fn new(policy: &RetryPolicy) -> Self {
        let policy = Policy::from(policy);
        Self {
            phase: Phase::Idle,
            attempts: 0,
            ceiling: policy.min_delay,
            lost_at: None,
            down_since: 0,
            started: false,
            online: true,
            policy,
        }
    }

    /// Takes what happened at `now` into account and says what to do.
    ///
    /// `random` is uniform in 0 ≤ r < 1 and new with each call. An input that makes no sense in the
    /// present phase changes nothing.
    pub fn step(&mut self, now: u64, random: f64, input: Input) -> Actions<Action> {
        let mut actions = Actions::none();
        match (input, self.phase) {
            (Input::Start, Phase::Idle | Phase::Ended(_)) => {
                self.begin(now);
                if self.online {
                    self.connect(now, &mut actions);
                } else {
                    self.phase = Phase::Offline;
                }
            }
            (Input::Opened, Phase::Connecting { .. }) => self.phase = Phase::Open { since: now },
            (Input::Down(verdict), Phase::Connecting { .. } | Phase::Open { .. }) => {
                self.count(now);
                self.next(now, random, verdict, &mut actions);
            }
            (Input::Tick, Phase::Connecting { deadline }) if now >= deadline => {
                actions.push(Action::Drop(Cause::Timeout));
                self.count(now);
                self.next(now, random, Verdict::Retry, &mut actions);
            }
            (Input::Tick, Phase::Waiting { until, .. }) if now >= until => {
                self.connect(now, &mut actions);
            }
            (Input::Online, phase) => {
                self.online = true;
                if matches!(phase, Phase::Offline | Phase::Waiting { paced: false, .. }) {
                    self.connect(now, &mut actions);
                }
            }
            (Input::Offline, phase) => self.go_offline(now, phase, &mut actions),
            (Input::Awake, Phase::Waiting { paced: false, .. })
            | (Input::RetryNow, Phase::Waiting { .. } | Phase::Offline) => {
                self.connect(now, &mut actions);
            }
            (Input::Reconnect, phase) => {
                if matches!(phase, Phase::Connecting { .. } | Phase::Open { .. }) {
                    actions.push(Action::Drop(Cause::Reconnect));
                }
                self.begin(now);
                self.connect(now, &mut actions);
            }
            (Input::Close, phase) if !matches!(phase, Phase::Ended(_)) => {
                match phase {
                    Phase::Connecting { .. } => actions.push(Action::Drop(Cause::Closed)),
                    Phase::Open { .. } => actions.push(Action::Close),
                    _ => {}
                }
                self.end(Why::Closed, &mut actions);
            }
            _ => {}
        }
        actions
    }

    /// When the next [`Tick`](Input::Tick) is due.
    pub fn next_deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Connecting { deadline } => Some(deadline),
            Phase::Waiting { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Where the client is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How many attempts in a row have failed.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The ceiling of the next delay that is not quick.
    pub fn ceiling(&self) -> u64 {
        self.ceiling
    }

    /// When a stable connection was last lost.
    pub fn lost_at(&self) -> Option<u64> {
        self.lost_at
    }

    /// What `max_elapsed` counts from, once started.
    pub fn down_since(&self) -> Option<u64> {
        self.started.then_some(self.down_since)
    }

    /// What is known of the network; true until told otherwise.
    pub fn is_online(&self) -> bool {
        self.online
    }

    fn begin(&mut self, now: u64) {
        self.reset();
        self.lost_at = None;
        self.down_since = now;
        self.started = true;
    }

    fn reset(&mut self) {
        self.attempts = 0;
        self.ceiling = self.policy.min_delay;
    }

    fn connect(&mut self, now: u64, actions: &mut Actions<Action>) {
        self.phase = Phase::Connecting { deadline: now.saturating_add(self.policy.open_timeout) };
        actions.push(Action::Connect);
    }

    /// An attempt failed, or a connection was lost: only one that stayed begins a new count.
    fn count(&mut self, now: u64) {
        match self.phase {
            Phase::Open { since } if now.saturating_sub(since) >= self.policy.stable_after => {
                self.reset();
                self.lost_at = Some(now);
                self.down_since = now;
            }
            _ => self.attempts = self.attempts.saturating_add(1),
        }
    }

    fn next(&mut self, now: u64, random: f64, verdict: Verdict, actions: &mut Actions<Action>) {
        if verdict == Verdict::Fatal {
            return self.end(Why::Fatal, actions);
        }
        if self.policy.max_attempts.is_some_and(|max| self.attempts >= max) {
            return self.end(Why::Attempts, actions);
        }
        if !self.online {
            self.phase = Phase::Offline;
            return;
        }
        let mut delay = scale(self.next_ceiling(now), random);
        let paced = match verdict {
            Verdict::RetryAfter(after) => {
                delay = delay.saturating_add(millis(after).min(self.policy.max_pacing));
                true
            }
            _ => false,
        };
        let until = now.saturating_add(delay);
        let elapsed = until.saturating_sub(self.down_since);
        if self.policy.max_elapsed.is_some_and(|max| elapsed > max) {
            return self.end(Why::Elapsed, actions);
        }
        self.phase = Phase::Waiting { until, paced };
    }

    /// The ceiling of the delay that begins now; one that is not quick makes the following higher.
    fn next_ceiling(&mut self, now: u64) -> u64 {
        let quick = |lost_at: u64| now.saturating_sub(lost_at) < self.policy.quick_for;
        if self.lost_at.is_some_and(quick) {
            return self.policy.min_delay;
        }
        let ceiling = self.ceiling;
        self.ceiling = scale(ceiling, self.policy.growth).min(self.policy.max_delay);
        ceiling
    }

    fn go_offline(&mut self, now: u64, phase: Phase, actions: &mut Actions<Action>) {
        self.online = false;
        match phase {
            Phase::Open { .. } => {
                actions.push(Action::Drop(Cause::Offline));
                self.count(now);
            }
            // An attempt that the network took is no failure of the server.
            Phase::Connecting { .. } => actions.push(Action::Drop(Cause::Offline)),
            Phase::Waiting { .. } => {}
            Phase::Idle | Phase::Offline | Phase::Ended(_) => return,
        }
        self.phase = Phase::Offline;
    }

    fn end(&mut self, why: Why, actions: &mut Actions<Action>) {
        self.phase = Phase::Ended(why);
        actions.push(Action::End(why));
    }
}

/// [`RetryPolicy`] in milliseconds.
#[derive(Debug, Clone, PartialEq)]
struct Policy {
    min_delay: u64,
    max_delay: u64,
    growth: f64,
    quick_for: u64,
    stable_after: u64,
    open_timeout: u64,
    max_attempts: Option<u32>,
    max_elapsed: Option<u64>,
    max_pacing: u64,
}

impl From<&RetryPolicy> for Policy {
    fn from(policy: &RetryPolicy) -> Self {
        Self {
            min_delay: millis(policy.min_delay),
            max_delay: millis(policy.max_delay),
            // A growth that is no number is 1, too.
            growth: policy.growth.max(1.0),
            quick_for: millis(policy.quick_for),
            stable_after: millis(policy.stable_after),
            open_timeout: millis(policy.open_timeout),
            max_attempts: policy.max_attempts,
            max_elapsed: policy.max_elapsed.map(millis),
            max_pacing: millis(policy.max_pacing),
        }
    }
}

/// Whole milliseconds; more than fit are as many as fit.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A double's product, cut to a whole number: what JavaScript computes, too.
fn scale(millis: u64, factor: f64) -> u64 {
    (millis as f64 * factor).floor() as u64
}
