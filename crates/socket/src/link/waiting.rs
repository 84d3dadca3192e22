//! Who waits for a connection, other than for its next message, and what does.

use std::task::{Context, Waker};

use everwire_wire::SharedFrame;

/// The tasks that wait to send, or for proof that what they sent was read.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// For room in the queue, or an empty one.
    pub(super) writers: Vec<Waker>,
    /// Room promised to permits and to messages held, in bytes.
    pub(super) reserved: usize,
    /// Messages of groups, until one in pieces is complete.
    pub(super) held: Vec<SharedFrame>,
    /// For pongs, in the order of their pings.
    confirms: Vec<Confirm>,
    /// Of the last ping that was queued for one of them.
    last: u32,
}

#[derive(Debug)]
struct Confirm {
    number: u32,
    answered: bool,
    waker: Option<Waker>,
}

/// What distinguishes these pings from the heartbeat's, which have four bytes, and hardly by chance
/// from an application's.
const TAG: [u8; 4] = *b"read";

/// The tag and a number.
pub(super) const PING_LEN: usize = 8;

impl Waiting {
    /// The number and the payload of a ping that somebody will wait for.
    pub(super) fn ping(&mut self) -> (u32, [u8; PING_LEN]) {
        self.last = self.last.wrapping_add(1);
        let mut payload = [0; PING_LEN];
        payload[..4].copy_from_slice(&TAG);
        payload[4..].copy_from_slice(&self.last.to_be_bytes());
        self.confirms.push(Confirm { number: self.last, answered: false, waker: None });
        (self.last, payload)
    }

    /// A pong came. It answers for all pings before its own, too: the peer need only answer the
    /// newest (RFC 6455 §5.5.3).
    pub(super) fn handle_pong(&mut self, payload: &[u8]) {
        let Some((&TAG, number)) = payload.split_first_chunk() else { return };
        let Ok(number) = number.try_into().map(u32::from_be_bytes) else { return };
        let before = |confirm: &&mut Confirm| number.wrapping_sub(confirm.number) < 1 << 31;
        for confirm in self.confirms.iter_mut().take_while(before) {
            confirm.answered = true;
            if let Some(waker) = confirm.waker.take() {
                waker.wake();
            }
        }
    }

    /// Whether the ping was answered; if not, the task is woken when it is.
    pub(super) fn is_confirmed(&mut self, cx: &Context<'_>, number: u32) -> bool {
        let Some(confirm) = self.confirms.iter_mut().find(|confirm| confirm.number == number)
        else {
            return false;
        };
        if !confirm.answered {
            confirm.waker = Some(cx.waker().clone());
        }
        confirm.answered
    }

    /// Nobody waits for this ping any more.
    pub(super) fn forget(&mut self, number: u32) {
        self.confirms.retain(|confirm| confirm.number != number);
    }

    /// Wakes those that wait to send.
    pub(super) fn wake_writers(&mut self) {
        self.writers.drain(..).for_each(Waker::wake);
    }

    /// Wakes everyone: the connection has ended.
    pub(super) fn wake_all(&mut self) {
        self.wake_writers();
        self.confirms.iter_mut().filter_map(|confirm| confirm.waker.take()).for_each(Waker::wake);
    }

    /// Whether nobody waits and no number was given: a pong that comes late must not be taken for
    /// that of a later ping.
    pub(super) fn is_unused(&self) -> bool {
        let nobody = self.writers.is_empty() && self.confirms.is_empty();
        nobody && self.held.is_empty() && self.reserved == 0 && self.last == 0
    }
}
