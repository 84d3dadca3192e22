use std::collections::BTreeMap;

use everwire_proto::Name;
use everwire_testkit::Dice;

use super::*;

/// A roster and somebody who listed it once and applies its changes.
struct Script {
    roster: Roster,
    listed: BTreeMap<(Name, Name), Member>,
    version: u64,
    now: u64,
}

impl Script {
    fn new(max_members: usize) -> Self {
        let limits = PresenceLimits { max_members, ..PresenceLimits::default() };
        let roster = Roster::new(&limits, 40);
        Self { roster, listed: BTreeMap::new(), version: 40, now: 1_000_000 }
    }

    fn join(&mut self, name: &str, info: u32) -> Result<(), PresenceError> {
        let info = Some(JsonText::of(&info).unwrap());
        let change = self.roster.join(self.now, &who(name), info)?;
        self.apply(change);
        Ok(())
    }

    fn farewell(&mut self, name: &str) {
        let change = self.roster.farewell(self.now, &who(name));
        self.apply(change);
    }

    fn expire(&mut self) -> usize {
        let mut changes = 0;
        while let Some(change) = self.roster.expire(self.now) {
            self.apply(Some(change));
            changes += 1;
        }
        changes
    }

    /// Each change is the next version, and each leave is of somebody who is there.
    fn apply(&mut self, change: Option<PresenceChange>) {
        let Some(change) = change else { return };
        self.version += 1;
        assert_eq!(change.version, self.version);
        let MemberChange::List { join, leave } = change.change else { panic!("a count") };
        assert!(!join.is_empty() || !leave.is_empty());
        for gone in leave {
            self.listed.remove(&(gone.user, gone.session)).expect("it left twice");
        }
        for member in join {
            self.listed.insert((member.user.clone(), member.session.clone()), member);
        }
    }

    fn assert_listed(&self) {
        let members = self.listed.values().cloned().collect();
        let list = PresenceState { version: self.version, members: Members::List(members) };
        assert_eq!(self.roster.list(), list);
        let count = Members::Count(self.listed.len() as u64);
        assert_eq!(self.roster.count(), PresenceState { version: self.version, members: count });
    }
}

fn who(name: &str) -> Who {
    let (user, session) = name.split_once('/').unwrap();
    Who { user: Name::new(user).unwrap(), session: Name::new(session).unwrap() }
}

#[test]
fn one_user_is_there_with_several_sessions() {
    let mut script = Script::new(10);
    script.join("ada/phone", 1).unwrap();
    script.join("ada/desk", 1).unwrap();
    script.join("bob/desk", 1).unwrap();
    script.farewell("ada/desk");
    script.assert_listed();
    assert_eq!(script.roster.len(), 2);
}

#[test]
fn a_member_that_says_something_else_takes_its_own_place_and_keeps_its_since() {
    let mut script = Script::new(1);
    script.join("ada/desk", 1).unwrap();
    script.now += 5_000;
    script.join("ada/desk", 1).unwrap();
    assert_eq!(script.roster.version(), 41);
    script.join("ada/desk", 2).unwrap();
    assert_eq!(script.roster.version(), 42);
    script.assert_listed();
    let member = script.listed.values().next().unwrap();
    assert_eq!((member.since, member.info.clone()), (1_000_000, JsonText::of(&2).ok()));
}

#[test]
fn a_member_too_many_is_refused_and_those_who_are_there_may_return() {
    let mut script = Script::new(2);
    script.join("ada/desk", 1).unwrap();
    script.join("bob/desk", 1).unwrap();
    assert!(script.roster.depart(script.now, &who("ada/desk")));
    let error = script.join("eve/desk", 1).unwrap_err();
    assert_eq!(error.to_string(), "there are already as many members as `max_members` of 2 allows");
    script.join("ada/desk", 1).unwrap();
    script.farewell("bob/desk");
    script.join("eve/desk", 1).unwrap();
    script.assert_listed();
}

#[test]
fn the_end_of_many_is_told_in_changes_of_bounded_size() {
    let mut script = Script::new(2_000);
    (0..1_100).for_each(|n| script.join(&format!("user/{n}"), 1).unwrap());
    script.now += 75_000;
    assert_eq!(script.expire(), 3);
    script.assert_listed();
    assert!(script.roster.is_empty());
}

#[test]
fn whoever_returns_before_the_leave_was_told_was_never_away() {
    let mut script = Script::new(10);
    script.join("ada/desk", 1).unwrap();
    assert!(script.roster.depart(script.now, &who("ada/desk")));
    script.now += 11_000;
    script.join("ada/desk", 1).unwrap();
    assert_eq!((script.expire(), script.roster.version()), (0, 41));
    script.assert_listed();
}

#[test]
fn whatever_happens_a_list_and_the_changes_after_it_are_the_later_list() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut script = Script::new(6);
        for _ in 0..300 {
            let name = format!("{}/{}", dice.pick(&["ada", "bob", "eve"]), dice.below(4));
            match dice.below(6) {
                0 | 1 => drop(script.join(&name, dice.below(2) as u32)),
                2 => drop(script.roster.renew(script.now, &who(&name))),
                3 => drop(script.roster.depart(script.now, &who(&name))),
                4 => script.farewell(&name),
                _ => {
                    script.now += dice.below(30_000) as u64;
                    script.expire();
                    let due = script.roster.next_deadline();
                    assert!(due.is_none_or(|due| due > script.now));
                }
            }
            script.assert_listed();
        }
    }
}
