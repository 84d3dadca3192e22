//! How patient a reconnecting client is.

use std::time::Duration;

/// When to connect again and when to give up. Fixed before the client starts.
///
/// Every delay is drawn evenly between nothing and a ceiling, so that a server that restarts does
/// not meet all its clients in the same instant. Whole milliseconds count; what is finer is cut off.
///
/// ```
/// use std::time::Duration;
///
/// let mut policy = everwire::RetryPolicy::default();
/// policy.max_attempts = Some(10);
/// policy.max_delay = Duration::from_secs(60);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    // How long to wait.
    /// The highest a quick delay can be, and the first ceiling of those that grow. Default 1 s. From
    /// nothing none grows: 0 is no delay, ever.
    pub min_delay: Duration,
    /// The highest ceiling. Default 20 s.
    pub max_delay: Duration,
    /// What the ceiling is multiplied with after each delay that is not quick. Default 2; less than 1
    /// is taken for 1.
    pub growth: f64,
    /// For how long after the loss of a stable connection delays are quick, that is below
    /// `min_delay`. Default 5 s.
    pub quick_for: Duration,
    /// A connection that was open this long was stable: its loss begins a new count. Default 5 s.
    /// One that is lost sooner counts as a failed attempt.
    pub stable_after: Duration,
    /// The longest wait that a server can ask for; a longer one is cut to it. Default 5 minutes.
    pub max_pacing: Duration,

    // When to give up.
    /// How long one attempt may take, from the fresh URI to the end of what is done on opening.
    /// Default 10 s. A longer one is dropped and counts as failed.
    pub open_timeout: Duration,
    /// How many attempts in a row may fail. Default none: any number.
    pub max_attempts: Option<u32>,
    /// How long after the start, or after the loss of a stable connection, an attempt may still
    /// begin. Default none: for ever.
    pub max_elapsed: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(20),
            growth: 2.0,
            quick_for: Duration::from_secs(5),
            stable_after: Duration::from_secs(5),
            max_pacing: Duration::from_secs(300),
            open_timeout: Duration::from_secs(10),
            max_attempts: None,
            max_elapsed: None,
        }
    }
}
