//! How the task that has a session is told that there is something to do.

use std::task::{Context, Poll, Waker};

/// Wakes one task: that which last waited. A value behind the session's lock, a third of a `Notify` and of what
/// waiting for one takes.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: bool,
    waiter: Option<Waker>,
}

impl Bell {
    /// There is something to do. If nobody waits, the next one who would does not.
    pub(super) fn ring(&mut self) {
        self.rung = true;
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    /// Ready once for however many rings.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.rung) {
            return Poll::Ready(());
        }
        if !self.waiter.as_ref().is_some_and(|waiter| waiter.will_wake(cx.waker())) {
            self.waiter = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_ring_wakes_who_waits_once_and_is_not_missed_by_who_comes_later() {
        let (mut bell, woken) = (Bell::default(), Arc::new(Woken::default()));
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        assert_eq!(bell.poll(&cx), Poll::Pending);
        bell.ring();
        bell.ring();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(bell.poll(&cx), Poll::Ready(()));
        assert_eq!(bell.poll(&cx), Poll::Pending);
    }

    #[test]
    fn who_waited_last_is_woken() {
        let mut bell = Bell::default();
        let (first, second) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        for woken in [&first, &second] {
            let waker = Waker::from(woken.clone());
            assert_eq!(bell.poll(&Context::from_waker(&waker)), Poll::Pending);
        }
        bell.ring();
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        assert_eq!(second.0.load(Ordering::Relaxed), 1);
    }
}
