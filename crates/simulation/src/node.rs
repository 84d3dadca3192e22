//! A hub that is up, until it crashes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire::{Acceptor, Shutdown};
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
    counting: JoinHandle<()>,
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
            .broker(world.store.broker(number, is_up.clone()))
            .presence(Attendance::new(world.clone(), number, presence.clone(), is_up.clone()))
            .endpoint("/", Application::new(world.clone(), number, is_up.clone()))
            .expect("a legal path")
            .build();
        let (door, knocking) = mpsc::channel(BACKLOG);
        world.network.set_door(Door::Open(door));
        let serving = Arc::new(Mutex::new(Vec::new()));
        let acceptor = hub.acceptor(&Acceptor::new().config(world.scenario.socket_config()));
        let accepting = tokio::spawn(accept(hub.clone(), acceptor, knocking, serving.clone()));
        let counting = tokio::spawn(count(world.clone(), hub.clone()));
        Self { number, hub, presence, is_up, accepting, counting, serving }
    }

    /// It sees everybody off; there is another one already.
    pub(crate) async fn leave(self, world: &World, window: Duration) {
        world.history.note("hub", format_args!("{} goes", self.number));
        let mut plan = Shutdown::default();
        plan.window = window;
        plan.deadline = window + Duration::from_secs(2);
        plan.retry_after = Some(Duration::ZERO..=Duration::from_millis(500));
        let report = self.hub.shut_down(&plan).await;
        world.history.note("hub", format_args!("{} has gone: {report:?}", self.number));
        if self.hub.sessions() > 0 {
            world.history.wrong(format_args!("{} sessions outlive their hub", self.hub.sessions()));
        }
        self.accepting.abort();
        let _ = self.accepting.await;
        self.counting.abort();
        self.is_up.store(false, Ordering::Relaxed);
        world.store.forget(self.number);
    }

    /// It is gone, with everything in its memory.
    pub(crate) async fn crash(self, world: &World, how: Crash) {
        world.history.note("hub", format_args!("{} crashes: {how:?}", self.number));
        self.is_up.store(false, Ordering::Relaxed);
        world.sessions.lock().unwrap().crash(self.number);
        world.store.forget(self.number);
        self.counting.abort();
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

/// Looks now and then whether what became of publications adds up.
async fn count(world: Arc<World>, hub: Hub) {
    loop {
        sleep(Duration::from_millis(370)).await;
        for plan in &world.scenario.topics {
            let Some(counters) = hub.counters(&plan.topic) else { continue };
            let known = counters.delivered + counters.dropped + counters.left + counters.pending;
            if counters.due != known {
                world.history.wrong(format_args!("{}: {counters:?}", plan.topic));
            }
        }
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
    // Nobody comes any more; those who are here stay.
    while connections.join_next().await.is_some() {}
}
