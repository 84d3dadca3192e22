//! How often a count is told.

use std::time::Duration;

use crate::clock::millis;

/// Says when to tell of a count that changes often: the first change at once, those that follow
/// together when the interval is over. Times are milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: u64,
    told: Option<u64>,
    waiting: bool,
}

impl Pace {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval: millis(interval), told: None, waiting: false }
    }

    /// There is something to tell.
    ///
    /// Also if the count is what was told last: somebody may have asked for it in between, and have
    /// another one.
    pub(crate) fn changed(&mut self) {
        self.waiting = true;
    }

    /// Nobody has to be told any more.
    pub(crate) fn forget(&mut self) {
        self.waiting = false;
    }

    /// Whether it is to be told now, which is then taken for done.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        // A clock that was set back is no reason to wait until it has caught up.
        let set_back = self.waiting && self.told.is_some_and(|told| now < told);
        let is_time = due || set_back;
        if is_time {
            self.told = Some(now);
            self.waiting = false;
        }
        is_time
    }

    /// When there is something to tell, if there is.
    pub(crate) fn due(&self) -> Option<u64> {
        let due = self.told.map_or(0, |told| told.saturating_add(self.interval));
        self.waiting.then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_told_at_once_and_the_next_ones_together() {
        let mut pace = Pace::new(Duration::from_secs(1));
        assert!(!pace.take(5_000));
        pace.changed();
        assert!(pace.take(5_000));
        pace.changed();
        pace.changed();
        assert!(!pace.take(5_999));
        assert_eq!(pace.due(), Some(6_000));
        assert!(pace.take(6_000));
        assert_eq!(pace.due(), None);
        assert!(!pace.take(9_000));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_it() {
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.changed();
        assert!(pace.take(3_600_000));
        pace.changed();
        assert!(pace.take(5_000));
        assert!(!pace.take(9_000));
    }
}
