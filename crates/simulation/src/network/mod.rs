//! A network in memory, between clients and a hub, that fails when it is told to.

mod pipe;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use everwire_testkit::Dice;
use tokio::sync::mpsc;
use tokio::time::sleep;

pub(crate) use self::pipe::Manner;
pub(crate) use self::wire::{End, Side, Way, Wire};

/// How long a packet that opens a connection waits before it is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// Connections that wait for the hub to take them.
pub(crate) const BACKLOG: usize = 16;

/// The network; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Network(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    dice: Dice,
    manner: Manner,
    ways: BTreeMap<usize, ClientWay>,
    hub: Door,
}

/// The way between a client and the hub.
#[derive(Debug, Default)]
struct ClientWay {
    wires: Vec<Weak<Wire>>,
    /// Nothing gets through.
    is_cut: bool,
    /// Connections are refused on the way.
    is_refused: bool,
}

/// What connections find at the hub.
#[derive(Debug)]
pub(crate) enum Door {
    /// It takes them; who came, with the connection.
    Open(mpsc::Sender<(usize, End)>),
    /// Its process is not there.
    Closed,
    /// Its machine is not there.
    Gone,
}

impl Network {
    pub(crate) fn new(seed: u64, manner: Manner) -> Self {
        let dice = Dice::new(seed ^ 0x0E17);
        let state = State { dice, manner, ways: BTreeMap::new(), hub: Door::Closed };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A client connects.
    pub(crate) async fn connect(&self, client: usize) -> io::Result<End> {
        let latency = Duration::from_millis(self.lock().manner.latency);
        sleep(latency).await;
        loop {
            if let Some(opened) = self.try_connect(client) {
                sleep(latency).await;
                return opened;
            }
            sleep(AGAIN).await;
        }
    }

    /// What comes of a packet that opens a connection; none if it is lost.
    fn try_connect(&self, client: usize) -> Option<io::Result<End>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let way = state.ways.entry(client).or_default();
        if way.is_cut {
            return None;
        }
        let refused = || Some(Err(io::ErrorKind::ConnectionRefused.into()));
        let door = match &state.hub {
            _ if way.is_refused => return refused(),
            Door::Open(door) => door.clone(),
            Door::Closed => return refused(),
            Door::Gone => return None,
        };
        let manners = [state.manner.clone(), state.manner.clone()];
        let (wire, near, far) = Wire::new(manners, &mut state.dice);
        way.wires.retain(|wire| wire.strong_count() > 0);
        way.wires.push(Arc::downgrade(&wire));
        match door.try_send((client, far)) {
            Ok(()) => Some(Ok(near)),
            Err(_) => refused(),
        }
    }

    /// What connections find at the hub from now on.
    pub(crate) fn set_door(&self, door: Door) {
        self.lock().hub = door;
    }

    /// The connections of a client.
    pub(crate) fn wires(&self, client: usize) -> Vec<Arc<Wire>> {
        let state = self.lock();
        let wires = state.ways.get(&client).into_iter().flat_map(|way| &way.wires);
        wires.filter_map(Weak::upgrade).collect()
    }

    /// All connections.
    pub(crate) fn all_wires(&self) -> Vec<Arc<Wire>> {
        let clients: Vec<usize> = self.lock().ways.keys().copied().collect();
        clients.into_iter().flat_map(|client| self.wires(client)).collect()
    }

    /// Nothing gets through between a client and the hub until it is healed.
    pub(crate) fn cut(&self, client: usize) {
        self.lock().ways.entry(client).or_default().is_cut = true;
        self.wires(client).iter().for_each(|wire| wire.stall(Way::Both));
    }

    /// A client's connections are refused until it is healed.
    pub(crate) fn refuse(&self, client: usize) {
        self.lock().ways.entry(client).or_default().is_refused = true;
    }

    /// A client's way is as it should be, but for connections that died.
    pub(crate) fn heal(&self, client: usize) {
        let mut state = self.lock();
        let way = state.ways.entry(client).or_default();
        (way.is_cut, way.is_refused) = (false, false);
        drop(state);
        self.wires(client).iter().for_each(|wire| wire.go_on());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}
