//! permessage-deflate (RFC 7692): what is agreed on, and the compression itself.

mod codec;
mod params;

pub(crate) use codec::{Deflater, Inflater, NotDeflate, Progress};
pub use params::*;

use crate::connection::Role;

impl DeflateParams {
    /// What inflates the peer's messages for an endpoint that plays `role`.
    pub(crate) fn inflater(&self, role: Role) -> Inflater {
        let (no_takeover, bits) = self.direction(role.peer());
        Inflater::new(bits, !no_takeover)
    }

    /// What deflates messages of an endpoint that plays `role`, if it can. For its own direction
    /// an endpoint may be stricter than what was agreed.
    pub(crate) fn deflater(&self, role: Role, wishes: &DeflateConfig) -> Option<Deflater> {
        let (no_takeover, bits) = self.direction(role);
        let (wish_no_takeover, wish_bits) = match role {
            Role::Client => (wishes.client_no_context_takeover, wishes.client_max_window_bits),
            Role::Server => (wishes.server_no_context_takeover, wishes.server_max_window_bits),
        };
        let bits = bits.min(wish_bits.clamp(9, 15));
        Deflater::new(bits, wishes.level.clamp(1, 9), !(no_takeover || wish_no_takeover))
    }

    /// What was agreed for messages from `sender`.
    fn direction(&self, sender: Role) -> (bool, u8) {
        match sender {
            Role::Client => (self.client_no_context_takeover(), self.client_max_window_bits()),
            Role::Server => (self.server_no_context_takeover(), self.server_max_window_bits()),
        }
    }
}
