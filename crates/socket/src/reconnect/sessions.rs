//! The connection as a loop: each turn is a live connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::attempt::{Attempt, Settings};
use super::ending::Ending;
use super::messenger::Messenger;
use super::outbox::OutboxLimits;
use super::policy::RetryPolicy;
use super::retry::{Verdict, Why};
use super::session::{Open, Session};
use super::shared::{Shared, Turn};
use super::status::Status;
use super::tasks::Tasks;
use crate::{ClientStream, Opened, Stream};

/// The live connections of a [`Reconnector`](super::Reconnector), one after the other.
///
/// There is one attempt or one connection at a time. Attempts are made while somebody awaits
/// [`next`](Self::next), and at no other time: a program that leaves the loop and keeps this has no
/// connection, and gets one when it calls `next` again. Dropping it is the end: what waits in the
/// queue is not sent, messengers are told so, and nothing is left running.
pub struct Sessions<S: Stream = ClientStream> {
    settings: Arc<Settings<S>>,
    shared: Arc<Shared<S>>,
    /// From the first `next` on.
    tasks: Option<Tasks>,
    attempt: Option<Attempt<S>>,
    alarm: Alarm,
    /// The session that was given last.
    current: Option<u64>,
    /// How the last attempt or connection ended.
    last: Option<Ending>,
}

impl<S: Stream> Sessions<S> {
    pub(super) fn new(
        settings: Arc<Settings<S>>,
        policy: &RetryPolicy,
        limits: &OutboxLimits,
    ) -> Self {
        Self {
            settings,
            shared: Arc::new(Shared::new(policy, limits)),
            tasks: None,
            attempt: None,
            alarm: Alarm::default(),
            current: None,
            last: None,
        }
    }

    /// Connects, as often as that takes, and gives the live connection. `None` when the client has
    /// ended for good: then [`ended`](Self::ended) says why.
    ///
    /// A session that was left before its end is closed by now, and counts as a connection that was
    /// lost: the next one comes after a delay. A session that came to its end says how with
    /// [`Session::close_report`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Safe: an attempt that has begun rests while nobody awaits this, and goes on with the next call;
    /// if `open_timeout` is over by then, it has failed.
    pub async fn next(&mut self) -> Option<Session<'_, S>> {
        if let Some(session) = self.current.take() {
            // One that was forgotten without being dropped.
            self.shared.leave(session);
        }
        self.tasks.get_or_insert_with(|| Tasks::start(&self.shared));
        let open = poll_fn(|cx| self.poll_open(cx)).await?;
        Some(Session::new(self, open))
    }

    /// A handle to send with, from any task, while sessions come and go.
    pub fn messenger(&self) -> Messenger<S> {
        Messenger::new(self.shared.clone())
    }

    /// Why the client has given up for good, if it has.
    pub fn ended(&self) -> Option<Why> {
        match *self.shared.status().borrow() {
            Status::Ended(why) => Some(why),
            _ => None,
        }
    }

    /// How the last attempt or the last connection ended, if one has.
    pub fn last_ending(&self) -> Option<&Ending> {
        self.last.as_ref()
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Open<S>>> {
        loop {
            match self.shared.turn(cx) {
                Turn::Ended => {
                    self.attempt = None;
                    return Poll::Ready(None);
                }
                Turn::Wait(until) => {
                    self.attempt = None;
                    ready!(self.alarm.poll(cx, until));
                    self.shared.tick();
                }
                Turn::Attempt(number, deadline) => match self.poll_attempt(cx, number) {
                    Poll::Ready(Ok(opened)) => {
                        if let Some(open) = self.open(number, opened) {
                            return Poll::Ready(Some(open));
                        }
                    }
                    Poll::Ready(Err(ending)) => {
                        let verdict = self.judge(ending);
                        self.shared.fail(number, verdict);
                    }
                    Poll::Pending => {
                        ready!(self.alarm.poll(cx, deadline));
                        self.attempt = None;
                        self.last = Some(Ending::Timeout);
                        self.shared.tick();
                    }
                },
            }
        }
    }

    /// Goes on with this attempt; any other is dropped.
    fn poll_attempt(
        &mut self,
        cx: &mut Context<'_>,
        number: u64,
    ) -> Poll<Result<Opened<S>, Ending>> {
        let attempt = match self.attempt.take().filter(|attempt| attempt.number == number) {
            Some(attempt) => self.attempt.insert(attempt),
            None => self.attempt.insert(Attempt::begin(number, self.settings.clone())),
        };
        let result = ready!(attempt.future.as_mut().poll(cx));
        self.attempt = None;
        Poll::Ready(result)
    }

    fn open(&mut self, attempt: u64, opened: Opened<S>) -> Option<Open<S>> {
        let Opened { websocket, response, .. } = opened;
        let session = self.shared.open(attempt, websocket.sender())?;
        self.current = Some(session);
        Some(Open { session, websocket, response })
    }

    /// A session is over, or was left: it is dealt with once.
    pub(super) fn finish(&mut self, open: &Open<S>) {
        let Some(session) = self.current.take_if(|current| *current == open.session) else {
            return;
        };
        let Some(report) = open.websocket.close_report() else {
            self.last = Some(Ending::Left);
            return self.shared.leave(session);
        };
        // The value ignores the verdict where the program has ended the client.
        let verdict = self.judge(Ending::Closed(report));
        self.shared.close(session, verdict);
    }

    /// What the program makes of an ending, which is the last one from now on.
    fn judge(&mut self, ending: Ending) -> Verdict {
        let verdict = (self.settings.classify)(&ending);
        tracing::debug!(%ending, ?verdict, "connection lost or not opened");
        self.last = Some(ending);
        verdict
    }

    pub(super) fn shared(&self) -> &Arc<Shared<S>> {
        &self.shared
    }
}

impl<S: Stream> Drop for Sessions<S> {
    fn drop(&mut self) {
        if let Some(session) = self.current.take() {
            self.shared.leave(session);
        }
        self.shared.end(None);
    }
}

impl<S: Stream> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("shared", &self.shared)
            .field("attempt", &self.attempt)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// A timer that is set anew.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready when that time has come; without one, never.
    fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at.map(Into::into) else {
            self.0 = None;
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        ready!(sleep.as_mut().poll(cx));
        // It has rung.
        self.0 = None;
        Poll::Ready(())
    }
}
