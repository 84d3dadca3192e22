//! What everybody in a simulation shares.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire_testkit::Dice;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::checks::{Fates, Messages, Sessions};
use crate::history::History;
use crate::network::Network;
use crate::scenario::Scenario;
use crate::store::Store;
use crate::truth::Truth;

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Things go wrong.
    Chaos,
    /// Nothing goes wrong any more, and nobody asks for anything new.
    Calm,
    /// Clients go.
    Over,
}

/// What everybody shares.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) history: History,
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) truth: Arc<Mutex<Truth>>,
    pub(crate) fates: Mutex<Fates>,
    pub(crate) messages: Mutex<Messages>,
    pub(crate) sessions: Mutex<Sessions>,
    phase: watch::Sender<Phase>,
    last_id: AtomicU64,
    /// Whether endpoints may panic and dawdle.
    pub(crate) is_wild: AtomicBool,
}

impl World {
    pub(crate) fn new(scenario: Scenario, is_shown: bool) -> Arc<Self> {
        let seed = scenario.seed;
        let truth = Arc::new(Mutex::new(Truth::default()));
        let topics = scenario.topics.clone();
        let limits = move |topic: &everwire_proto::Topic| {
            let plan = topics.iter().find(|plan| plan.topic == *topic);
            plan.map_or_else(<_>::default, |plan| plan.limits())
        };
        Arc::new(Self {
            history: History::new(is_shown),
            network: Network::new(seed, scenario.network.clone()),
            store: Store::new(seed, scenario.store.clone(), truth.clone(), limits),
            truth,
            fates: Mutex::default(),
            messages: Mutex::default(),
            sessions: Mutex::default(),
            phase: watch::Sender::new(Phase::Chaos),
            last_id: AtomicU64::new(0),
            is_wild: AtomicBool::new(true),
            scenario,
        })
    }

    /// A number that nothing else has.
    pub(crate) fn draw_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Dice for one purpose, whose throws change nothing elsewhere.
    pub(crate) fn dice(&self, purpose: u64) -> Dice {
        Dice::new(self.scenario.seed.wrapping_mul(1_000_003) ^ purpose)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.history.note("world", format_args!("{phase:?}"));
        if phase > Phase::Chaos {
            self.is_wild.store(false, Ordering::Relaxed);
        }
        self.phase.send_replace(phase);
    }

    /// Waits until it is this phase, or a later one.
    pub(crate) async fn reach(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Waits at most this long, in milliseconds.
    pub(crate) async fn dawdle(&self, dice: &mut Dice, most: usize) {
        let millis = dice.below(most + 1) as u64;
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
    }
}
