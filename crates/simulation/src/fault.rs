//! What goes wrong, and when.

use std::sync::Arc;
use std::time::Duration;

use everwire_testkit::Dice;
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
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
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
    ];

    fn crashes_the_hub(self) -> bool {
        matches!(self, Self::Restart | Self::RestartEmpty | Self::PowerCut)
    }
}

/// Lets things go wrong until it is dropped.
pub(crate) async fn go_wrong(world: &Arc<World>, node: &mut Option<Node>) {
    let mut dice = world.dice(0xFA17);
    let (faults, calm) = (world.scenario.faults.clone(), world.scenario.calm);
    let clients = world.scenario.clients.len() + world.scenario.raw_clients;
    if faults.is_empty() {
        return std::future::pending().await;
    }
    loop {
        sleep(Duration::from_millis(20 + dice.below(calm) as u64)).await;
        let kind = *dice.pick(&faults);
        // A hub that is down all the time is of no use to anybody.
        if kind.crashes_the_hub() && !dice.one_in(4) {
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
                if let Some(node) = node {
                    node.abandon(client);
                }
            }
            kind if kind.crashes_the_hub() => restart(world, node, kind, span).await,
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

/// The hub crashes and begins anew.
async fn restart(world: &Arc<World>, node: &mut Option<Node>, kind: Kind, span: Duration) {
    let Some(old) = node.take() else { return };
    let number = old.number;
    let how = if kind == Kind::PowerCut { Crash::PowerCut } else { Crash::Killed };
    old.crash(world, how).await;
    if kind == Kind::RestartEmpty {
        world.history.note("store", format_args!("is lost"));
        world.store.lose();
    }
    sleep(span).await;
    *node = Some(Node::start(world, number + 1));
}

/// Everything is as it should be, but for connections that died.
pub(crate) fn heal(world: &Arc<World>, node: &mut Option<Node>, hubs: usize) {
    let clients = world.scenario.clients.len() + world.scenario.raw_clients;
    (0..clients).for_each(|client| world.network.heal(client));
    if node.is_none() {
        *node = Some(Node::start(world, hubs + 1));
    }
}
