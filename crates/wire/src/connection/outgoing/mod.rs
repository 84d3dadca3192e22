//! Bytes on their way to the network, in the order in which they leave.
//!
//! # Layout
//! - `data`: frames of messages, in order; `control`: those that overtake them.

mod control;
mod data;

use std::io::IoSlice;

use bytes::Bytes;

use crate::close::Unsent;
use crate::frame::Header;
use crate::mask::MaskSource;
use crate::message::Kind;

use control::Control;
pub(crate) use control::{Left, Payload};
use data::Data;
pub(super) use data::SHARE_FROM;

/// The queue of encoded frames. Data keeps its order; control frames overtake it at the next
/// boundary between segments (RFC 6455 §5.4), and have room of their own that data cannot take.
///
/// Both are nearly always empty, and there are many connections: an idle one holds neither.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    data: Option<Box<Data>>,
    control: Option<Box<Control>>,
}

impl Outgoing {
    // Queueing.

    /// Queues an unmasked message of at most 125 bytes.
    #[inline(always)]
    pub(crate) fn push_short(&mut self, kind: Kind, payload: &[u8]) {
        self.data().push_short(kind, payload);
    }

    /// Queues a frame whose payload is copied, and masked if the header has a key.
    pub(crate) fn push_frame(&mut self, header: Header, payload: &[u8]) {
        self.data().push_frame(header, payload);
    }

    /// Queues an unmasked frame whose payload is shared if it is long.
    pub(crate) fn push_shared(&mut self, header: Header, payload: Bytes) {
        self.data().push_shared(header, payload);
    }

    /// Queues a frame that is already encoded.
    pub(crate) fn push_encoded(&mut self, frame: &Bytes) {
        self.data().push_encoded(frame);
    }

    pub(crate) fn push_ping(&mut self, payload: Payload) {
        self.control.get_or_insert_default().ping = Some(payload);
    }

    pub(crate) fn push_pong(&mut self, payload: Payload) {
        self.control.get_or_insert_default().push_pong(payload);
    }

    /// Queues the close frame, behind everything.
    pub(crate) fn push_close(&mut self, payload: Payload) {
        self.control.get_or_insert_default().close = Some(payload);
    }

    /// Queues bytes that leave before everything; nothing may have been queued before.
    pub(crate) fn push_first(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.is_empty());
        self.control.get_or_insert_default().encoded = bytes;
    }

    #[inline]
    fn data(&mut self) -> &mut Data {
        self.data.get_or_insert_with(Data::take)
    }

    // Leaving.

    /// Bytes of data that wait.
    pub(crate) fn queued(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.queued())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued() == 0 && self.control.is_none()
    }

    /// Whether a control frame waits, or is leaving.
    pub(crate) fn has_control(&self) -> bool {
        self.control.is_some()
    }

    /// Whether a ping waits that has not begun to leave.
    pub(crate) fn has_ping(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.ping.is_some())
    }

    /// The next bytes to write, in order; says how many slices there are.
    pub(crate) fn slices<'a>(
        &'a mut self,
        masks: &mut impl MaskSource,
        client: bool,
        slices: &mut [IoSlice<'a>],
    ) -> usize {
        let Self { data, control } = self;
        // While a control frame waits for a boundary, no more leaves than up to the next one.
        let mut segments = usize::MAX;
        if let Some(control) = control {
            let at_boundary = data.as_ref().is_none_or(|data| data.is_at_boundary());
            if at_boundary && control.encoded.is_empty() {
                control.encode(masks, client, data.as_ref().is_some_and(|data| data.queued() > 0));
            }
            if let Some(leaving) = control.leaving() {
                let Some(first) = slices.first_mut() else { return 0 };
                *first = IoSlice::new(leaving);
                return 1;
            }
            segments = 1;
        }
        data.as_ref().map_or(0, |data| data.slices(segments, slices))
    }

    /// `n` bytes of what [`slices`](Self::slices) gave have left.
    pub(crate) fn advance(&mut self, n: usize) -> Left {
        if let Some(control) = &mut self.control
            && control.leaving().is_some()
        {
            let left = control.advance(n);
            if control.is_done() {
                self.control = None;
            }
            return left;
        }
        if let Some(data) = &mut self.data {
            data.advance(n);
            if data.queued() == 0
                && let Some(data) = self.data.take()
            {
                data.give_back();
            }
        }
        Left::default()
    }

    /// Gives the memory of everything back; what waited still counts as queued.
    pub(crate) fn forget(&mut self) {
        self.control = None;
        if let Some(data) = &mut self.data {
            data.forget();
        }
    }

    /// What has not left.
    pub(crate) fn unsent(&self) -> Unsent {
        self.data.as_ref().map_or_else(Unsent::default, |data| data.unsent())
    }

    /// Bytes that the queue holds in memory, shared payloads included.
    pub(crate) fn retained(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.retained())
    }
}
