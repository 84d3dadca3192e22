//! The deadlines of many connections on one runtime timer.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::driver::Driven;

/// Deadlines are met within this: coarse, so that connections share wake-ups.
const TICK: Duration = Duration::from_millis(50);

const TICKS_A_SECOND: u64 = 20;

/// Which deadline is whose: ordered by time, then by the connection's address. At most one for each
/// connection.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeMap<(Tick, usize), Weak<dyn Driven>>,
}

/// A point in time at which deadlines are looked at, counted from the driver's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(NonZeroU64);

impl Tick {
    /// The first tick that is not before `deadline`: none is looked at before it is reached.
    pub(crate) fn of(deadline: Instant, start: Instant) -> Self {
        let after = deadline.saturating_duration_since(start);
        let within_second = u64::from(after.subsec_nanos().div_ceil(TICK.subsec_nanos()));
        let tick = after.as_secs().saturating_mul(TICKS_A_SECOND).saturating_add(within_second);
        Self(NonZeroU64::new(tick).unwrap_or(NonZeroU64::MIN))
    }

    /// When it is.
    pub(crate) fn time(self, start: Instant) -> Instant {
        start + TICK * u32::try_from(self.0.get()).unwrap_or(u32::MAX)
    }
}

impl Timers {
    pub(crate) fn insert(&mut self, tick: Tick, link: &Arc<dyn Driven>) {
        self.entries.insert((tick, address(link)), Arc::downgrade(link));
    }

    pub(crate) fn remove(&mut self, tick: Tick, link: &Arc<dyn Driven>) {
        self.entries.remove(&(tick, address(link)));
    }

    /// The next tick at which there is something to do.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.entries.first_key_value().map(|((tick, _), _)| *tick)
    }

    /// Takes one connection whose tick is not after `tick`.
    pub(crate) fn pop_due(&mut self, due: impl Fn(Tick) -> bool) -> Option<Arc<dyn Driven>> {
        while self.next().is_some_and(&due) {
            let (_, link) = self.entries.pop_first()?;
            if let Some(link) = link.upgrade() {
                return Some(link);
            }
        }
        None
    }
}

fn address(link: &Arc<dyn Driven>) -> usize {
    Arc::as_ptr(link).cast::<()>() as usize
}
