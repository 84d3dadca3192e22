//! Presence as simply as it can be said, to compare with.

use std::collections::BTreeMap;

use everwire_hub::presence::Presence;
use everwire_testkit::Dice;

use crate::stage::Stage;

const TOPICS: [&str; 3] = ["red", "blue", "green"];
const LEASE: u64 = 75_000;
const GRACE: u64 = 10_000;

/// Each session, and until when it is where; nothing is clever here, everything is looked through.
#[derive(Default)]
struct Model {
    /// By name, and by topic and name: when it was last there, and when that is over.
    sessions: BTreeMap<String, (u64, u64)>,
    members: BTreeMap<(usize, String), (u64, u64)>,
    /// When users who have no session were last there.
    gone: BTreeMap<String, u64>,
    /// What has to have been told, in any order.
    told: Vec<String>,
}

/// Does things at random, and compares after each.
pub(crate) async fn play<P: Presence>(seed: u64, stage: Stage<P>) {
    let mut dice = Dice::new(seed);
    let mut model = Model::default();
    let mut log = Vec::new();
    for topic in TOPICS {
        stage.follow(topic).await;
    }
    for _ in 0..250 {
        let name = format!("{}/{}", dice.pick(&["ada", "bob", "eve"]), dice.below(3));
        let at = dice.below(TOPICS.len());
        let now = stage.now.get();
        let what = dice.below(9);
        log.push(format!("{now}: {what} {name} {}", TOPICS[at]));
        match what {
            0 => {
                stage.enter(&name).await;
                model.enter(now, &name);
            }
            1 | 2 => {
                assert_eq!(stage.join(TOPICS[at], &name).await.is_ok(), model.join(now, at, &name))
            }
            3 => {
                stage.leave(TOPICS[at], &name).await;
                model.leave(now, at, &name);
            }
            4 => {
                stage.depart(&name).await;
                model.depart(now, &name);
            }
            5 => {
                stage.farewell(&name).await;
                model.farewell(now, &name);
            }
            6 | 7 => {
                // What it says is another test's: here a session may have left a topic by itself.
                let known = stage.renew(&name).await;
                assert!(!known || model.sessions.contains_key(&name));
                model.renew(now, &name);
            }
            _ => {
                stage.now.set(now + dice.below(40_000) as u64);
                stage.expire().await;
                model.expire(stage.now.get());
            }
        }
        let mut told = stage.told();
        told.sort();
        model.told.sort();
        assert_eq!(told, std::mem::take(&mut model.told), "seed {seed}: {log:#?}");
        for (at, topic) in TOPICS.iter().enumerate() {
            assert_eq!(stage.members(topic).await, model.members(at), "seed {seed}: {log:#?}");
        }
        for user in ["ada", "bob", "eve"] {
            let status = stage.status(user).await;
            assert!(status.starts_with(&model.status(user)), "seed {seed}: {status} {log:#?}");
        }
    }
}

impl Model {
    fn enter(&mut self, now: u64, name: &str) {
        let user = user(name);
        if self.sessions_of(user) == 0 {
            self.told.push(format!("{user} online since {now}"));
        }
        self.gone.remove(user);
        self.sessions.insert(name.to_owned(), (now, now + LEASE));
    }

    fn join(&mut self, now: u64, at: usize, name: &str) -> bool {
        let Some(session) = self.sessions.get_mut(name) else { return false };
        *session = (now, now + LEASE);
        if self.members.insert((at, name.to_owned()), (now, now + LEASE)).is_none() {
            self.told.push(format!("{} + {name}", TOPICS[at]));
        }
        true
    }

    fn leave(&mut self, now: u64, at: usize, name: &str) {
        if let Some((seen, until)) = self.members.remove(&(at, name.to_owned())) {
            self.told.push(format!("{} - {name} seen {}", TOPICS[at], last(now, seen, until)));
        }
    }

    fn depart(&mut self, now: u64, name: &str) {
        for (key, stay) in &mut self.members {
            if key.1 == name && !is_departed(*stay) {
                *stay = (now, now + GRACE);
            }
        }
        if let Some(stay) = self.sessions.get_mut(name).filter(|stay| !is_departed(**stay)) {
            *stay = (now, now + GRACE);
        }
    }

    fn farewell(&mut self, now: u64, name: &str) {
        (0..TOPICS.len()).for_each(|at| self.leave(now, at, name));
        if let Some((seen, until)) = self.sessions.remove(name) {
            self.ended(name, last(now, seen, until));
        }
    }

    fn renew(&mut self, now: u64, name: &str) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        *session = (now, now + LEASE);
        for (_, stay) in self.members.iter_mut().filter(|(key, _)| key.1 == name) {
            *stay = (now, now + LEASE);
        }
    }

    fn expire(&mut self, now: u64) {
        for ((at, name), (seen, until)) in self.members.clone() {
            if until <= now {
                self.members.remove(&(at, name.clone()));
                self.told.push(format!("{} - {name} seen {seen}", TOPICS[at]));
            }
        }
        for (name, (seen, until)) in self.sessions.clone() {
            if until <= now {
                self.sessions.remove(&name);
                self.ended(&name, seen);
            }
        }
    }

    fn ended(&mut self, name: &str, seen: u64) {
        let user = user(name);
        // The latest of its sessions counts, whichever ended last.
        let seen = self.gone.get(user).map_or(seen, |before| seen.max(*before));
        self.gone.insert(user.to_owned(), seen);
        if self.sessions_of(user) == 0 {
            self.told.push(format!("{user} offline seen {seen}"));
        }
    }

    fn members(&self, at: usize) -> Vec<String> {
        self.members.keys().filter(|key| key.0 == at).map(|key| key.1.clone()).collect()
    }

    fn status(&self, user: &str) -> String {
        match (self.sessions_of(user), self.gone.get(user)) {
            (0, None) => "unknown".to_owned(),
            (0, Some(seen)) => format!("offline seen {seen}"),
            _ => "online since".to_owned(),
        }
    }

    fn sessions_of(&self, of: &str) -> usize {
        self.sessions.keys().filter(|name| user(name) == of).count()
    }
}

fn user(name: &str) -> &str {
    name.split_once('/').unwrap().0
}

fn is_departed((seen, until): (u64, u64)) -> bool {
    until - seen == GRACE
}

/// When a session that says farewell was last there.
fn last(now: u64, seen: u64, until: u64) -> u64 {
    if is_departed((seen, until)) { seen } else { now }
}
