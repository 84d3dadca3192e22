//! Who is there: what the store says changes rightly, and what each client sees becomes the same.

use std::collections::BTreeSet;

use everwire_proto::{MemberChange, Members, Name, PresenceChange, PresenceState};

/// The members of a topic, by the changes that the store tells.
#[derive(Debug)]
pub(crate) struct Roster {
    members: BTreeSet<Name>,
    version: u64,
}

impl Roster {
    /// All who are there: what is told from here on follows.
    pub(crate) fn of(state: &PresenceState) -> Self {
        let members = match &state.members {
            Members::List(members) => members.iter().map(|member| member.session.clone()).collect(),
            Members::Count(_) => BTreeSet::new(),
        };
        Self { members, version: state.version }
    }

    /// The store tells of a change.
    ///
    /// # Errors
    /// If versions do not count by one, or one who was not there leaves.
    pub(crate) fn change(&mut self, change: &PresenceChange) -> Result<(), String> {
        let MemberChange::List { join, leave } = &change.change else { return Ok(()) };
        if change.version != self.version + 1 {
            return Err(format!("version {} behind {}", change.version, self.version));
        }
        self.version = change.version;
        for member in leave {
            if !self.members.remove(&member.session) {
                return Err(format!("{} left and was not there", member.session));
            }
        }
        self.members.extend(join.iter().map(|member| member.session.clone()));
        Ok(())
    }
}

/// Who is there as a program sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// None before it was told.
    members: Option<BTreeSet<Name>>,
    count: Option<u64>,
}

impl View {
    /// All of them.
    pub(crate) fn list(&mut self, members: impl IntoIterator<Item = Name>) {
        self.members = Some(members.into_iter().collect());
    }

    /// How many there are.
    pub(crate) fn count(&mut self, count: u64) {
        self.count = Some(count);
    }

    /// Some went and came. A leave of one who is not there says nothing: it may repeat what the list knew.
    ///
    /// # Errors
    /// If nobody was told who was there.
    pub(crate) fn change(
        &mut self,
        joined: impl IntoIterator<Item = Name>,
        left: impl IntoIterator<Item = Name>,
    ) -> Result<(), String> {
        let members = self.members.as_mut().ok_or("a change, and nobody was told who is there")?;
        for name in left {
            members.remove(&name);
        }
        members.extend(joined);
        Ok(())
    }

    /// Whether it is the truth by now.
    ///
    /// # Errors
    /// If it differs.
    pub(crate) fn check(&self, truth: &BTreeSet<Name>) -> Result<(), String> {
        if let Some(members) = self.members.as_ref().filter(|members| *members != truth) {
            return Err(format!("{members:?} are seen, {truth:?} are there"));
        }
        if let Some(count) = self.count.filter(|count| *count != truth.len() as u64) {
            return Err(format!("{count} are counted, {truth:?} are there"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use everwire_proto::{Departure, Member};

    use super::*;

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    fn change(version: u64, join: &[&str], leave: &[&str]) -> PresenceChange {
        let join = join.iter().map(|session| Member {
            user: name("u"),
            session: name(session),
            since: 0,
            info: None,
        });
        let leave = leave.iter().map(|session| Departure {
            user: name("u"),
            session: name(session),
            seen: 0,
        });
        let change = MemberChange::List { join: join.collect(), leave: leave.collect() };
        PresenceChange { version, change }
    }

    #[test]
    fn versions_count_by_one_and_only_members_leave() {
        let begun = || {
            let MemberChange::List { join, .. } = change(4, &["a"], &[]).change else { panic!() };
            Roster::of(&PresenceState { version: 4, members: Members::List(join) })
        };
        let mut roster = begun();
        assert_eq!(roster.change(&change(5, &["b"], &["a"])), Ok(()));
        assert_eq!(roster.change(&change(6, &[], &["b"])), Ok(()));
        assert!(roster.change(&change(7, &[], &["b"])).is_err());
        assert!(begun().change(&change(6, &["b"], &[])).is_err());
    }

    #[test]
    fn a_view_is_the_list_and_what_changed_since() {
        let mut view = View::default();
        assert!(view.change([name("a")], []).is_err());
        view.list([name("a")]);
        assert_eq!(view.change([name("b")], [name("a")]), Ok(()));
        assert_eq!(view.change([], [name("a")]), Ok(()), "it says nothing");
        assert_eq!(view.check(&BTreeSet::from([name("b")])), Ok(()));
        assert!(view.check(&BTreeSet::from([name("a")])).is_err());
    }

    #[test]
    fn a_count_has_to_become_right_too() {
        let mut view = View::default();
        assert_eq!(view.check(&BTreeSet::new()), Ok(()));
        view.count(2);
        assert!(view.check(&BTreeSet::from([name("a")])).is_err());
        view.count(1);
        assert_eq!(view.check(&BTreeSet::from([name("a")])), Ok(()));
    }
}
