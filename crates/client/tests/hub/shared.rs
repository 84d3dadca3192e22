//! Logs that several hubs share, as they would in a store of their own.

use std::sync::{Arc, Mutex};

use everwire_client::proto::{Epoch, GapReason, Name, Position, SubscribeFrom, Topic};
use everwire_hub::broker::{
    Beginning, Broker, BrokerError, History, Listener, MemoryBroker, Pending, Published,
};
use everwire_hub::log::{Draft, Entry, Suffix};

/// One broker, and every hub that was made with a clone of it.
#[derive(Debug, Clone)]
pub(crate) struct SharedBroker {
    broker: Arc<MemoryBroker>,
    hubs: Arc<Hubs>,
}

#[derive(Default)]
struct Hubs(Mutex<Vec<Arc<dyn Listener>>>);

impl SharedBroker {
    pub(crate) fn new() -> Self {
        let (broker, hubs) = (Arc::new(MemoryBroker::new()), Arc::new(Hubs::default()));
        broker.attach(hubs.clone());
        Self { broker, hubs }
    }
}

impl Broker for SharedBroker {
    fn attach(&self, listener: Arc<dyn Listener>) {
        self.hubs.0.lock().unwrap().push(listener);
    }

    fn follow<'a>(&'a self, topic: &'a Topic) -> Pending<'a, Result<Position, BrokerError>> {
        self.broker.follow(topic)
    }

    fn unfollow(&self, _: &Topic) {
        // Another hub may follow it.
    }

    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        draft: Draft,
    ) -> Pending<'a, Result<Published, BrokerError>> {
        self.broker.publish(topic, draft)
    }

    fn begin<'a>(
        &'a self,
        topic: &'a Topic,
        client: &'a Name,
        from: &'a SubscribeFrom,
    ) -> Pending<'a, Result<Beginning, BrokerError>> {
        self.broker.begin(topic, client, from)
    }

    fn read<'a>(
        &'a self,
        topic: &'a Topic,
        behind: &'a Position,
        limit: usize,
    ) -> Pending<'a, Result<Result<Suffix, GapReason>, BrokerError>> {
        self.broker.read(topic, behind, limit)
    }

    fn history<'a>(
        &'a self,
        topic: &'a Topic,
        before: u64,
        limit: usize,
    ) -> Pending<'a, Result<History, BrokerError>> {
        self.broker.history(topic, before, limit)
    }

    fn acknowledge(&self, topic: &Topic, client: &Name, offset: u64) {
        self.broker.acknowledge(topic, client, offset);
    }
}

impl Listener for Hubs {
    fn deliver(&self, topic: &Topic, epoch: &Epoch, publication: &Arc<Entry>) {
        for hub in &*self.0.lock().unwrap() {
            hub.deliver(topic, epoch, publication);
        }
    }

    fn lost(&self, topic: &Topic) {
        for hub in &*self.0.lock().unwrap() {
            hub.lost(topic);
        }
    }
}

impl std::fmt::Debug for Hubs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hubs")
    }
}
