//! Places that keep their number.

/// Things in numbered places; those that were left are taken first.
#[derive(Debug)]
pub(super) struct Places<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Places<T> {
    /// Puts something into a place, and says into which.
    pub(super) fn insert(&mut self, item: T) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(item);
            return place;
        }
        if self.places.is_empty() {
            // Many topics have one subscriber, and none who hears who is there.
            self.places.reserve_exact(1);
        }
        self.places.push(Some(item));
        self.places.len() - 1
    }

    /// Takes out what is in a place, if something is.
    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let item = self.places[place].take()?;
        self.free.push(place);
        Some(item)
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.places[place].as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places[place].as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}
