//! What the kernel says that a process used and holds.

use std::fs;
use std::time::Instant;

use anyhow::{Context, bail};

/// CPU time since a process began.
pub(super) struct Usage {
    pub(super) at: Instant,
    /// All threads, nanoseconds.
    pub(super) total: u64,
    /// Time in which threads could have run but others had the core, nanoseconds.
    pub(super) delayed: u64,
    /// Clock ticks, good for the proportion only.
    pub(super) user: u64,
    pub(super) system: u64,
}

impl Usage {
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let (mut total, mut delayed) = (0, 0);
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the listing and the reading.
            let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let mut times = schedstat.split(' ').map(|time| time.parse().unwrap_or(0));
            total += times.next().unwrap_or(0_u64);
            delayed += times.next().unwrap_or(0_u64);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: Vec<&str> = fields.split_whitespace().skip(11).take(2).collect();
        let [user, system] = ticks[..] else { bail!("no times in stat") };
        let (user, system) = (user.parse()?, system.parse()?);
        Ok(Self { at: Instant::now(), total, delayed, user, system })
    }
}

/// What a process holds, in bytes.
pub(super) struct Memory {
    pub(super) rss: u64,
    pub(super) anonymous: u64,
}

impl Memory {
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |name: &str| -> anyhow::Result<u64> {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            Ok(kib.with_context(|| format!("no {name}"))?.parse::<u64>()? * 1024)
        };
        Ok(Self { rss: field("Rss:")?, anonymous: field("Anonymous:")? })
    }

    /// The most that was resident since the process began, in bytes.
    pub(super) fn peak(pid: u32) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmHWM")?;
        Ok(kib.parse::<u64>()? * 1024)
    }
}
