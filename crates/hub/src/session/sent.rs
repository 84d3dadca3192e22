//! What was sent on a link and not yet known to have arrived.

use std::collections::VecDeque;
use std::sync::Arc;

use everwire::SharedFrame;

/// Numbered messages, the newest last, kept until the client says that it has them. Bounded: beyond
/// `max_bytes` the oldest are forgotten, and a session whose client lacks one of them cannot go on.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The number of the newest message; the first is 1.
    last: u64,
    /// The newest messages, without a hole; shared with whoever else was sent them.
    kept: VecDeque<Arc<SharedFrame>>,
    bytes: usize,
    max_bytes: usize,
}

impl Sent {
    /// What keeping a message costs besides its bytes.
    const OVERHEAD: usize = 16;

    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { last: 0, kept: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// The next message.
    pub(crate) fn push(&mut self, frame: Arc<SharedFrame>) {
        self.last += 1;
        self.bytes += cost(&frame);
        self.kept.push_back(frame);
        while self.bytes > self.max_bytes {
            self.forget_first();
        }
    }

    /// The client has received so many in all. False if there were not so many.
    pub(crate) fn handle_got(&mut self, got: u64) -> bool {
        if got > self.last {
            return false;
        }
        while self.last - (self.kept.len() as u64) < got {
            self.forget_first();
        }
        if self.kept.is_empty() {
            // An idle session holds no room for its busiest moment.
            self.kept = VecDeque::new();
        }
        true
    }

    /// What a client that has received so many lacks, if all of it is kept.
    pub(crate) fn after(&self, got: u64) -> Option<Vec<Arc<SharedFrame>>> {
        let first = self.last - self.kept.len() as u64;
        if got < first || got > self.last {
            return None;
        }
        Some(self.kept.range((got - first) as usize..).cloned().collect())
    }

    fn forget_first(&mut self) {
        if let Some(frame) = self.kept.pop_front() {
            self.bytes -= cost(&frame);
        }
    }
}

fn cost(frame: &SharedFrame) -> usize {
    frame.message().len() + Sent::OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Arc<SharedFrame> {
        Arc::new(SharedFrame::new(text))
    }

    fn texts(frames: Option<Vec<Arc<SharedFrame>>>) -> Option<Vec<String>> {
        let text = |frame: &Arc<SharedFrame>| {
            String::from_utf8(frame.message().as_bytes().to_vec()).unwrap()
        };
        Some(frames?.iter().map(text).collect())
    }

    #[test]
    fn what_a_client_lacks_is_sent_again_in_order() {
        let mut sent = Sent::new(1_000);
        for text in ["one", "two", "three"] {
            sent.push(frame(text));
        }
        assert_eq!(texts(sent.after(1)), Some(vec!["two".into(), "three".into()]));
        assert_eq!(texts(sent.after(3)), Some(vec![]));
    }

    #[test]
    fn what_the_client_has_is_not_kept() {
        let mut sent = Sent::new(1_000);
        for text in ["one", "two", "three"] {
            sent.push(frame(text));
        }
        assert!(sent.handle_got(2));
        assert!(sent.handle_got(1), "it may be late");
        assert_eq!(texts(sent.after(2)), Some(vec!["three".into()]));
        assert_eq!(texts(sent.after(1)), None);
        assert!(sent.handle_got(3));
        assert_eq!(sent.kept.capacity(), 0);
    }

    #[test]
    fn a_client_cannot_have_what_was_not_sent() {
        let mut sent = Sent::new(1_000);
        sent.push(frame("one"));
        assert!(!sent.handle_got(2));
        assert_eq!(texts(sent.after(2)), None);
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_forgotten_and_nothing_is_sent_in_part() {
        let mut sent = Sent::new(100);
        for _ in 0..10 {
            sent.push(frame("0123456789"));
        }
        assert_eq!(sent.kept.len(), 3);
        assert_eq!(texts(sent.after(6)), None);
        assert_eq!(texts(sent.after(7)).unwrap().len(), 3);
    }
}
