//! One connection through a proxy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Toward;
use super::proxy::Network;
use super::stats::LinkStats;
use super::trap::Trap;

/// One connection through a [`FaultProxy`](super::FaultProxy); clones give orders to the same one.
///
/// An order takes effect when the connection's task has its next turn, before any byte that it
/// reads after that. Orders to a connection that has ended change nothing.
#[derive(Debug, Clone)]
pub struct FaultLink(Arc<State>);

#[derive(Debug)]
struct State {
    id: u64,
    network: Arc<Network>,
    order: watch::Sender<Order>,
    trap: Trap,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    delay: Duration,
    stats: LinkStats,
}

/// What is done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Forward,
    Stall,
    Cut,
    Reset,
}

impl FaultLink {
    pub(super) fn new(id: u64, network: Arc<Network>, delay: Duration) -> Self {
        Self(Arc::new(State {
            id,
            network,
            order: watch::Sender::new(Order::Forward),
            trap: Trap::default(),
            tally: Mutex::new(Tally { delay, stats: LinkStats::default() }),
        }))
    }

    /// Its number; connections are counted from 1 as they are accepted.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Ends both sides with a FIN. What was forwarded before still arrives; what either side sends
    /// afterwards is thrown away.
    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    /// Ends both sides with a RST. What was forwarded before may be lost.
    pub fn reset(&self) {
        self.order(Order::Reset);
    }

    /// Reads and writes nothing any more, in either direction, and keeps both sockets open: the
    /// silence of a peer whose cable was pulled. Not even a FIN passes.
    pub fn stall(&self) {
        self.order(Order::Stall);
    }

    /// Ends a [stall](Self::stall): everything that waited passes.
    pub fn resume(&self) {
        self.order(Order::Forward);
    }

    /// From now on holds whatever was read at once for this long before it is passed on. Not for a
    /// steady flow: meanwhile nothing else is read in this direction.
    pub fn delay(&self, delay: Duration) {
        self.tally().delay = delay;
    }

    /// [Cuts](Self::cut) once this many more bytes have gone this way, exactly behind the last of
    /// them. The latest call counts.
    pub fn cut_after(&self, toward: Toward, bytes: u64) {
        self.0.trap.set(toward, bytes);
    }

    /// What has passed until now.
    pub fn stats(&self) -> LinkStats {
        self.tally().stats
    }

    /// An end is final: nothing is resumed behind it.
    fn order(&self, order: Order) {
        self.0.order.send_if_modified(|current| {
            let ends = matches!(current, Order::Cut | Order::Reset);
            let changes = !ends && *current != order;
            if changes {
                *current = order;
            }
            changes
        });
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the task that carries the bytes.
impl FaultLink {
    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.0.order.subscribe()
    }

    pub(super) fn delayed(&self) -> Duration {
        self.tally().delay
    }

    /// How many of `len` bytes pass, and whether the connection ends behind them.
    pub(super) fn let_through(&self, toward: Toward, len: usize) -> (usize, bool) {
        let (pass, own) = self.0.trap.let_through(toward, len);
        let (pass, shared) = self.0.network.trap.let_through(toward, pass);
        (pass, shared || own)
    }

    pub(super) fn count(&self, toward: Toward, bytes: usize) {
        self.tally().stats.count(toward, bytes);
        self.0.network.stats.send_modify(|stats| stats.count(toward, bytes));
    }

    /// It is over for those who look at the proxy.
    pub(super) fn forget(&self) {
        self.0.network.forget(self.0.id);
    }
}
