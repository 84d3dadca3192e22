//! What goes wrong, and when.

use std::sync::Arc;
use std::time::Duration;

use everwire_testkit::Dice;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::network::{Side, Way};
use crate::node::{Crash, Node};
use crate::world::World;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection is reset, and both sides are told.
    Reset,
    /// A connection is reset, and one side is told.
    HalfReset,
    /// A connection goes silent for good, in one direction or in both.
    HalfOpen,
    /// Nothing arrives for a while, in one direction or in both.
    Stall,
    /// A client and the hub are apart for a while.
    Partition,
    /// A client is refused for a while, and what it has is reset.
    Refuse,
    /// The application stops serving a connection.
    Abandon,
    /// The hub's process is killed and begins anew; what is stored stays.
    Restart,
    /// The same, and what is stored is lost.
    RestartEmpty,
    /// The hub's machine loses power and comes back.
    PowerCut,
    /// Another hub takes over, and this one sees its clients off.
    Leave,
    /// The store says that publications may have been missed.
    LoseTrack,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::Reset,
        Self::HalfReset,
        Self::HalfOpen,
        Self::Stall,
        Self::Partition,
        Self::Refuse,
        Self::Abandon,
        Self::Restart,
        Self::RestartEmpty,
        Self::PowerCut,
        Self::Leave,
        Self::LoseTrack,
    ];

    fn crashes_the_hub(self) -> bool {
        matches!(self, Self::Restart | Self::RestartEmpty | Self::PowerCut)
    }

    /// A hub that is down all the time is of no use to anybody.
    fn is_seldom(self) -> bool {
        self.crashes_the_hub() || self == Self::Leave
    }
}

/// The hub that is up, and those that go.
pub(crate) struct Hubs {
    node: Option<Node>,
    number: usize,
    leaving: JoinSet<()>,
}

impl Hubs {
    /// The first hub.
    pub(crate) fn start(world: &Arc<World>) -> Self {
        Self { node: Some(Node::start(world, 1)), number: 1, leaving: JoinSet::new() }
    }

    fn start_next(&mut self, world: &Arc<World>) {
        self.number += 1;
        self.node = Some(Node::start(world, self.number));
    }

    /// The hub crashes and begins anew.
    async fn restart(&mut self, world: &Arc<World>, kind: Kind, span: Duration) {
        let Some(old) = self.node.take() else { return };
        let how = if kind == Kind::PowerCut { Crash::PowerCut } else { Crash::Killed };
        old.crash(world, how).await;
        if kind == Kind::RestartEmpty {
            world.history.note("store", format_args!("is lost"));
            world.store.lose();
            // Another hub that is about to go does not know of the new logs.
            world.store.lose_track();
        }
        sleep(span).await;
        self.start_next(world);
    }

    /// Another hub takes over.
    fn leave(&mut self, world: &Arc<World>, window: Duration) {
        let Some(old) = self.node.take() else { return };
        self.start_next(world);
        let world = world.clone();
        self.leaving.spawn(async move { old.leave(&world, window).await });
    }
}

/// Lets things go wrong until it is dropped.
pub(crate) async fn go_wrong(world: &Arc<World>, hubs: &mut Hubs) {
    let mut dice = world.dice(0xFA17);
    let (faults, calm) = (world.scenario.faults.clone(), world.scenario.calm);
    let clients = world.scenario.clients.len() + world.scenario.raw_clients;
    if faults.is_empty() {
        return std::future::pending().await;
    }
    loop {
        sleep(Duration::from_millis(20 + dice.below(calm) as u64)).await;
        let kind = *dice.pick(&faults);
        if kind.is_seldom() && !dice.one_in(4) {
            continue;
        }
        world.history.count(format!("{kind:?}"));
        let client = dice.below(clients);
        world.history.note("fault", format_args!("{kind:?} of {client}"));
        let span = Duration::from_millis(50 + dice.below(4_000) as u64);
        match kind {
            Kind::Partition => apart(world, client, span, |world| world.network.cut(client)),
            Kind::Refuse => apart(world, client, span, |world| {
                world.network.wires(client).iter().for_each(|wire| wire.reset());
                world.network.refuse(client);
            }),
            Kind::Stall => {
                let way = way(&mut dice);
                apart(world, client, span, |world| {
                    world.network.wires(client).iter().for_each(|wire| wire.stall(way));
                });
            }
            Kind::Abandon => {
                if let Some(node) = &hubs.node {
                    node.abandon(client);
                }
            }
            Kind::Leave => hubs.leave(world, span / 2),
            Kind::LoseTrack => world.store.lose_track(),
            kind if kind.crashes_the_hub() => hubs.restart(world, kind, span).await,
            kind => break_wires(world, client, kind, &mut dice),
        }
    }
}

fn way(dice: &mut Dice) -> Way {
    *dice.pick(&[Way::ToHub, Way::ToClient, Way::Both])
}

/// Something is wrong with a client's way for a while.
fn apart(world: &Arc<World>, client: usize, span: Duration, fail: impl FnOnce(&World)) {
    fail(world);
    let network = world.network.clone();
    tokio::spawn(async move {
        sleep(span).await;
        network.heal(client);
    });
}

/// A client's connections break for good.
fn break_wires(world: &World, client: usize, kind: Kind, dice: &mut Dice) {
    for wire in world.network.wires(client) {
        match kind {
            Kind::Reset => wire.reset(),
            Kind::HalfReset => wire.reset_for(*dice.pick(&[Side::Client, Side::Hub])),
            _ => wire.die(way(dice)),
        }
    }
}

/// Everything is as it should be, but for connections that died. The hub that is up from now on.
pub(crate) async fn heal(world: &Arc<World>, mut hubs: Hubs) -> Node {
    let clients = world.scenario.clients.len() + world.scenario.raw_clients;
    (0..clients).for_each(|client| world.network.heal(client));
    if hubs.node.is_none() {
        hubs.start_next(world);
    }
    while hubs.leaving.join_next().await.is_some() {}
    hubs.node.expect("it is up")
}
