//! When those who are gone were last there.

use std::collections::{BTreeMap, BTreeSet};

use everwire_proto::Name;

/// A bounded number of users; those who were there the longest ago are forgotten first. Times are
/// milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct LastSeen {
    max: usize,
    seen: BTreeMap<Name, u64>,
    oldest: BTreeSet<(u64, Name)>,
}

impl LastSeen {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, seen: BTreeMap::new(), oldest: BTreeSet::new() }
    }

    pub(crate) fn note(&mut self, user: &Name, seen: u64) {
        self.forget(user);
        self.seen.insert(user.clone(), seen);
        self.oldest.insert((seen, user.clone()));
        if self.seen.len() > self.max
            && let Some((_, user)) = self.oldest.pop_first()
        {
            self.seen.remove(&user);
        }
    }

    pub(crate) fn get(&self, user: &Name) -> Option<u64> {
        self.seen.get(user).copied()
    }

    pub(crate) fn forget(&mut self, user: &Name) {
        if let Some(seen) = self.seen.remove(user) {
            self.oldest.remove(&(seen, user.clone()));
        }
    }
}
