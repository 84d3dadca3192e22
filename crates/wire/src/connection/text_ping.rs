//! Text pings: recognised, counted, and answered without the application.

use std::time::Instant;

use super::Connection;
use super::receive::Step;
use crate::error::ProtocolError;
use crate::frame::{Header, Opcode};
use crate::input::Input;
use crate::mask::MaskSource;
use crate::message::Kind;

/// How many bytes a compressed text ping may have beyond its text: deflate's own header for a block
/// that is stored, and some room for encoders that do worse.
const MAX_DEFLATE_OVERHEAD: usize = 16;

impl Connection {
    /// Whether a frame may be all of a text ping, as far as its header tells.
    pub(super) fn may_be_text_ping(&self, header: &Header) -> bool {
        let Some(heartbeat) = &self.config.text_heartbeat else { return false };
        // Compressed, it may be a little longer than it is.
        let longest = heartbeat.ping().len() + if header.rsv1 { MAX_DEFLATE_OVERHEAD } else { 0 };
        header.fin && header.opcode == Opcode::Text && header.len <= longest as u64
    }

    pub(super) fn is_text_ping(&self, step: &Step, input: &Input<'_>) -> bool {
        match step {
            Step::Message(Kind::Text, place) => self.config.is_text_ping(input.lent(place.clone())),
            _ => false,
        }
    }

    /// A text ping came: it is as good as a ping, and costs as much.
    pub(super) fn text_ping(&mut self, now: Instant, step: Step) -> Result<Step, ProtocolError> {
        self.count_control_frame(now)?;
        if self.closing.is_none() {
            self.text_pongs.add();
        }
        Ok(match step {
            Step::Message(_, place) => Step::Ping(place),
            step => step,
        })
    }

    /// Queues text pongs that are due, as far as there is room.
    pub(super) fn pay_text_pongs(&mut self, masks: &mut impl MaskSource) {
        if !self.owes_text_pong() {
            return;
        }
        let config = self.config.clone();
        let Some(heartbeat) = &config.text_heartbeat else { return };
        let pong = heartbeat.pong().as_bytes();
        while self.check_sendable(pong.len()).is_ok() && self.text_pongs.take() {
            self.send_frame(Opcode::Text, true, false, pong, masks);
        }
    }

    /// Whether a text pong may be queued as soon as there is room. Not inside a message that is
    /// being sent in pieces (§5.4).
    #[inline]
    pub(super) fn owes_text_pong(&self) -> bool {
        !self.text_pongs.is_none() && self.sending.is_none() && self.closing.is_none()
    }
}
