//! The proxy.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use super::link::FaultLink;
use super::stats::Stats;
use super::trap::Trap;
use super::{Toward, pump};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A TCP proxy on 127.0.0.1 between real clients and a real server, which fails on command.
///
/// It passes on bytes as they come, and a FIN or a broken connection to the other side. A client
/// that it cannot connect to the server is reset. Its orders concern all connections that are open
/// at that moment, unless they say otherwise; [`links`](Self::links) has them one by one. Dropping
/// it closes everything.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    network: Arc<Network>,
    refusals: mpsc::Sender<Refusal>,
    task: JoinHandle<()>,
}

/// What the proxy and its connections share.
#[derive(Debug)]
pub(super) struct Network {
    to: SocketAddr,
    pub(super) stats: watch::Sender<Stats>,
    pub(super) trap: Trap,
    links: Mutex<Links>,
}

#[derive(Debug, Default)]
struct Links {
    open: BTreeMap<u64, FaultLink>,
    /// Of connections to come.
    delay: Duration,
}

struct Refusal {
    until: Instant,
    closed: oneshot::Sender<()>,
}

impl FaultProxy {
    /// A proxy to `to` on a port that the system chooses. Needs a tokio runtime.
    pub async fn start(to: SocketAddr) -> io::Result<Self> {
        let place = Place::take()?;
        let listener = place.listen()?;
        let network = Arc::new(Network {
            to,
            stats: watch::Sender::default(),
            trap: Trap::default(),
            links: Mutex::default(),
        });
        let (refusals, refused) = mpsc::channel(1);
        let addr = place.addr;
        let task = tokio::spawn(accept(network.clone(), place, listener, refused));
        Ok(Self { addr, network, refusals, task })
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The connections that are open now, oldest first.
    pub fn links(&self) -> Vec<FaultLink> {
        self.network.links().open.values().cloned().collect()
    }

    /// The open connection with this number.
    pub fn link(&self, id: u64) -> Option<FaultLink> {
        self.network.links().open.get(&id).cloned()
    }

    /// [Cuts](FaultLink::cut) all connections.
    pub fn cut(&self) {
        self.links().iter().for_each(FaultLink::cut);
    }

    /// [Resets](FaultLink::reset) all connections.
    pub fn reset(&self) {
        self.links().iter().for_each(FaultLink::reset);
    }

    /// [Stalls](FaultLink::stall) all connections. New ones are forwarded.
    pub fn stall(&self) {
        self.links().iter().for_each(FaultLink::stall);
    }

    /// [Resumes](FaultLink::resume) all connections.
    pub fn resume(&self) {
        self.links().iter().for_each(FaultLink::resume);
    }

    /// [Delays](FaultLink::delay) all connections, and those to come.
    pub fn delay(&self, delay: Duration) {
        let mut links = self.network.links();
        links.delay = delay;
        links.open.values().for_each(|link| link.delay(delay));
    }

    /// Cuts the connection that carries this way the last of this many more bytes, whichever
    /// carried the others, exactly behind it. It may be one that is yet to come. The latest call
    /// counts.
    pub fn cut_after(&self, toward: Toward, bytes: u64) {
        self.network.trap.set(toward, bytes);
    }

    /// Closes the listening socket: for this long connections are refused, and those that nobody
    /// accepted yet are reset. Open ones stay. Returns once it is closed; the latest call counts.
    pub async fn refuse(&self, duration: Duration) {
        let (closed, is_closed) = oneshot::channel();
        let refusal = Refusal { until: Instant::now() + duration, closed };
        self.refusals.send(refusal).await.expect("the proxy accepts as long as it lives");
        is_closed.await.expect("the proxy accepts as long as it lives");
    }

    /// What was counted until now.
    pub fn stats(&self) -> Stats {
        *self.network.stats.borrow()
    }

    /// Waits until the counters are as the condition wants them.
    pub async fn until(&self, condition: impl FnMut(&Stats) -> bool) -> Stats {
        let mut stats = self.network.stats.subscribe();
        *stats.wait_for(condition).await.expect("we hold the sender")
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections go with the task.
        self.task.abort();
    }
}

impl Network {
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection, open from now on.
    fn link(self: &Arc<Self>) -> FaultLink {
        let mut links = self.links();
        let mut id = 0;
        self.stats.send_modify(|stats| {
            stats.accepted += 1;
            stats.open += 1;
            id = stats.accepted;
        });
        let link = FaultLink::new(id, self.clone(), links.delay);
        links.open.insert(id, link.clone());
        link
    }

    pub(super) fn forget(&self, id: u64) {
        self.links().open.remove(&id);
        self.stats.send_modify(|stats| stats.open -= 1);
    }
}

/// An address that stays ours while nothing listens there.
struct Place {
    addr: SocketAddr,
    /// Bound and never listening: to connect is refused, and nobody else is given the port.
    _held: TcpSocket,
}

impl Place {
    fn take() -> io::Result<Self> {
        let held = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { addr: held.local_addr()?, _held: held })
    }

    fn listen(&self) -> io::Result<TcpListener> {
        bind(self.addr)?.listen(BACKLOG)
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Two sockets may be bound to the port, of which one listens.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

async fn accept(
    network: Arc<Network>,
    place: Place,
    mut listener: TcpListener,
    mut refusals: mpsc::Receiver<Refusal>,
) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    links.spawn(connect(network.link(), client, network.to));
                }
                // A client that left while it waited, or no descriptors: the next may do better.
                Err(_) => yield_now().await,
            },
            Some(_) = links.join_next() => {}
            refusal = refusals.recv() => {
                // The handle is gone, and this task goes with it.
                let Some(refusal) = refusal else { return };
                drop(listener);
                refuse(refusal, &mut refusals).await;
                listener = place.listen().expect("the port was held for us");
            }
        }
    }
}

/// Lets time go by until the latest refusal is over.
async fn refuse(mut refusal: Refusal, more: &mut mpsc::Receiver<Refusal>) {
    loop {
        // Whoever asked may have gone.
        let _ = refusal.closed.send(());
        tokio::select! {
            () = sleep_until(refusal.until) => return,
            Some(next) = more.recv() => refusal = next,
        }
    }
}

async fn connect(link: FaultLink, client: TcpStream, to: SocketAddr) {
    let Ok(server) = TcpStream::connect(to).await else {
        link.forget();
        return pump::reset([client]);
    };
    // Bytes leave as they came.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    pump::run(link, client, server).await;
}
