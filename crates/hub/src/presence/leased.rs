//! A map whose entries have to be renewed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::limits::PresenceLimits;
use crate::clock::millis;

/// A map that forgets whoever is not heard of. Times are milliseconds since 1970.
///
/// An entry lapses when its lease is over, or its grace if it departed. A deadline that moves later is
/// noticed when the earlier one fires, so that a renewal touches no queue; and nothing is ever scanned.
#[derive(Debug)]
pub(crate) struct Leased<K, V> {
    lease: u64,
    grace: u64,
    held: BTreeMap<K, Held<V>>,
    /// One for each entry, never later than its deadline.
    queue: BTreeSet<(u64, K)>,
}

#[derive(Debug)]
struct Held<V> {
    value: V,
    /// When it was last heard of, or when it departed.
    seen: u64,
    departed: bool,
    until: u64,
    /// Its time in the queue.
    queued: u64,
}

/// An entry that is no more.
#[derive(Debug)]
pub(crate) struct Ended<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    /// When it was last there.
    pub(crate) seen: u64,
}

impl<K: Ord + Clone, V> Leased<K, V> {
    pub(crate) fn new(limits: &PresenceLimits) -> Self {
        Self {
            lease: millis(limits.lease),
            grace: millis(limits.grace),
            held: BTreeMap::new(),
            queue: BTreeSet::new(),
        }
    }

    /// Takes an entry that is not there yet.
    pub(crate) fn insert(&mut self, now: u64, key: K, value: V) {
        let until = now.saturating_add(self.lease);
        self.queue.insert((until, key.clone()));
        let held = Held { value, seen: now, departed: false, until, queued: until };
        let before = self.held.insert(key, held);
        debug_assert!(before.is_none(), "an entry is renewed, not inserted twice");
    }

    /// It was heard of, and is back if it had departed. False if it is not there.
    pub(crate) fn renew(&mut self, now: u64, key: &K) -> bool {
        let lease = self.lease;
        self.touch(key, |held| {
            held.seen = now;
            held.departed = false;
            held.until = now.saturating_add(lease);
        })
    }

    /// It went without a farewell. False if it is not there.
    pub(crate) fn depart(&mut self, now: u64, key: &K) -> bool {
        let grace = self.grace;
        self.touch(key, |held| {
            // Departing twice does not make the grace longer.
            if !held.departed {
                held.seen = now;
                held.departed = true;
                held.until = now.saturating_add(grace);
            }
        })
    }

    pub(crate) fn remove(&mut self, now: u64, key: &K) -> Option<Ended<K, V>> {
        let (key, held) = self.held.remove_entry(key)?;
        let queued = (held.queued, key);
        self.queue.remove(&queued);
        let seen = if held.departed { held.seen } else { now };
        Some(Ended { key: queued.1, value: held.value, seen })
    }

    /// Takes out one that has lapsed, the longest ago first.
    pub(crate) fn pop_lapsed(&mut self, now: u64) -> Option<Ended<K, V>> {
        while self.next_deadline()? <= now {
            let (_, key) = self.queue.pop_first()?;
            let Entry::Occupied(mut entry) = self.held.entry(key) else { continue };
            let until = entry.get().until;
            if until <= now {
                let (key, held) = entry.remove_entry();
                return Some(Ended { key, value: held.value, seen: held.seen });
            }
            entry.get_mut().queued = until;
            self.queue.insert((until, entry.key().clone()));
        }
        None
    }

    /// Before this time nothing lapses.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.held.get_mut(key).map(|held| &mut held.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.held.iter().map(|(key, held)| (key, &held.value))
    }

    fn touch(&mut self, key: &K, change: impl FnOnce(&mut Held<V>)) -> bool {
        let Some(held) = self.held.get_mut(key) else { return false };
        change(held);
        // A grace may end before the lease would have, and a clock may have been set back.
        if held.until < held.queued {
            self.queue.remove(&(held.queued, key.clone()));
            self.queue.insert((held.until, key.clone()));
            held.queued = held.until;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lease 75 s, grace 10 s.
    fn leased(keys: &[&'static str]) -> Leased<&'static str, ()> {
        let mut leased = Leased::new(&PresenceLimits::default());
        keys.iter().for_each(|key| leased.insert(0, *key, ()));
        leased
    }

    fn lapsed(leased: &mut Leased<&'static str, ()>, now: u64) -> Vec<(&'static str, u64)> {
        std::iter::from_fn(|| leased.pop_lapsed(now)).map(|ended| (ended.key, ended.seen)).collect()
    }

    #[test]
    fn an_entry_lapses_when_its_lease_is_over_and_not_before() {
        let mut leased = leased(&["a", "b"]);
        assert!(leased.renew(25_000, &"b"));
        assert_eq!(lapsed(&mut leased, 74_999), []);
        assert_eq!(lapsed(&mut leased, 75_000), [("a", 0)]);
        assert_eq!(lapsed(&mut leased, 99_999), []);
        assert_eq!(lapsed(&mut leased, 100_000), [("b", 25_000)]);
        assert_eq!(leased.next_deadline(), None);
    }

    #[test]
    fn a_renewal_moves_nothing_in_the_queue_until_the_earlier_deadline_fires() {
        let mut leased = leased(&["a"]);
        (1..=3).for_each(|n| assert!(leased.renew(n * 20_000, &"a")));
        assert_eq!(leased.next_deadline(), Some(75_000));
        assert_eq!(lapsed(&mut leased, 75_000), []);
        assert_eq!(leased.next_deadline(), Some(135_000));
    }

    #[test]
    fn departing_twice_does_not_make_the_grace_longer() {
        let mut leased = leased(&["a"]);
        assert!(leased.depart(1_000, &"a"));
        assert!(leased.depart(9_000, &"a"));
        assert_eq!(lapsed(&mut leased, 10_999), []);
        assert_eq!(lapsed(&mut leased, 11_000), [("a", 1_000)]);
        assert!(!leased.depart(12_000, &"a"));
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_nobody_behind() {
        let mut leased = Leased::new(&PresenceLimits::default());
        leased.insert(3_600_000, "a", ());
        assert!(leased.renew(0, &"a"));
        assert_eq!(lapsed(&mut leased, 75_000), [("a", 0)]);
    }

    #[test]
    fn what_was_removed_leaves_no_deadline() {
        let mut leased = leased(&["a", "b"]);
        assert!(leased.depart(5_000, &"a"));
        assert_eq!(leased.remove(6_000, &"a").map(|ended| ended.seen), Some(5_000));
        assert_eq!(leased.remove(6_000, &"b").map(|ended| ended.seen), Some(6_000));
        assert_eq!((leased.next_deadline(), leased.len()), (None, 0));
    }
}
