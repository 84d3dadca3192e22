//! Each session begins once and ends once.

use std::collections::{BTreeMap, BTreeSet};

use everwire_proto::Name;

/// The sessions of all hubs that there were.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    lives: BTreeMap<Name, Life>,
    crashed: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Life {
    hub: usize,
    opened: u64,
    closed: u64,
}

impl Sessions {
    /// `on_open` was called at the hub with this number.
    ///
    /// # Errors
    /// If it was called before, or behind `on_close`.
    pub(crate) fn open(&mut self, hub: usize, session: &Name) -> Result<(), String> {
        let life = self.lives.entry(session.clone()).or_default();
        life.hub = hub;
        life.opened += 1;
        match (life.opened, life.closed) {
            (1, 0) => Ok(()),
            (opened, closed) => Err(format!("{session} opened {opened} times, closed {closed}")),
        }
    }

    /// `on_close` was called.
    ///
    /// # Errors
    /// If it was called before, or `on_open` was not.
    pub(crate) fn close(&mut self, session: &Name) -> Result<(), String> {
        let life = self.lives.entry(session.clone()).or_default();
        life.closed += 1;
        match (life.opened, life.closed) {
            (1, 1) => Ok(()),
            (opened, closed) => Err(format!("{session} opened {opened} times, closed {closed}")),
        }
    }

    /// A hub crashed: its sessions end without a word.
    pub(crate) fn crash(&mut self, hub: usize) {
        self.crashed.insert(hub);
    }

    /// All clients are gone, and the time within which they may return is over.
    ///
    /// # Errors
    /// With a session that has not ended.
    pub(crate) fn check(&self) -> Result<(), String> {
        let open = self
            .lives
            .iter()
            .find(|(_, life)| life.opened > life.closed && !self.crashed.contains(&life.hub));
        match open {
            Some((session, _)) => Err(format!("{session} never ended")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_opens_once_and_closes_once_behind_that() {
        let name = Name::new("s").unwrap();
        let mut sessions = Sessions::default();
        assert_eq!(sessions.open(1, &name), Ok(()));
        assert!(sessions.check().is_err());
        assert_eq!(sessions.close(&name), Ok(()));
        assert_eq!(sessions.check(), Ok(()));
        assert!(sessions.close(&name).is_err());
        assert!(sessions.open(1, &name).is_err());
        assert!(Sessions::default().close(&name).is_err());
    }

    #[test]
    fn only_a_crash_excuses_a_session_that_does_not_end() {
        let name = Name::new("s").unwrap();
        let mut sessions = Sessions::default();
        sessions.open(1, &name).unwrap();
        sessions.crash(2);
        assert!(sessions.check().is_err());
        sessions.crash(1);
        assert_eq!(sessions.check(), Ok(()));
    }
}
