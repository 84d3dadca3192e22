//! Changes of who is there that wait to be told together.

use std::collections::HashMap;

use everwire_proto::{Departure, Member, MemberChange, Name};

/// Those who came and went, in order.
#[derive(Default)]
pub(super) struct Gathered {
    changes: Vec<Change>,
    size: usize,
}

enum Change {
    Join(Member),
    Leave(Departure),
}

impl Gathered {
    /// About what a member takes besides what is said about it, in bytes.
    const OVERHEAD: usize = 128;

    pub(super) fn add(&mut self, join: Vec<Member>, leave: Vec<Departure>) {
        let info = |member: &Member| member.info.as_ref().map_or(0, |info| info.as_bytes().len());
        self.size += join.iter().map(info).sum::<usize>();
        self.size += Self::OVERHEAD * (join.len() + leave.len());
        self.changes.extend(leave.into_iter().map(Change::Leave));
        self.changes.extend(join.into_iter().map(Change::Join));
    }

    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// About so many bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// All of them behind the first `from`, as one: of each session what it did last.
    pub(super) fn behind(&self, from: usize) -> MemberChange {
        let changes = &self.changes[from..];
        let last: HashMap<&Name, usize> =
            changes.iter().enumerate().map(|(at, change)| (change.session(), at)).collect();
        let (mut join, mut leave) = (Vec::new(), Vec::new());
        for (at, change) in changes.iter().enumerate() {
            match change {
                change if last[change.session()] != at => {}
                Change::Join(member) => join.push(member.clone()),
                Change::Leave(gone) => leave.push(gone.clone()),
            }
        }
        MemberChange::List { join, leave }
    }
}

impl Change {
    fn session(&self) -> &Name {
        match self {
            Self::Join(member) => &member.session,
            Self::Leave(gone) => &gone.session,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(changes: &[(char, &str)]) -> Gathered {
        let mut gathered = Gathered::default();
        for (what, name) in changes {
            let name = Name::new(name).unwrap();
            let (user, session) = (name.clone(), name);
            match what {
                '+' => gathered.add(vec![Member { user, session, since: 0, info: None }], vec![]),
                _ => gathered.add(vec![], vec![Departure { user, session, seen: 0 }]),
            }
        }
        gathered
    }

    fn told(gathered: &Gathered, from: usize) -> String {
        let MemberChange::List { join, leave } = gathered.behind(from) else { panic!() };
        let join = join.iter().map(|member| format!("+{}", member.session));
        leave.iter().map(|gone| format!("-{}", gone.session)).chain(join).collect()
    }

    #[test]
    fn of_each_session_counts_what_it_did_last() {
        let all = gathered(&[('+', "a"), ('-', "b"), ('+', "c"), ('-', "a"), ('+', "b")]);
        assert_eq!(told(&all, 0), "-a+c+b");
        assert_eq!(told(&all, 3), "-a+b");
        assert_eq!(told(&all, 5), "");
    }
}
