//! The deadlines of many connections on one runtime timer.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::driver::Driven;

/// Deadlines are met within this: coarse, so that connections share wake-ups.
const TICK: Duration = Duration::from_millis(50);

/// Which deadline is whose: ordered by time, then by connection. At most one for each connection.
#[derive(Debug)]
pub(crate) struct Timers {
    start: Instant,
    entries: BTreeMap<Key, Weak<dyn Driven>>,
}

/// The tick at which a deadline is looked at, and the connection's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64, usize);

impl Timers {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, entries: BTreeMap::new() }
    }

    /// Remembers a deadline; the key is for [`remove`](Self::remove).
    pub(crate) fn insert(&mut self, deadline: Instant, link: &Arc<dyn Driven>) -> Key {
        let after = deadline.saturating_duration_since(self.start).as_millis();
        // Rounded up: a deadline is never looked at before it is reached.
        let tick = after.div_ceil(TICK.as_millis()) as u64;
        let key = Key(tick, Arc::as_ptr(link).cast::<()>() as usize);
        self.entries.insert(key, Arc::downgrade(link));
        key
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.entries.remove(&key);
    }

    /// When the next deadline is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (Key(tick, _), _) = self.entries.first_key_value()?;
        Some(self.start + TICK * u32::try_from(*tick).unwrap_or(u32::MAX))
    }

    /// Takes one connection whose deadline is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Arc<dyn Driven>> {
        while self.next().is_some_and(|due| due <= now) {
            let (_, link) = self.entries.pop_first()?;
            if let Some(link) = link.upgrade() {
                return Some(link);
            }
        }
        None
    }
}
