//! One WebSocket behind its handles: the protocol's value, the stream it goes over, and who waits.
//!
//! ```text
//!   recv, visit ──► receive ─┐                        ┌─► io ◄──► stream
//!   send, reserve ─► send ───┤ State, a short lock ───┤
//!   time, wake-ups ─► drive ─┘                        └─► Connection
//! ```

mod drive;
mod io;
mod member;
mod receive;
mod send;
mod tail;
mod waiting;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use everwire_wire::{
    Agreement, CloseCode, CloseReason, CloseReport, Config, Connection, ReadyState, Role,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::budget;
use crate::clock;
use crate::driver::{Driven, Driver};
use crate::timers::Tick;

pub(crate) use member::{Addressee, Ending, Member};
pub(crate) use receive::Delivery;
pub(crate) use send::Leave;
use tail::Tail;
use waiting::Waiting;

/// What a WebSocket can go over: TCP, TLS, a pipe in memory, later a stream of HTTP/2.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// One WebSocket; shared by its handles and, while it has something to do, by its driver.
pub(crate) struct Link<S> {
    state: Mutex<State<S>>,
    driver: Arc<Driver>,
    /// How many handles the application holds.
    handles: AtomicU32,
    /// The driver has been told to look at this connection. Outside the lock: streams wake each
    /// other while they are locked.
    on_driver: AtomicBool,
    /// The process budget chose this connection's message to be given up.
    over_budget: AtomicBool,
    agreement: Option<Box<Agreement>>,
}

/// What the lock guards. It is held while bytes are parsed, queued, read and written, never while
/// code of the application runs.
pub(crate) struct State<S> {
    pub(crate) connection: Connection,
    /// None when the stream was let go.
    io: Option<S>,

    // Read state.
    /// What was read and not parsed.
    tail: Tail,
    /// Messages are being shown to a visitor: more may follow at once.
    visiting: bool,
    /// The task that awaits the next message.
    reader: Option<Waker>,
    /// Nobody will ask for messages any more: they are read and dropped, so that control frames
    /// are still answered.
    receiver_gone: bool,
    /// A message in pieces was left by its reader: the rest of it is read and dropped.
    piece_left: bool,

    // Write state.
    /// Tasks that await room in the queue, or a pong, and messages that await their turn. Nearly
    /// always none.
    waiting: Option<Box<Waiting>>,
    /// A message is being sent in pieces: others wait.
    writing_pieces: bool,
    /// The stream may hold bytes that it has not passed on.
    unflushed: bool,
    /// Writing failed; what can still be read is read before the connection ends.
    write_failed: Option<std::io::ErrorKind>,

    // What is due without a call.
    armed: Option<Tick>,
    /// What the process budget was told.
    charged: usize,

    // The end.
    end: Option<Box<End>>,
}

/// How the connection ended, and what is left to do.
struct End {
    report: CloseReport,
    /// While the stream is seen off.
    farewell: Option<drive::Farewell>,
}

impl<S: Stream> Link<S> {
    pub(crate) fn new(
        stream: S,
        role: Role,
        agreement: Agreement,
        unread: Vec<u8>,
        config: Arc<Config>,
    ) -> Arc<Self> {
        let now = clock::now();
        let connection = Connection::new(role, &agreement, config, now);
        let state = State {
            connection,
            io: Some(stream),
            tail: Tail::new(unread),
            visiting: false,
            reader: None,
            receiver_gone: false,
            piece_left: false,
            waiting: None,
            writing_pieces: false,
            unflushed: false,
            write_failed: None,
            armed: None,
            charged: 0,
            end: None,
        };
        let plain = agreement == Agreement::default();
        let link = Arc::new(Self {
            state: Mutex::new(state),
            driver: Driver::current(),
            handles: AtomicU32::new(0),
            on_driver: AtomicBool::new(false),
            over_budget: AtomicBool::new(false),
            agreement: (!plain).then(|| Box::new(agreement)),
        });
        // The first heartbeat is due although nobody has called anything yet.
        link.arm(&mut link.lock());
        link
    }

