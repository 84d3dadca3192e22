//! A store of presence, a clock moved by hand, and everything that was told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use everwire_hub::presence::{Presence, PresenceError, PresenceListener, Who};
use everwire_proto::{
    JsonText, MemberChange, Members, Name, PresenceChange, Topic, UserState, UserStatus,
};

/// A store and who listens to it. A test is told of one line for each thing that happened.
pub(crate) struct Stage<P: Presence> {
    pub(crate) presence: P,
    told: Arc<Told>,
    pub(crate) now: Cell<u64>,
}

/// What was told since somebody looked, and the last version of each topic.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    versions: Mutex<BTreeMap<Topic, u64>>,
}

impl PresenceListener for Told {
    fn changed(&self, topic: &Topic, change: PresenceChange) {
        let mut versions = self.versions.lock().unwrap();
        let mut lines = self.lines.lock().unwrap();
        match change.change {
            MemberChange::Count(count) => {
                assert_eq!(versions.get(topic), Some(&change.version), "a count of the past");
                lines.push(format!("{topic}: {count}"));
            }
            MemberChange::List { join, leave } => {
                let last = versions.insert(topic.clone(), change.version);
                assert!(last.is_none_or(|last| change.version == last + 1), "a hole in versions");
                for member in join {
                    lines.push(format!("{topic} + {}/{}", member.user, member.session));
                }
                for gone in leave {
                    let (user, session, seen) = (gone.user, gone.session, gone.seen);
                    lines.push(format!("{topic} - {user}/{session} seen {seen}"));
                }
            }
        }
    }

    fn status(&self, user: &Name, state: UserState) {
        self.lines.lock().unwrap().push(format!("{user} {}", show(&state)));
    }

    fn lost(&self, topic: &Topic) {
        panic!("{topic} was lost");
    }
}

impl<P: Presence> Stage<P> {
    /// Time begins at 0, and the topics `red` and `blue` are followed.
    pub(crate) async fn new(presence: P) -> Self {
        let told = Arc::new(Told::default());
        presence.attach(told.clone());
        let stage = Self { presence, told, now: Cell::new(0) };
        stage.follow("red").await;
        stage.follow("blue").await;
        stage
    }

    pub(crate) async fn follow(&self, topic: &str) {
        self.presence.follow(self.now.get(), &named(topic)).await.unwrap();
    }

    /// Moves the clock on, a second at a time, as a node does.
    pub(crate) async fn wait(&self, seconds: u64) {
        for _ in 0..seconds {
            self.now.set(self.now.get() + 1_000);
            self.expire().await;
        }
    }

    pub(crate) async fn expire(&self) {
        self.presence.expire(self.now.get()).await.unwrap();
    }

    pub(crate) async fn enter(&self, name: &str) {
        self.presence.enter(self.now.get(), &who(name)).await.unwrap();
    }

    pub(crate) async fn join(&self, topic: &str, name: &str) -> Result<(), PresenceError> {
        self.presence.join(self.now.get(), &named(topic), &who(name), None).await
    }

    pub(crate) async fn join_as(&self, topic: &str, name: &str, info: &str) {
        let info = JsonText::of(info).ok();
        self.presence.join(self.now.get(), &named(topic), &who(name), info).await.unwrap();
    }

    /// Enters and joins.
    pub(crate) async fn come(&self, topic: &str, name: &str) {
        self.enter(name).await;
        self.join(topic, name).await.unwrap();
    }

    pub(crate) async fn leave(&self, topic: &str, name: &str) {
        self.presence.leave(self.now.get(), &named(topic), &who(name)).await.unwrap();
    }

    /// Whether the session is still known, here and in all its topics.
    pub(crate) async fn renew(&self, name: &str) -> bool {
        match self.presence.renew(self.now.get(), &who(name)).await {
            Err(PresenceError::Forgotten) => false,
            renewed => renewed.map(|()| true).unwrap(),
        }
    }

    pub(crate) async fn away(&self, name: &str, away: bool) {
        self.presence.set_away(self.now.get(), &who(name), away).await.unwrap();
    }

    pub(crate) async fn depart(&self, name: &str) {
        self.presence.depart(self.now.get(), &who(name)).await.unwrap();
    }

    pub(crate) async fn farewell(&self, name: &str) {
        self.presence.farewell(self.now.get(), &who(name)).await.unwrap();
    }

    /// What was told since this was called last, without counts.
    pub(crate) fn told(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.told.lines.lock().unwrap());
        lines.into_iter().filter(|line| !is_count(line)).collect()
    }

    /// The counts that were told since this or `told` was called last.
    pub(crate) fn counts(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.told.lines.lock().unwrap());
        lines.into_iter().filter(|line| is_count(line)).collect()
    }

    /// Who is in a topic, and its version. The count says the same.
    pub(crate) async fn list(&self, topic: &str) -> (u64, Vec<String>) {
        let list = self.presence.list(&named(topic)).await.unwrap();
        let count = self.presence.count(&named(topic)).await.unwrap();
        let Members::List(members) = list.members else { panic!("asked for a list") };
        assert_eq!(count.members, Members::Count(members.len() as u64));
        assert_eq!(count.version, list.version);
        let name = |member: &everwire_proto::Member| format!("{}/{}", member.user, member.session);
        (list.version, members.iter().map(name).collect())
    }

    pub(crate) async fn members(&self, topic: &str) -> Vec<String> {
        self.list(topic).await.1
    }

    pub(crate) async fn status(&self, user: &str) -> String {
        let states = self.presence.status(&[Name::new(user).unwrap()]).await.unwrap();
        assert_eq!(states.len(), 1);
        show(&states[0])
    }
}

pub(crate) fn who(name: &str) -> Who {
    let (user, session) = name.split_once('/').unwrap();
    Who { user: Name::new(user).unwrap(), session: Name::new(session).unwrap() }
}

pub(crate) fn named(topic: &str) -> Topic {
    Topic::new(topic).unwrap()
}

fn show(state: &UserState) -> String {
    match (state.since, state.seen) {
        (Some(since), None) => format!("{} since {since}", state.status),
        (None, Some(seen)) => format!("{} seen {seen}", state.status),
        _ => {
            assert_eq!(state.status, UserStatus::Unknown);
            state.status.to_string()
        }
    }
}

fn is_count(line: &str) -> bool {
    line.contains(": ")
}
