//! Commands that wait for their reply.

use std::collections::BTreeMap;

use crate::client::{Again, Command, CommandKind};
use crate::position::Id;

/// The commands that wait for their reply, in the order of their ids, which is that of their sending.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<Id, Asked>);

/// A command that waits for its reply.
#[derive(Debug)]
pub(super) struct Asked {
    /// None if the session itself asked.
    pub(super) ticket: Option<u64>,
    pub(super) command: Command,
    /// For a publication: how it is sent again.
    pub(super) again: Again,
}

impl Pending {
    pub(super) fn insert(&mut self, id: Id, asked: Asked) {
        self.0.insert(id, asked);
    }

    pub(super) fn kind(&self, id: Id) -> Option<CommandKind> {
        self.0.get(&id).map(|asked| asked.command.kind())
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Asked> {
        self.0.remove(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether any request of the application waits.
    pub(super) fn has_tickets(&self) -> bool {
        self.0.values().any(|asked| asked.ticket.is_some())
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Id, Asked)> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}
