//! Connects again and again.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{Counted, Report};
use crate::epoll;
use crate::handshake;
use crate::histogram::Histogram;
use crate::script::Deflate;
use crate::transport::Dialer;

/// What `connect` does.
#[derive(Debug, Clone)]
pub struct ConnectPlan {
    /// Where to.
    pub dialer: Dialer,
    /// Handshakes that are under way at once, a thread each.
    pub in_flight: usize,
    /// Time before anything is counted.
    pub warm_up: Duration,
    /// Time during which connections are counted.
    pub measure: Duration,
}

/// Opens connections, each up to the end of its opening handshake, and drops them; calls
/// `measuring` when counting begins.
///
/// They end with a reset, so that no port is kept waiting.
///
/// # Errors
///
/// When a connection is refused or its handshake fails.
pub fn connect(plan: &ConnectPlan, measuring: impl FnOnce()) -> io::Result<Report> {
    let start = Instant::now() + plan.warm_up;
    let end = start + plan.measure;
    let work = || -> io::Result<(u64, Histogram)> {
        let (mut connections, mut latency) = (0, Histogram::default());
        loop {
            let began = Instant::now();
            if began >= end {
                return Ok((connections, latency));
            }
            let stream = handshake::open(&plan.dialer, Deflate::Off)?;
            let now = Instant::now();
            epoll::reset_on_close(&stream)?;
            if now >= start && now < end {
                connections += 1;
                latency.record((now - began).as_nanos() as u64, 1);
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.in_flight).map(|_| scope.spawn(work)).collect();
        thread::sleep(start.saturating_duration_since(Instant::now()));
        measuring();
        let mut counted = Counted::default();
        for thread in threads {
            let (connections, latency) =
                thread.join().map_err(|_| io::Error::other("a thread panicked"))??;
            counted.messages += connections;
            counted.latency.add(&latency);
        }
        Ok(counted.report(start))
    })
}
