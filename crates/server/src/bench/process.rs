//! What this process may open, and what its threads have had of the processors.

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::failure::Failure;

/// Files that are open besides the connections: the standard streams, the runtimes' own.
const BESIDES: u64 = 16;

/// Files that a thread's runtime has open.
const PER_THREAD: u64 = 8;

/// Raises the limit of open files as far as it goes.
///
/// # Errors
/// If that is not enough for so many connections.
pub(super) fn raise_file_limit(connections: u32, threads: u32) -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it may not be raised it stays; then opening says which file was one too many.
    let _ = setrlimit(Resource::Nofile, limit);
    let needed = u64::from(connections) + u64::from(threads) * PER_THREAD + BESIDES;
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < needed => Err(Failure::Files { needed, files }),
        _ => Ok(()),
    }
}

/// What the calling thread has had of a processor since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ThreadTime {
    /// Time on a processor.
    pub(super) used: Duration,
    /// Time in which it could have run and others had the processor; zero where the system does
    /// not say.
    pub(super) waited: Duration,
}

impl ThreadTime {
    pub(super) fn now() -> Self {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        let used =
            Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or(0));
        // Nanoseconds on the processor, nanoseconds in the queue for it, turns.
        let queued = std::fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|stat| stat.split_whitespace().nth(1)?.parse().ok());
        Self { used, waited: Duration::from_nanos(queued.unwrap_or(0)) }
    }

    /// What came on top of an earlier one.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            used: self.used.saturating_sub(earlier.used),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_files_are_refused_with_the_flag_that_helps() {
        assert!(raise_file_limit(1, 1).is_ok());
        if getrlimit(Resource::Nofile).current.is_some_and(|files| files < u64::from(u32::MAX)) {
            let error = raise_file_limit(u32::MAX, 1).unwrap_err().to_string();
            assert!(error.contains("--connections") && error.contains("ulimit"), "{error}");
        }
    }

    #[test]
    fn a_thread_that_works_is_seen_to() {
        let before = ThreadTime::now();
        while ThreadTime::now().since(before).used < Duration::from_millis(2) {}
        assert_eq!(before.since(ThreadTime::now()).used, Duration::ZERO);
    }
}
