//! A map of clients that is bounded: it forgets those who were not heard of for longest.

use std::collections::HashMap;

use everwire_proto::Name;

/// Values by client. Two generations: when the younger one is full, it becomes the older, and what
/// the older one held is forgotten. Whoever is heard of is young again.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    young: HashMap<Name, V>,
    old: HashMap<Name, V>,
    /// Clients in each generation.
    max: usize,
    forgot: bool,
}

impl<V> Recent<V> {
    /// Remembers at most `max_clients`, and at least half as many.
    pub(crate) fn new(max_clients: usize) -> Self {
        let max = (max_clients / 2).max(1);
        Self { young: HashMap::new(), old: HashMap::new(), max, forgot: false }
    }

    /// Whether anybody was ever forgotten.
    pub(crate) fn forgot(&self) -> bool {
        self.forgot
    }

    pub(crate) fn get(&mut self, client: &Name) -> Option<&V> {
        self.refresh(client);
        self.young.get(client)
    }

    /// The value of a client, made if there is none.
    pub(crate) fn entry(&mut self, client: Name, make: impl FnOnce() -> V) -> &mut V {
        self.refresh(&client);
        if !self.young.contains_key(&client) {
            self.make_room();
        }
        self.young.entry(client).or_insert_with(make)
    }

    /// Whoever is heard of is young.
    fn refresh(&mut self, client: &Name) {
        if let Some((client, value)) = self.old.remove_entry(client) {
            self.make_room();
            self.young.insert(client, value);
        }
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.max {
            self.forgot |= !self.old.is_empty();
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_not_heard_of_for_longest_is_forgotten_first() {
        let name = |n: u32| Name::new(&format!("client {n}")).unwrap();
        let mut recent = Recent::new(4);
        for n in 0..4 {
            *recent.entry(name(n), || 0) = n;
        }
        assert!(!recent.forgot());
        assert_eq!(recent.get(&name(0)), Some(&0));

        for n in 4..6 {
            *recent.entry(name(n), || 0) = n;
        }
        assert!(recent.forgot());
        assert_eq!(recent.get(&name(1)), None);
        assert_eq!(recent.get(&name(5)), Some(&5));
    }

    #[test]
    fn there_are_never_more_than_it_may_remember() {
        let mut recent = Recent::new(10);
        for n in 0..1_000_u32 {
            *recent.entry(Name::new(&format!("{}", n % 37)).unwrap(), || 0) = n;
            assert!(recent.young.len() + recent.old.len() <= 10);
        }
    }
}
