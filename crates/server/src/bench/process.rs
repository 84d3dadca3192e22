//! What this process may open and what it has used.

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::failure::Failure;

/// Files that are open besides the connections: the standard streams, the runtime's own.
const BESIDES: u64 = 16;

/// Raises the limit of open files as far as it goes.
///
/// # Errors
/// If that is not enough for so many connections.
pub(super) fn raise_file_limit(connections: u32) -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it may not be raised it stays; then opening says which file was one too many.
    let _ = setrlimit(Resource::Nofile, limit);
    let needed = u64::from(connections) + BESIDES;
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < needed => Err(Failure::Files { needed, files }),
        _ => Ok(()),
    }
}

/// CPU time of all threads since the process began.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_files_are_refused_with_the_flag_that_helps() {
        assert!(raise_file_limit(1).is_ok());
        if getrlimit(Resource::Nofile).current.is_some_and(|files| files < u64::from(u32::MAX)) {
            let error = raise_file_limit(u32::MAX).unwrap_err().to_string();
            assert!(error.contains("--connections") && error.contains("ulimit"), "{error}");
        }
    }
}
