//! A client's way to the hub, which fails again and again.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everwire_fault::{FaultLink, FaultProxy};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::args::Jitter;
use super::dice::Dice;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Both sides get a RST.
    Reset,
    /// Nothing passes any more, and nobody is told.
    Silence,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Reset, Self::Silence];

    fn other(self) -> Self {
        match self {
            Self::Reset => Self::Silence,
            Self::Silence => Self::Reset,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Silence => "silence",
        })
    }
}

/// A proxy of its own for one client, so that cuts and refusals are its alone.
#[derive(Debug)]
pub(super) struct Way {
    proxy: Arc<FaultProxy>,
    record: Arc<Mutex<Record>>,
    failing: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Record {
    cuts: Vec<Kind>,
    /// The latest cut, until the client is back.
    down: Option<(Kind, Instant)>,
}

impl Way {
    pub(super) async fn open(hub: SocketAddr) -> io::Result<Self> {
        let proxy = Arc::new(FaultProxy::start(hub).await?);
        Ok(Self { proxy, record: Arc::default(), failing: None })
    }

    /// Where the client connects, instead of to the hub.
    pub(super) fn addr(&self) -> SocketAddr {
        self.proxy.addr()
    }

    /// From now on it fails, until the way is dropped.
    pub(super) fn fail(&mut self, args: &Jitter, dice: Dice) {
        let (cut_every, refuse) = (args.cut_every, args.refuse);
        let task = fail(self.proxy.clone(), self.record.clone(), dice, cut_every, refuse);
        self.failing = Some(tokio::spawn(task));
    }

    /// The client is back. If it was cut: how, and how long ago.
    pub(super) fn back(&self) -> Option<(Kind, Duration)> {
        let (kind, since) = lock(&self.record).down.take()?;
        Some((kind, since.elapsed()))
    }

    /// How often it was cut in this way.
    pub(super) fn cuts(&self, kind: Kind) -> u64 {
        lock(&self.record).cuts.iter().filter(|&&cut| cut == kind).count() as u64
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(failing) = &self.failing {
            failing.abort();
        }
    }
}

async fn fail(
    proxy: Arc<FaultProxy>,
    record: Arc<Mutex<Record>>,
    mut dice: Dice,
    cut_every: Duration,
    refuse: Duration,
) {
    let mut kind = if dice.next() < 0.5 { Kind::Reset } else { Kind::Silence };
    let mut silent: Vec<FaultLink> = Vec::new();
    // Clients are not cut all at once: the first time comes anywhere in its span.
    let mut wait = cut_every.mul_f64(dice.next());
    loop {
        sleep(wait).await;
        proxy.refuse(refuse).await;
        {
            let mut record = lock(&record);
            record.cuts.push(kind);
            record.down = Some((kind, Instant::now()));
        }
        // Whoever went silent is gone for good, as after a while with any network.
        silent.drain(..).for_each(|link| link.reset());
        match kind {
            Kind::Reset => proxy.reset(),
            Kind::Silence => {
                silent = proxy.links();
                proxy.stall();
            }
        }
        kind = kind.other();
        wait = cut_every.mul_f64(0.5 + dice.next());
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
