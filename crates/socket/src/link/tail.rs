//! What was read and not parsed yet.

use everwire_wire::Input;

/// Bytes of the peer that wait to be asked for. Mostly there are none, and there are many
/// connections: those that have some hold them in memory of their size.
#[derive(Debug, Default)]
pub(super) struct Tail(Option<Box<Unread>>);

#[derive(Debug)]
struct Unread {
    bytes: Vec<u8>,
    /// Where the next begins; never the end.
    at: usize,
}

impl Tail {
    /// Holds these bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(Unread { bytes, at: 0 })))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Takes what there is, to [give back](Self::used) what is not used.
    pub(super) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// What there is, to be parsed.
    pub(super) fn input(&mut self) -> Input<'_> {
        Input::new(self.0.as_mut().map_or(&mut [], |unread| &mut unread.bytes[unread.at..]))
    }

    /// So many bytes of it were used; after the last of them it holds no memory.
    pub(super) fn used(&mut self, len: usize) {
        if let Some(unread) = &mut self.0 {
            unread.at += len;
            if unread.at == unread.bytes.len() {
                self.0 = None;
            }
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn retained(&self) -> usize {
        self.0.as_ref().map_or(0, |unread| unread.bytes.capacity())
    }
}
