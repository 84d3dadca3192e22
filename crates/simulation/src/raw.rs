//! Clients that speak nothing of the hub's language.

use std::sync::Arc;
use std::time::Duration;

use everwire::Connector;
use everwire_testkit::Dice;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::world::{Phase, World};

/// Raw clients, each over one connection after another.
pub(crate) struct Raws {
    tasks: JoinSet<()>,
}

/// Begins those of the scenario; they are numbered behind the others.
pub(crate) fn start(world: &Arc<World>) -> Raws {
    let mut tasks = JoinSet::new();
    for number in 0..world.scenario.raw_clients {
        let number = world.scenario.clients.len() + number;
        let dice = world.dice(0x4A30 + number as u64);
        tasks.spawn(run(world.clone(), number, dice));
    }
    Raws { tasks }
}

impl Raws {
    /// Waits until all of them are gone.
    pub(crate) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn run(world: Arc<World>, number: usize, mut dice: Dice) {
    while world.phase() < Phase::Over {
        let connection =
            timeout(Duration::from_secs(3), connect_and_talk(&world, number, &mut dice));
        let _ = connection.await;
        sleep(Duration::from_millis(100)).await;
    }
}

/// Says numbers and hears them again, in order, until the connection breaks or it is over.
async fn connect_and_talk(world: &World, number: usize, dice: &mut Dice) {
    let Ok(stream) = world.network.connect(number).await else { return };
    let connector = Connector::new().config(world.scenario.socket_config());
    let Ok(mut socket) = connector.handshake_over(stream, "ws://hub/?token=raw").await else {
        return;
    };
    let who = format!("raw {number}");
    for said in 1_u64.. {
        let text = format!("{said}");
        if world.phase() == Phase::Over || socket.send(text.clone()).await.is_err() {
            return;
        }
        let Some(heard) = socket.recv().await else { return };
        if heard.as_text() != Some(&text) {
            world.history.wrong(format_args!("{who}: {heard:?} is no answer to {text}"));
        }
        world.history.count("raw");
        sleep(Duration::from_millis(1 + dice.below(400) as u64)).await;
    }
}
