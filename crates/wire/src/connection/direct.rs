//! Messages that leave from where they lie, without a place in the queue.

use std::time::Instant;

use super::outgoing::SHARE_FROM;
use super::{Compress, Connection, Outbound, Role};
use crate::frame::{Header, MAX_HEADER_LEN};

/// A borrowed message that the network may be offered before it is copied.
#[derive(Debug)]
pub struct Direct {
    header: Header,
    head: [u8; MAX_HEADER_LEN],
    head_len: usize,
}

impl Direct {
    /// The frame's header, which goes before the payload.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }
}

impl Connection {
    /// Whether a message may be written from where it lies: a long, borrowed one that is neither
    /// masked nor compressed nor fragmented, when nothing waits to leave before it. Then write
    /// [`head`](Direct::head) and payload, and say how far that went with
    /// [`handle_written`](Self::handle_written).
    pub fn direct(&self, message: &Outbound<'_>, compress: Compress) -> Option<Direct> {
        let (kind, payload) = match message {
            Outbound::Text(_) | Outbound::Binary(_) => message.parts(),
            Outbound::Message(_) => return None,
        };
        let fits = self.config.send_fragment_size.is_none_or(|max| payload.len() <= max);
        let possible = payload.len() >= SHARE_FROM
            && fits
            && self.role == Role::Server
            && self.closing.is_none()
            && self.sending.is_none()
            && !self.wants_transmit()
            && !self.compresses(payload.len(), compress);
        possible.then(|| {
            let len = payload.len() as u64;
            let header = Header { fin: true, rsv1: false, opcode: kind.into(), mask: None, len };
            let (head, head_len) = header.encode();
            Direct { header, head, head_len }
        })
    }

    /// So many bytes of header and payload were written; what was not is queued.
    pub fn handle_written(
        &mut self,
        now: Instant,
        direct: &Direct,
        message: &Outbound<'_>,
        n: usize,
    ) {
        let payload = message.parts().1;
        if n < direct.head_len + payload.len() {
            self.outgoing.push_frame(direct.header, payload);
            if n > 0 {
                self.handle_transmitted(now, n);
            }
        } else if !self.beats() {
            self.active_at = now;
        }
    }
}
