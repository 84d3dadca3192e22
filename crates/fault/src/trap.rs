//! A cut after so many bytes.

use std::sync::{Mutex, PoisonError};

use super::Toward;

/// Counts the bytes that go one way, and springs once.
#[derive(Debug, Default)]
pub(super) struct Trap(Mutex<Option<Set>>);

#[derive(Debug, Clone, Copy)]
struct Set {
    toward: Toward,
    /// How many bytes still pass.
    left: u64,
}

impl Trap {
    /// Sets it, in the place of the one that was set before.
    pub(super) fn set(&self, toward: Toward, bytes: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Set { toward, left: bytes });
    }

    /// How many of `len` bytes pass, and whether the connection ends behind them.
    pub(super) fn let_through(&self, toward: Toward, len: usize) -> (usize, bool) {
        let mut trap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(set) = trap.as_mut().filter(|set| set.toward == toward) else {
            return (len, false);
        };
        let pass = usize::try_from(set.left).unwrap_or(usize::MAX).min(len);
        set.left -= pass as u64;
        let sprung = set.left == 0;
        if sprung {
            *trap = None;
        }
        (pass, sprung)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_that_is_not_set_lets_everything_through() {
        assert_eq!(Trap::default().let_through(Toward::Server, 9), (9, false));
    }

    #[test]
    fn it_springs_behind_its_last_byte_and_only_once() {
        let trap = Trap::default();
        trap.set(Toward::Server, 10);
        assert_eq!(trap.let_through(Toward::Server, 9), (9, false));
        assert_eq!(trap.let_through(Toward::Client, 9), (9, false), "the other way");
        assert_eq!(trap.let_through(Toward::Server, 9), (1, true));
        assert_eq!(trap.let_through(Toward::Server, 9), (9, false));
    }

    #[test]
    fn a_chunk_that_fits_exactly_springs_it_too() {
        let trap = Trap::default();
        trap.set(Toward::Client, 9);
        assert_eq!(trap.let_through(Toward::Client, 9), (9, true));
    }
}
