//! What a process holds, as the kernel says it.

use std::fs;
use std::io;

/// A process of this machine, whose memory we may look at.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// The process with this number.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Bytes that are resident now.
    ///
    /// # Errors
    ///
    /// When the process is gone, or is not ours.
    pub fn memory(self) -> io::Result<u64> {
        // Counted page by page, where `status` may be some pages behind.
        self.field("smaps_rollup", "Rss:")
    }

    /// The most bytes that were resident at a time since [`forget_the_most`](Self::forget_the_most).
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    pub fn most_memory(self) -> io::Result<u64> {
        self.field("status", "VmHWM:")
    }

    /// Begins [`most_memory`](Self::most_memory) anew with what is resident now.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    pub fn forget_the_most(self) -> io::Result<()> {
        // proc(5): 5 resets the peak of the resident set.
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5")
    }

    fn field(self, file: &str, name: &str) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let missing = || io::Error::new(io::ErrorKind::InvalidData, format!("no {name} in {file}"));
        Ok(kib.ok_or_else(missing)? * 1024)
    }
}
