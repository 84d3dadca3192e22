//! The store behind the hub: a `MemoryBroker` that is slow, fails now and then, and outlives the hub or not.
//! What is stored is noted: that is the truth that clients are held to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use everwire_hub::broker::{
    Beginning, Broker, BrokerError, History as Page, Listener, MemoryBroker, Pending, Published,
};
use everwire_hub::log::{Draft, Entry, HistoryLimits, Suffix};
use everwire_proto::{Epoch, GapReason, Name, Position, SubscribeFrom, Topic};
use everwire_testkit::Dice;
use tokio::time::sleep;

use crate::payload;
use crate::truth::{At, Truth};

/// How well a store works.
#[derive(Debug, Clone)]
pub(crate) struct StoreManner {
    /// How long an operation takes at the most, in milliseconds.
    pub(crate) delay: usize,
    /// Once in so many times it is not available; never if none.
    pub(crate) fails: Option<usize>,
}

type Limits = Arc<dyn Fn(&Topic) -> HistoryLimits + Send + Sync>;

/// The store; clones are the same.
#[derive(Clone)]
pub(crate) struct Store(Arc<State>);

struct State {
    limits: Limits,
    manner: StoreManner,
    pub(crate) truth: Arc<Mutex<Truth>>,
    dice: Mutex<Dice>,
    /// The logs there are now.
    broker: Mutex<Arc<MemoryBroker>>,
    nodes: Mutex<BTreeMap<usize, Following>>,
}

/// A hub that is up, and what it follows.
#[derive(Default)]
struct Following {
    listener: Option<Arc<dyn Listener>>,
    topics: BTreeSet<Topic>,
}

impl Store {
    pub(crate) fn new(
        seed: u64,
        manner: StoreManner,
        truth: Arc<Mutex<Truth>>,
        limits: impl Fn(&Topic) -> HistoryLimits + Send + Sync + 'static,
    ) -> Self {
        let store = Self(Arc::new(State {
            limits: Arc::new(limits),
            manner,
            truth,
            dice: Mutex::new(Dice::new(seed ^ 0x0570_4E00)),
            broker: Mutex::new(Arc::new(MemoryBroker::new())),
            nodes: Mutex::default(),
        }));
        store.lose();
        store
    }

    /// All that is stored is lost: new logs begin.
    pub(crate) fn lose(&self) {
        let limits = self.0.limits.clone();
        let broker = Arc::new(MemoryBroker::new().limits(move |topic| limits(topic)));
        broker.attach(Arc::new(Forward(Arc::downgrade(&self.0))));
        *self.0.broker.lock().unwrap() = broker;
        self.0.truth.lock().unwrap().lose();
    }

    /// The broker of a hub, for as long as `is_up`.
    pub(crate) fn broker(&self, node: usize, is_up: Arc<AtomicBool>) -> NodeBroker {
        NodeBroker { store: self.0.clone(), node, is_up }
    }

    /// A hub is gone.
    pub(crate) fn forget(&self, node: usize) {
        self.0.nodes.lock().unwrap().remove(&node);
    }

    /// Publications may be missed: hubs are told, and nothing more until they follow anew.
    pub(crate) fn lose_track(&self) {
        let lost: Vec<_> = {
            let mut nodes = self.0.nodes.lock().unwrap();
            let all = nodes.values_mut();
            all.map(|node| (node.listener.clone(), std::mem::take(&mut node.topics))).collect()
        };
        for (listener, topics) in lost {
            let Some(listener) = listener else { continue };
            topics.iter().for_each(|topic| listener.lost(topic));
        }
    }
}

/// Hands publications to the hubs that follow their topic.
struct Forward(Weak<State>);

impl Forward {
    fn tell(&self, topic: &Topic, tell: impl Fn(&dyn Listener)) {
        let Some(store) = self.0.upgrade() else { return };
        let listeners: Vec<_> = {
            let nodes = store.nodes.lock().unwrap();
            let following = nodes.values().filter(|node| node.topics.contains(topic));
            following.filter_map(|node| node.listener.clone()).collect()
        };
        listeners.iter().for_each(|listener| tell(&**listener));
    }
}

impl Listener for Forward {
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>) {
        self.tell(topic, |listener| listener.deliver(topic, epoch, publication));
    }

    fn lost(&self, topic: &Topic) {
        self.tell(topic, |listener| listener.lost(topic));
    }
}

/// The store as a hub sees it. Once the hub is down nothing that it does has an effect.
pub(crate) struct NodeBroker {
    store: Arc<State>,
    node: usize,
    is_up: Arc<AtomicBool>,
}

impl NodeBroker {
    /// The logs, after some time, unless the hub has gone or the store is not available.
    async fn reach(&self) -> Result<Arc<MemoryBroker>, BrokerError> {
        self.wait().await;
        let fails = self.store.manner.fails;
        if fails.is_some_and(|times| self.dice().one_in(times)) {
            return Err(BrokerError::Unavailable("the simulation says so".into()));
        }
        Ok(self.store.broker.lock().unwrap().clone())
    }

    async fn wait(&self) {
        let delay = {
            let mut dice = self.dice();
            // Often at once, as a store in memory does.
            if dice.one_in(2) { 0 } else { dice.below(self.store.manner.delay + 1) }
        };
        if delay > 0 {
            sleep(Duration::from_millis(delay as u64)).await;
        }
        if !self.is_up() {
            std::future::pending::<()>().await;
        }
    }

    fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.store.dice.lock().unwrap()
    }
}

impl Broker for NodeBroker {
    fn attach(&self, listener: Arc<dyn Listener>) {
        let following = Following { listener: Some(listener), topics: BTreeSet::new() };
        self.store.nodes.lock().unwrap().insert(self.node, following);
    }

    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>> {
        Box::pin(async move {
            let broker = self.reach().await?;
            if let Some(node) = self.store.nodes.lock().unwrap().get_mut(&self.node) {
                node.topics.insert(topic.clone());
            }
            // Nothing comes between: in memory it is done at once.
            broker.follow(topic).await
        })
    }

    fn unfollow(&self, topic: &Topic) {
        // Other hubs may follow it, so the logs go on to hand everything over.
        if let Some(node) = self.store.nodes.lock().unwrap().get_mut(&self.node) {
            node.topics.remove(topic);
        }
    }

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        Box::pin(async move {
            let broker = self.reach().await?;
            let id = payload::id(&draft.payload);
            let except = draft.except.clone();
            let published = broker.publish(topic, draft).await?;
            let at = At { epoch: published.epoch.clone(), offset: published.offset };
            self.store.truth.lock().unwrap().store(topic, &at, id, except);
            // It is stored; the hub may be gone before it can say so.
            self.wait().await;
            Ok(published)
        })
    }

    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>> {
        Box::pin(async move {
            let beginning = self.reach().await?.begin(topic, client, from).await?;
            self.wait().await;
            Ok(beginning)
        })
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        Box::pin(async move {
            let page = self.reach().await?.read(topic, behind, limit).await?;
            self.wait().await;
            Ok(page)
        })
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<Page, BrokerError>> {
        Box::pin(async move { self.reach().await?.history(topic, before, limit).await })
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        if self.is_up() {
            self.store.broker.lock().unwrap().acknowledge(topic, client, offset);
        }
    }
}

impl fmt::Debug for NodeBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBroker").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}
