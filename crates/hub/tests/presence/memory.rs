//! Presence in memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use everwire_hub::presence::{MemoryPresence, Presence, PresenceLimits, PresenceListener};
use everwire_proto::{MemberChange, Members, Name, PresenceChange, Topic, UserState, UserStatus};
use everwire_testkit::Dice;

crate::presence_suite!(MemoryPresence::new(PresenceLimits::default()));

/// The default limits, but for some.
fn limited(set: impl FnOnce(&mut PresenceLimits)) -> MemoryPresence {
    let mut limits = PresenceLimits::default();
    set(&mut limits);
    MemoryPresence::new(limits)
}

#[tokio::test]
async fn a_member_too_many_is_refused_and_goes_on_elsewhere() {
    let stage = Stage::new(limited(|limits| limits.max_members = 1)).await;
    stage.come("red", "ada/desk").await;
    stage.enter("bob/desk").await;
    let refused = stage.join("red", "bob/desk").await.unwrap_err();
    let why = "there are already as many members as `max_members` of 1 allows";
    assert_eq!(refused.to_string(), why);
    stage.join("blue", "bob/desk").await.unwrap();
    assert!(stage.renew("bob/desk").await);
    stage.farewell("ada/desk").await;
    stage.join("red", "bob/desk").await.unwrap();
}

#[tokio::test]
async fn a_topic_too_many_is_refused_until_one_is_empty() {
    let stage = Stage::new(limited(|limits| limits.max_topics = 3)).await;
    stage.come("green", "ada/desk").await;
    let refused = stage.join("black", "ada/desk").await.unwrap_err();
    let why = "there are already as many topics as `max_topics` of 3 allows";
    assert_eq!(refused.to_string(), why);
    assert!(stage.presence.follow(0, &named("black")).await.is_err());
    assert!(stage.renew("ada/desk").await);
    stage.leave("green", "ada/desk").await;
    stage.join("black", "ada/desk").await.unwrap();
}

#[tokio::test]
async fn nothing_is_left_of_those_who_are_gone_but_when_they_were_there() {
    let stage = Stage::new(limited(|limits| limits.max_last_seen = 10)).await;
    for n in 0..100 {
        for topic in ["red", "green", "white"] {
            stage.come(topic, &format!("user-{n}/desk")).await;
        }
        match n % 3 {
            0 => stage.farewell(&format!("user-{n}/desk")).await,
            1 => stage.depart(&format!("user-{n}/desk")).await,
            _ => {}
        }
        stage.wait(1).await;
    }
    stage.wait(75).await;
    assert_eq!((stage.presence.sessions(), stage.presence.topics()), (0, 2));
    assert_eq!(stage.status("user-0").await, "unknown");
    assert_eq!(stage.status("user-98").await, "offline seen 98000");
}

#[tokio::test]
async fn a_lease_and_a_grace_are_as_long_as_they_are_set() {
    let stage = Stage::new(limited(|limits| {
        limits.lease = Duration::from_secs(6);
        limits.grace = Duration::from_secs(2);
    }))
    .await;
    stage.come("red", "ada/desk").await;
    stage.come("red", "bob/desk").await;
    stage.depart("ada/desk").await;
    stage.wait(2).await;
    assert_eq!(stage.members("red").await, ["bob/desk"]);
    stage.wait(3).await;
    assert_eq!(stage.members("red").await, ["bob/desk"]);
    stage.wait(1).await;
    assert_eq!(stage.members("red").await, [""; 0]);
}

/// Who is in each of two topics, by what was told alone.
#[derive(Default)]
struct Mirror([Mutex<(u64, BTreeSet<Name>)>; 2], AtomicU64, AtomicU64);

