//! A hub that is up, until it crashes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire::Acceptor;
use everwire_hub::Hub;
use everwire_hub::presence::MemoryPresence;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::attendance::Attendance;
use crate::endpoint::Application;
use crate::network::{BACKLOG, Door, End, Way};
use crate::world::World;

/// How the hub goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Its process is killed: clients are told.
    Killed,
    /// Its machine loses power: clients hear nothing any more.
    PowerCut,
}

/// A hub that is up.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) hub: Hub,
    pub(crate) presence: Arc<MemoryPresence>,
    is_up: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
    /// The tasks that serve connections, with whose they are.
    serving: Arc<Mutex<Vec<(usize, AbortHandle)>>>,
}

impl Node {
    /// A hub begins, and takes connections.
    pub(crate) fn start(world: &Arc<World>, number: usize) -> Self {
        world.history.note("hub", format_args!("{number} starts"));
        let is_up = Arc::new(AtomicBool::new(true));
        let config = world.scenario.hub_config();
        let presence = Arc::new(MemoryPresence::new(config.presence.clone()));
        let hub = Hub::builder()
            .config(config)
            .broker(world.store.broker(is_up.clone()))
            .presence(Attendance::new(world.clone(), number, presence.clone(), is_up.clone()))
            .endpoint("/", Application::new(world.clone(), number, is_up.clone()))
            .expect("a legal path")
            .build();
        let (door, knocking) = mpsc::channel(BACKLOG);
        world.network.set_door(Door::Open(door));
        let serving = Arc::new(Mutex::new(Vec::new()));
        let acceptor = hub.acceptor(&Acceptor::new().config(world.scenario.socket_config()));
        let accepting = tokio::spawn(accept(hub.clone(), acceptor, knocking, serving.clone()));
        Self { number, hub, presence, is_up, accepting, serving }
    }

    /// It is gone, with everything in its memory.
    pub(crate) async fn crash(self, world: &World, how: Crash) {
        world.history.note("hub", format_args!("{} crashes: {how:?}", self.number));
        self.is_up.store(false, Ordering::Relaxed);
        world.sessions.lock().unwrap().crash(self.number);
        for wire in world.network.all_wires() {
            match how {
                Crash::Killed => wire.reset(),
                Crash::PowerCut => wire.die(Way::Both),
            }
        }
        world.network.set_door(match how {
            Crash::Killed => Door::Closed,
            Crash::PowerCut => Door::Gone,
        });
        self.accepting.abort();
        let _ = self.accepting.await;
    }

    /// The application stops serving a client's connections.
    pub(crate) fn abandon(&self, client: usize) {
        let serving = self.serving.lock().unwrap();
        serving.iter().filter(|(whose, _)| *whose == client).for_each(|(_, task)| task.abort());
    }

    /// Waits until there are no sessions any more, for this long at the most.
    pub(crate) async fn empty(&self, patience: Duration) -> Result<(), String> {
        let waiting = async {
            while self.hub.sessions() > 0 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let left = || format!("{} sessions never end", self.hub.sessions());
        tokio::time::timeout(patience, waiting).await.map_err(|_| left())
    }
}

/// Takes connections until the task is aborted; those that are served end with it.
async fn accept(
    hub: Hub,
    acceptor: Acceptor,
    mut knocking: mpsc::Receiver<(usize, End)>,
    serving: Arc<Mutex<Vec<(usize, AbortHandle)>>>,
) {
    let mut connections = JoinSet::new();
    while let Some((client, stream)) = knocking.recv().await {
        while connections.try_join_next().is_some() {}
        let (hub, acceptor) = (hub.clone(), acceptor.clone());
        let task = connections.spawn(async move {
            let Ok(pending) = acceptor.read_request(stream).await else { return };
            // One that is not let in was answered.
            let _ = hub.accept(pending).await;
        });
        let mut serving = serving.lock().unwrap();
        serving.retain(|(_, task)| !task.is_finished());
        serving.push((client, task));
    }
}
