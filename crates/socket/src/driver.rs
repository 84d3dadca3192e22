//! What a connection needs done when nobody awaits it: a task per thread that writes what was left
//! unwritten, keeps deadlines and sees closed sockets off.
//!
//! Applications await `recv` and `send`; between those calls they do as they like. Pings that are
//! due, answers that were corked, bytes that the network did not take: none of it may depend on when
//! an application calls next.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::runtime;

use crate::clock;
use crate::timers::{Tick, Timers};

/// A connection, as the driver knows it.
pub(crate) trait Driven: Send + Sync {
    /// Does whatever is due, without waiting.
    fn drive(self: Arc<Self>, now: Instant);

    /// The process budget gives up the message that is arriving: fails the connection soon.
    fn give_up_message(self: Arc<Self>);
}

impl fmt::Debug for dyn Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driven")
    }
}

/// How many connections are driven before other tasks get their turn.
const TURN: usize = 64;

/// The driver of the connections that were opened on one thread of one runtime.
#[derive(Debug)]
pub(crate) struct Driver {
    /// What ticks are counted from.
    start: Instant,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    /// Connections with something to do; each is here at most once.
    ready: VecDeque<Arc<dyn Driven>>,
    timers: Timers,
    /// Wakes the task, unless it is awake already.
    waker: Option<Waker>,
    /// The runtime is gone.
    ended: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<(runtime::Id, Arc<Driver>)>> = const { RefCell::new(None) };
}

impl Driver {
    /// The driver of this thread, started if need be.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn current() -> Arc<Self> {
        let handle = runtime::Handle::current();
        CURRENT.with_borrow_mut(|current| match current {
            Some((id, driver)) if *id == handle.id() => driver.clone(),
            _ => {
                let queue = Queue {
                    ready: VecDeque::new(),
                    timers: Timers::default(),
                    waker: None,
                    ended: false,
                };
                let driver = Arc::new(Self { start: clock::now(), queue: Mutex::new(queue) });
                handle.spawn(tokio::task::unconstrained(Drive::new(driver.clone())));
                *current = Some((handle.id(), driver.clone()));
                driver
            }
        })
    }

    /// Has a connection driven soon.
    pub(crate) fn push(&self, link: Arc<dyn Driven>) {
        let mut queue = self.lock();
        if queue.ended {
            return;
        }
        queue.ready.push_back(link);
        queue.wake();
    }

    /// The tick at which a deadline is looked at.
    pub(crate) fn tick(&self, deadline: Instant) -> Tick {
        Tick::of(deadline, self.start)
    }

    /// Has a connection driven at `tick`, and no more at `old`.
    pub(crate) fn arm(&self, link: &Arc<dyn Driven>, tick: Tick, old: Option<Tick>) {
        let mut queue = self.lock();
        if queue.ended {
            return;
        }
        if let Some(old) = old {
            queue.timers.remove(old, link);
        }
        let next = queue.timers.next();
        queue.timers.insert(tick, link);
        // The task sleeps until the earliest tick: tell it of an earlier one.
        if next != queue.timers.next() {
            queue.wake();
        }
    }

    pub(crate) fn disarm(&self, link: &Arc<dyn Driven>, tick: Tick) {
        self.lock().timers.remove(tick, link);
    }

    /// Whether a tick has come.
    pub(crate) fn is_due(&self, tick: Tick, now: Instant) -> bool {
        tick.time(self.start) <= now
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The task.
struct Drive {
    driver: Arc<Driver>,
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// The connections of this turn; kept for its memory.
    turn: Vec<Arc<dyn Driven>>,
}

impl Drive {
    fn new(driver: Arc<Driver>) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(clock::now().into()));
        Self { driver, sleep, turn: Vec::new() }
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let now = clock::now();
        let (more, next) = {
            let mut queue = this.driver.lock();
            let count = queue.ready.len().min(TURN);
            this.turn.extend(queue.ready.drain(..count));
            while this.turn.len() < TURN {
                let Some(link) = queue.timers.pop_due(|tick| this.driver.is_due(tick, now)) else {
                    break;
                };
                this.turn.push(link);
            }
            // A burst of work must not leave its memory behind.
            if queue.ready.is_empty() && queue.ready.capacity() > 16 * TURN {
                queue.ready = VecDeque::new();
            }
            let more = !queue.ready.is_empty() || this.turn.len() == TURN;
            queue.waker = (!more).then(|| cx.waker().clone());
            (more, queue.timers.next().map(|tick| tick.time(this.driver.start)))
        };
        for link in this.turn.drain(..) {
            link.drive(now);
        }
        if more {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Driving may have armed an earlier deadline; that wakes the task again.
        if let Some(next) = next {
            if this.sleep.deadline() != next.into() {
                this.sleep.as_mut().reset(next.into());
            }
            if this.sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let (ready, timers) = {
            let mut queue = self.driver.lock();
            queue.ended = true;
            let timers = std::mem::take(&mut queue.timers);
            (std::mem::take(&mut queue.ready), timers)
        };
        // Outside the lock: the last reference to a connection may go with them.
        drop((ready, timers));
    }
}