impl PresenceListener for Mirror {
    fn changed(&self, topic: &Topic, change: PresenceChange) {
        let mut mirrored = self.0[usize::from(topic.as_str() == "blue")].lock().unwrap();
        let MemberChange::List { join, leave } = change.change else { return };
        assert_eq!(change.version, mirrored.0 + 1, "a hole in versions");
        mirrored.0 = change.version;
        for member in join {
            assert!(mirrored.1.insert(member.session), "it joined twice");
        }
        for gone in leave {
            assert!(mirrored.1.remove(&gone.session), "it left twice");
        }
    }

    fn status(&self, _: &Name, state: UserState) {
        let count = if state.status == UserStatus::Online { &self.1 } else { &self.2 };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn lost(&self, topic: &Topic) {
        panic!("{topic} was lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_many_threads_do_at_once_is_told_in_order_and_once() {
    let presence = Arc::new(MemoryPresence::new(PresenceLimits::default()));
    let mirror = Arc::new(Mirror::default());
    presence.attach(mirror.clone());
    for topic in ["red", "blue"] {
        presence.follow(0, &named(topic)).await.unwrap();
    }
    let clock = Arc::new(AtomicU64::new(0));
    let tasks = (0..4).map(|n| tokio::spawn(live(n, presence.clone(), clock.clone())));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for (at, topic) in ["red", "blue"].into_iter().enumerate() {
        let list = presence.list(&named(topic)).await.unwrap();
        let mirrored = mirror.0[at].lock().unwrap();
        let Members::List(members) = list.members else { panic!("asked for a list") };
        let sessions: BTreeSet<_> = members.into_iter().map(|member| member.session).collect();
        assert_eq!((list.version, sessions), *mirrored);
    }
    presence.expire(u64::MAX).await.unwrap();
    assert_eq!((presence.sessions(), presence.topics()), (0, 2));
    assert!(mirror.0.iter().all(|topic| topic.lock().unwrap().1.is_empty()));
    assert_eq!(mirror.1.load(Ordering::Relaxed), mirror.2.load(Ordering::Relaxed));
}

/// One thread's sessions come and go, in followed topics and in one that is forgotten all the time.
async fn live(thread: u64, presence: Arc<MemoryPresence>, clock: Arc<AtomicU64>) {
    let mut dice = Dice::new(thread);
    for _ in 0..5_000 {
        let now = clock.fetch_add(7, Ordering::Relaxed);
        // Sessions are the thread's own, users are not.
        let who = who(&format!("user-{}/{thread}-{}", dice.below(2), dice.below(3)));
        let who = everwire_hub::presence::Who {
            session: Name::new(&format!("{}-{}", who.user, who.session)).unwrap(),
            ..who
        };
        let topic = named(["red", "blue", "green"][dice.below(3)]);
        match dice.below(8) {
            0 => presence.enter(now, &who).await.unwrap(),
            1 | 2 => drop(presence.join(now, &topic, &who, None).await),
            3 => presence.leave(now, &topic, &who).await.unwrap(),
            4 => presence.depart(now, &who).await.unwrap(),
            5 => presence.farewell(now, &who).await.unwrap(),
            6 => drop(presence.renew(now, &who).await),
            _ => presence.expire(now).await.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_joins_a_topic_that_is_being_forgotten() {
    let presence = Arc::new(MemoryPresence::new(PresenceLimits::default()));
    let tasks = (0..4).map(|n| tokio::spawn(come_and_go(n, presence.clone())));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!((presence.sessions(), presence.topics()), (4, 0));
}

/// Joins a topic that is empty again and again, and looks whether it is in it.
async fn come_and_go(thread: u64, presence: Arc<MemoryPresence>) {
    let (topic, who) = (named("green"), who(&format!("ada/{thread}")));
    presence.enter(0, &who).await.unwrap();
    for _ in 0..10_000 {
        presence.join(0, &topic, &who, None).await.unwrap();
        let list = presence.list(&topic).await.unwrap();
        let Members::List(members) = list.members else { panic!("asked for a list") };
        assert!(members.iter().any(|member| member.session == who.session));
        presence.leave(0, &topic, &who).await.unwrap();
    }
}