    /// A server's, which has yet to say that it accepts. It says so when the task that runs now waits
    /// for something: by then it may have made the WebSocket a member of a group, whose messages a
    /// client that has been accepted expects to hear.
    pub(crate) fn with_response(
        stream: S,
        response: Vec<u8>,
        agreement: Agreement,
        unread: Vec<u8>,
        config: Arc<Config>,
    ) -> Arc<Self> {
        let link = Self::new(stream, Role::Server, agreement, unread, config);
        link.lock().connection.send_response(response);
        link.push();
        link
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<S>> {
        // A panic under the lock is a bug of ours; other connections do not notice it, and this one
        // is no worse for being closed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_deref()
    }

    // Handles.

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// A handle was dropped. With the last one the connection closes by itself: with 1000, or with
    /// 1011 if the task that held it panicked.
    pub(crate) fn drop_handle(self: &Arc<Self>, receiver: bool) {
        let last = self.handles.fetch_sub(1, Ordering::AcqRel) == 1;
        if !last && !receiver {
            return;
        }
        let mut state = self.lock();
        state.receiver_gone |= receiver || last;
        // A visitor that panicked did not say that it was done.
        state.visiting = false;
        if last && state.end.is_none() {
            let code = if std::thread::panicking() {
                CloseCode::INTERNAL_ERROR
            } else {
                CloseCode::NORMAL
            };
            state.connection.close(clock::now(), CloseReason::from_code(code).ok());
        }
        if state.end.is_none() {
            self.push();
        }
    }

    /// Lets the stream go at once.
    pub(crate) fn abort(self: &Arc<Self>) {
        let mut state = self.lock();
        state.connection.abort(clock::now());
        self.finish(&mut state);
    }

    /// How many of the last messages are known not to have left. None are while they may still leave,
    /// nor where pongs in text may be among them, which cannot be told apart.
    pub(crate) fn unsent(&self) -> usize {
        let state = self.lock();
        if state.connection.config().text_heartbeat.is_some() {
            return 0;
        }
        match state.report() {
            Some(report) => report.unsent.messages,
            None if state.takes_no_more() => state.connection.unsent().messages,
            None => 0,
        }
    }

    // What is due without a call.

    /// Has the driver look at this connection soon.
    fn push(self: &Arc<Self>) {
        if !self.on_driver.load(Ordering::Relaxed) && !self.on_driver.swap(true, Ordering::AcqRel) {
            self.driver.push(self.clone());
        }
    }

    /// Makes sure that the driver looks at this connection when its next deadline is due.
    fn arm(self: &Arc<Self>, state: &mut State<S>) {
        let deadline = match state.farewell() {
            Some(farewell) => Some(farewell.deadline),
            None => state.connection.poll_timeout(),
        };
        let Some(deadline) = deadline else { return };
        // A later deadline than the one armed needs nothing: looking early does no harm. So a busy
        // connection, whose heartbeat moves with every read, touches the timers rarely.
        let tick = self.driver.tick(deadline);
        if state.armed.is_some_and(|armed| armed <= tick) {
            return;
        }
        let link: Arc<dyn Driven> = self.clone();
        let old = state.armed.replace(tick);
        self.driver.arm(&link, tick, old);
    }
}

impl<S> State<S> {
    pub(crate) fn ready_state(&self) -> ReadyState {
        self.connection.ready_state()
    }

    /// Whether nothing will ever be written again.
    fn takes_no_more(&self) -> bool {
        self.write_failed.is_some() || self.ready_state() == ReadyState::Closed
    }

    pub(crate) fn report(&self) -> Option<&CloseReport> {
        self.end.as_ref().map(|end| &end.report)
    }

    fn farewell(&self) -> Option<&drive::Farewell> {
        self.end.as_ref()?.farewell.as_ref()
    }

    /// Whether the budget and the timers know all there is to know.
    fn is_settled(&self) -> bool {
        self.armed.is_some() && self.charged == 0 && self.connection.is_quiet()
    }

    /// Whether bytes wait that were read and not parsed.
    fn has_tail(&self) -> bool {
        !self.tail.is_empty()
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.wake_writers();
            self.waiting.take_if(|waiting| waiting.is_unused());
        }
    }

    /// The connection is no more, or as good as that: whoever waits is told.
    fn wake_all(&mut self) {
        self.wake_reader();
        if let Some(waiting) = &mut self.waiting {
            waiting.wake_all();
        }
    }
}

impl<S> Drop for Link<S> {
    fn drop(&mut self) {
        let address = std::ptr::from_ref(self).cast::<()>() as usize;
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        budget::process().forget(address, state.charged);
    }
}

impl<S> fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
