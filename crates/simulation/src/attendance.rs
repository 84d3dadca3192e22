//! The presence of a hub: a `MemoryPresence` that takes its time, and whose word is checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use everwire_hub::presence::{Answer, MemoryPresence, Presence, PresenceListener, Who};
use everwire_proto::{JsonText, Name, PresenceChange, PresenceState, Topic, UserState};
use everwire_testkit::Dice;

use crate::checks::Roster;
use crate::world::World;

/// The presence of one hub.
pub(crate) struct Attendance {
    world: Arc<World>,
    hub: usize,
    presence: Arc<MemoryPresence>,
    is_up: Arc<AtomicBool>,
    dice: Mutex<Dice>,
    /// The topics that are followed.
    rosters: Rosters,
}

type Rosters = Arc<Mutex<BTreeMap<Topic, Roster>>>;

impl Attendance {
    pub(crate) fn new(
        world: Arc<World>,
        hub: usize,
        presence: Arc<MemoryPresence>,
        is_up: Arc<AtomicBool>,
    ) -> Self {
        let dice = Mutex::new(world.dice(0xA77E + hub as u64));
        Self { world, hub, presence, is_up, dice, rosters: Rosters::default() }
    }

    /// As slow as the store, which may be the same.
    async fn wait(&self) {
        let most = self.world.scenario.store.delay;
        if most > 0 && self.is_up.load(Ordering::Relaxed) {
            let mut dice = Dice::new(self.dice.lock().unwrap().next_u64());
            if dice.one_in(2) {
                self.world.dawdle(&mut dice, most).await;
            }
        }
    }
}

impl Presence for Attendance {
    fn attach(&self, listener: Arc<dyn PresenceListener>) {
        let (world, hub, rosters) = (self.world.clone(), self.hub, self.rosters.clone());
        self.presence.attach(Arc::new(Witness { world, hub, listener, rosters }));
    }

    fn enter<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            self.presence.enter(now, who).await
        })
    }

    fn join<'a>(
        &'a self,
        now: u64,
        topic: &'a Topic,
        who: &'a Who,
        info: Option<JsonText>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::join(&*self.presence, now, topic, who, info).await
        })
    }

    fn leave<'a>(&'a self, now: u64, topic: &'a Topic, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::leave(&*self.presence, now, topic, who).await
        })
    }

    fn renew<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::renew(&*self.presence, now, who).await
        })
    }

    fn set_away<'a>(&'a self, now: u64, who: &'a Who, away: bool) -> Answer<'a, ()> {
        self.presence.set_away(now, who, away)
    }

    fn depart<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::depart(&*self.presence, now, who).await
        })
    }

    fn farewell<'a>(&'a self, now: u64, who: &'a Who) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::farewell(&*self.presence, now, who).await
        })
    }

    fn follow<'a>(&'a self, now: u64, topic: &'a Topic) -> Answer<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            Presence::follow(&*self.presence, now, topic).await?;
            let listed = self.presence.list(topic).await?;
            let mut rosters = self.rosters.lock().unwrap();
            rosters.entry(topic.clone()).or_insert_with(|| Roster::of(&listed));
            Ok(())
        })
    }

    fn unfollow(&self, topic: &Topic) {
        self.rosters.lock().unwrap().remove(topic);
        Presence::unfollow(&*self.presence, topic);
    }

    fn list<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        Box::pin(async move {
            let listed = self.presence.list(topic).await;
            // The answer is on its way, and changes may overtake it.
            self.wait().await;
            listed
        })
    }

    fn count<'a>(&'a self, topic: &'a Topic) -> Answer<'a, PresenceState> {
        Box::pin(async move {
            let counted = self.presence.count(topic).await;
            self.wait().await;
            counted
        })
    }

    fn status<'a>(&'a self, users: &'a [Name]) -> Answer<'a, Vec<UserState>> {
        self.presence.status(users)
    }

    fn expire(&self, now: u64) -> Answer<'_, ()> {
        Presence::expire(&*self.presence, now)
    }
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendance").field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// Hears what the presence tells the hub.
struct Witness {
    world: Arc<World>,
    hub: usize,
    listener: Arc<dyn PresenceListener>,
    rosters: Rosters,
}

impl PresenceListener for Witness {
    fn changed(&self, topic: &Topic, change: PresenceChange) {
        let mut rosters = self.rosters.lock().unwrap();
        let changed = match rosters.get_mut(topic) {
            Some(roster) => roster.change(&change),
            None => Err("a change of what nobody follows".to_owned()),
        };
        drop(rosters);
        let changed = changed.map_err(|what| format!("presence of {topic}: {what}"));
        self.world.history.note(
            format_args!("hub {}", self.hub),
            format_args!("presence of {topic}, version {}: {:?}", change.version, change.change),
        );
        self.world.history.verdict(changed);
        self.listener.changed(topic, change);
    }

    fn status(&self, user: &Name, state: UserState) {
        self.listener.status(user, state);
    }

    fn lost(&self, topic: &Topic) {
        self.listener.lost(topic);
    }
}
