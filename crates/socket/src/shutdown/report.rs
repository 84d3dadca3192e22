//! What came of a shutdown.

use std::fmt;
use std::time::Duration;

use everwire_wire::Unsent;

use crate::link::Ending;

/// What became of the members of a group that was shut down: each is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Members that ended with both close frames exchanged: they have read all that was sent to them.
    pub closed_clean: usize,
    /// Members that ended otherwise before the deadline: the network failed, or they did not answer
    /// within `close_timeout`.
    pub closed_unclean: usize,
    /// Members that the deadline cut off.
    pub aborted: usize,
    /// What was queued for any of them and never handed to the network. What was handed to it and did
    /// not arrive is not known here.
    pub unsent: Unsent,
    /// From the beginning until the last of them had ended.
    pub took: Duration,
}

impl ShutdownReport {
    /// How many members there were.
    pub fn total(&self) -> usize {
        self.closed_clean + self.closed_unclean + self.aborted
    }

    /// This one and that of others who were shut down at the same time.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.closed_clean += others.closed_clean;
        self.closed_unclean += others.closed_unclean;
        self.aborted += others.aborted;
        self.add_unsent(others.unsent);
        self.took = self.took.max(others.took);
        self
    }

    pub(super) fn count(&mut self, ending: &Ending, aborted: bool) {
        match (aborted, ending.was_clean) {
            (true, _) => self.aborted += 1,
            (false, true) => self.closed_clean += 1,
            (false, false) => self.closed_unclean += 1,
        }
        self.add_unsent(ending.unsent);
    }

    fn add_unsent(&mut self, unsent: Unsent) {
        self.unsent.messages = self.unsent.messages.saturating_add(unsent.messages);
        self.unsent.bytes = self.unsent.bytes.saturating_add(unsent.bytes);
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { closed_clean, closed_unclean, aborted, unsent, took } = self;
        write!(
            f,
            "{} connections ended within {took:.1?}: {closed_clean} clean, {closed_unclean} \
             unclean, {aborted} aborted; {} messages ({} bytes) not sent",
            self.total(),
            unsent.messages,
            unsent.bytes
        )
    }
}
