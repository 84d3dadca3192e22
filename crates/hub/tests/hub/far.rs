//! A presence on the other side of a network, whose answers take their time.

use std::sync::Arc;

use everwire_hub::broker::Pending;
use everwire_hub::presence::{
    MemoryPresence, Presence, PresenceError, PresenceLimits, PresenceListener, Who,
};
use everwire_hub::proto::{JsonText, Name, PresenceState, Topic, UserState};
use everwire_hub::{Hub, HubConfig};
use serde_json::json;
use tokio::sync::Notify;

use crate::stage::{Open, Stage, settle, soon};

type Answer<'a, T> = Pending<'a, Result<T, PresenceError>>;

/// Clones are the same store.
#[derive(Debug, Clone)]
struct Far(Arc<Store>);

#[derive(Debug)]
struct Store {
    presence: MemoryPresence,
    /// Somebody asks for a renewal.
    asked: Notify,
    /// It is dealt with.
    go_on: Notify,
}

impl Presence for Far {
    fn attach(&self, listener: Arc<dyn PresenceListener>) {
        self.0.presence.attach(listener);
    }

    fn enter<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        self.0.presence.enter(now, who)
    }

    fn join<'a>(
        &'a self,
        now: u64,
        topic: &'a Topic,
        who: &'a Who,
        info: Option<JsonText>,
    ) -> Answer<'a, ()> {
        self.0.presence.join(now, topic, who, info)
    }

    fn leave<'a>(&'a self, now: u64, topic: &'a Topic, who: &'a Who) -> Answer<'a, ()> {
        self.0.presence.leave(now, topic, who)
    }

    fn renew<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.0.asked.notify_one();
            self.0.go_on.notified().await;
            self.0.presence.renew(now, who).await
        })
    }

    fn set_away<'a>(&'a self, now: u64, who: &'a Who, away: bool) -> Answer<'a, ()> {
        self.0.presence.set_away(now, who, away)
    }

    fn depart<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        self.0.presence.depart(now, who)
    }

    fn farewell<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        self.0.presence.farewell(now, who)
    }

    fn follow<'a>(&'a self, now: u64, topic: &'a Topic) -> Answer<'a, ()> {
        self.0.presence.follow(now, topic)
    }

    fn unfollow(&self, topic: &Topic) {
        self.0.presence.unfollow(topic);
    }

    fn list<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        self.0.presence.list(topic)
    }

    fn count<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        self.0.presence.count(topic)
    }

    fn status<'a>(&'a self, users: &'a [Name]) -> Answer<'a, Vec<UserState>> {
        self.0.presence.status(users)
    }

    fn expire(&self, now: u64) -> Answer<'_, ()> {
        self.0.presence.expire(now)
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_while_it_is_renewed_is_gone() {
    let presence = MemoryPresence::new(PresenceLimits::default());
    let store = Store { presence, asked: Notify::new(), go_on: Notify::new() };
    let far = Far(Arc::new(store));
    let mut stage = Stage::new();
    let hub = Hub::builder().config(HubConfig::default()).presence(far.clone());
    stage.hub = hub.endpoint("/chat/{room}", Open::default()).unwrap().build();

    let (mut ada, _) = stage.connect(json!({ "token": "ada" })).await;
    soon(far.0.asked.notified()).await;
    ada.socket.close(everwire::CloseReason::new(everwire::CloseCode::NORMAL, "").ok()).await;
    settle().await;
    assert_eq!(far.0.presence.sessions(), 0);
    far.0.go_on.notify_one();
    settle().await;
    assert_eq!(far.0.presence.sessions(), 0);
}
