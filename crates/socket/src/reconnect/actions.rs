//! What a step of a value asks for.

use std::fmt;

/// At most three actions, in the order in which they are to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Actions<A>([Option<A>; 3]);

impl<A> Actions<A> {
    pub(super) const fn none() -> Self {
        Self([const { None }; 3])
    }

    pub(super) fn push(&mut self, action: A) {
        let free = self.0.iter_mut().find(|place| place.is_none());
        *free.expect("no step asks for more than three actions") = Some(action);
    }

    /// The actions in order.
    pub fn iter(&self) -> impl Iterator<Item = &A> {
        self.0.iter().flatten()
    }
}

impl<A> IntoIterator for Actions<A> {
    type Item = A;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<A>, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

impl<A: fmt::Debug> fmt::Debug for Actions<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
