//! The process budget: what all connections hold together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::driver::Driven;

/// Connections report what they hold in steps of this many bytes.
pub(crate) const GRAIN: usize = 4 * 1024;

/// Where neither the container nor the system says how much memory there is.
const FALLBACK: usize = 512 << 20;

/// A limit on the memory that all connections of the process hold for messages together: unfinished
/// ones, unread ones, queued ones and compression contexts.
///
/// When it is exceeded, the connection with the largest unfinished message is failed with
/// [`TRY_AGAIN_LATER`](crate::CloseCode::TRY_AGAIN_LATER): one pays, and the others do not notice.
///
/// ```
/// let budget = everwire::process_budget();
/// budget.set_max(64 << 20);
/// assert_eq!(budget.max(), 64 << 20);
/// ```
#[derive(Debug)]
pub struct Budget {
    max: AtomicUsize,
    used: AtomicUsize,
    /// Who could be asked to give a message up, by address.
    holders: Mutex<HashMap<usize, Holder>>,
}

/// A connection that holds an unfinished message.
#[derive(Debug)]
struct Holder {
    unfinished: usize,
    /// It was told to give its message up and will have done so soon: nobody else has to meanwhile.
    giving_up: bool,
    link: Weak<dyn Driven>,
}

static PROCESS: LazyLock<Budget> = LazyLock::new(|| Budget {
    max: AtomicUsize::new(memory().map_or(FALLBACK, |memory| memory / 4)),
    used: AtomicUsize::new(0),
    holders: Mutex::new(HashMap::new()),
});

/// The budget of this process. Default: a quarter of the container's memory limit, else of the
/// machine's memory.
pub fn process() -> &'static Budget {
    &PROCESS
}

impl Budget {
    /// The limit, in bytes.
    pub fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// Sets the limit, in bytes.
    pub fn set_max(&self, bytes: usize) {
        self.max.store(bytes, Ordering::Relaxed);
    }

    /// What connections hold now, in bytes, each to within 4 KiB.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A connection that held `before` bytes holds `held`, and `unfinished` of them for a message
    /// that is arriving.
    pub(crate) fn charge(
        &self,
        link: &Arc<dyn Driven>,
        before: usize,
        held: usize,
        unfinished: usize,
    ) {
        let used = self.used.fetch_add(held.wrapping_sub(before), Ordering::Relaxed);
        let used = used.wrapping_add(held).wrapping_sub(before);
        let address = Arc::as_ptr(link).cast::<()>() as usize;
        let mut holders = self.holders();
        if unfinished >= GRAIN {
            let giving_up = holders.get(&address).is_some_and(|holder| holder.giving_up);
            let link = Arc::downgrade(link);
            holders.insert(address, Holder { unfinished, giving_up, link });
        } else {
            holders.remove(&address);
        }
        let max = self.max();
        if used <= max {
            return;
        }
        let given_up = holders.values().filter(|holder| holder.giving_up);
        let given_up: usize = given_up.map(|holder| holder.unfinished).sum();
        if used.saturating_sub(given_up) <= max {
            return;
        }
        let others = holders.values_mut().filter(|holder| !holder.giving_up);
        let chosen = others.max_by_key(|holder| holder.unfinished).and_then(|largest| {
            largest.giving_up = true;
            largest.link.upgrade()
        });
        drop(holders);
        if let Some(link) = chosen {
            tracing::warn!(used, max, "process budget exceeded");
            link.give_up_message();
        }
    }

    /// A connection is gone.
    pub(crate) fn forget(&self, address: usize, held: usize) {
        if held > 0 {
            self.used.fetch_sub(held, Ordering::Relaxed);
            self.holders().remove(&address);
        }
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<usize, Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The container's memory limit, else the machine's memory, in bytes.
fn memory() -> Option<usize> {
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .or_else(|_| std::fs::read_to_string("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    });
    match (container, machine) {
        (Some(container), Some(machine)) => Some(container.min(machine)),
        (container, machine) => container.or(machine),
    }
}
