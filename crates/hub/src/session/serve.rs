//! A session's links: how each is taken, what it begins with, and how the session goes on or ends.

use std::future::poll_fn;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use everwire::{AnySender, Stream, WebSocket};
use everwire_proto::{
    Answer, Bye, CloseCode, Connect, Connected, Heartbeat, HubMessage, Id, Resume, SessionLimits,
};
use tokio::runtime::Handle;
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::Session;
use super::commands::{self, PANICKED};
use super::link::{Attached, Due, LinkEnd, close};
use crate::endpoint::{AnyEndpoint, Ending, EndpointError};
use crate::frames::{Speech, hub_frame};

/// How often a link that waits for the one before it looks whether it is still the newest.
const LOOK: Duration = Duration::from_secs(1);

/// A connection that is a session's, in the task that has it. Whatever becomes of that task, the session is let
/// go of: it has ended by then, has another link, or waits for one.
pub(super) struct Serving<S: Stream> {
    pub(super) session: Session,
    pub(super) endpoint: Arc<dyn AnyEndpoint>,
    pub(super) socket: WebSocket<S>,
    /// What `connect` is answered, if it is one that says it.
    reply: Reply,
    /// When it was opened, among all connections of the hub.
    number: NonZeroU64,
    /// The same, once it is the session's link.
    pub(super) link: Option<NonZeroU64>,
    /// It is at something that its client has an answer to come of, or just opening.
    pub(super) at_work: bool,
}

/// The client's `connect`, if it is one that says it.
pub(super) type Reply = Option<Box<(Id, Connect)>>;

impl<S: Stream> Serving<S> {
    pub(super) fn new(
        session: Session,
        endpoint: Arc<dyn AnyEndpoint>,
        reply: Reply,
        number: NonZeroU64,
        socket: WebSocket<S>,
    ) -> Self {
        Self { session, endpoint, reply, number, socket, link: None, at_work: false }
    }

    /// Has the link until it ends; then the session ends, or waits for another one.
    pub(super) async fn run(&mut self) {
        let session = self.session.clone();
        let number = self.number;
        let Some(taken) = session.take_link(number) else {
            // It was long about `connect`, and its client, which did not wait, has come back since.
            return close(&self.socket, CloseCode::TAKEN_OVER, "taken over");
        };
        // Before it waits: the session is let go of also if this is dropped meanwhile.
        self.link = Some(number);
        // The link before this one finishes what it is at.
        let turn = match session.0.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(_) => Box::pin(session.wait_for_turn(number)).await,
        };
        let Some(_turn) = turn else {
            return close(&self.socket, CloseCode::TAKEN_OVER, "taken over");
        };
        if !session.lock().goes_on() {
            close(&self.socket, CloseCode(1012), "the session has ended");
            return Box::pin(session.end_surely(&self.endpoint, cut_short())).await;
        }
        self.at_work = true;
        let reply = self.reply.take();
        let opening = session.open(&*self.endpoint, reply, taken, &self.socket);
        let opened = Box::pin(opening).await;
        self.at_work = false;
        if let Err(due) = opened {
            close(&self.socket, CloseCode(1011), "the session could not go on");
            return Box::pin(session.let_go(&self.endpoint, LinkEnd::of(due))).await;
        }
        let end = Attached::new(self).run().await;
        Box::pin(session.let_go(&self.endpoint, end)).await;
    }
}

impl<S: Stream> Drop for Serving<S> {
    fn drop(&mut self) {
        let Some(number) = self.link else { return };
        let mut state = self.session.lock();
        state.drop_outlet(number);
        let waits = !state.ended && state.link == Some(number);
        // A raw client cannot come back, either.
        if self.at_work || self.session.is_raw() {
            state.cut_short = true;
            // Whoever waits for a return, or for its turn, waits no longer.
            state.bell.ring();
        }
        drop(state);
        // Without a runtime nobody is left to wait.
        if let (true, Ok(runtime)) = (waits, Handle::try_current()) {
            let (session, endpoint) = (self.session.clone(), self.endpoint.clone());
            let at_work = session.0.hub.at_work();
            runtime.spawn(async move {
                session.wait_for_return(endpoint, number).await;
                drop(at_work);
            });
        }
    }
}

impl Session {
    /// Waits until the link before this one is done; none if another one has come meanwhile. So they do not
    /// pile up behind an endpoint that takes long.
    async fn wait_for_turn(&self, number: NonZeroU64) -> Option<MutexGuard<'_, ()>> {
        loop {
            if let Ok(turn) = timeout(LOOK, self.0.turn.lock()).await {
                return Some(turn);
            }
            if self.lock().link != Some(number) {
                return None;
            }
        }
    }

    async fn let_go(&self, endpoint: &Arc<dyn AnyEndpoint>, end: LinkEnd) {
        match end {
            LinkEnd::Session(ending) => self.end_surely(endpoint, ending).await,
            // It cannot come back here.
            LinkEnd::Lost if self.0.hub.is_leaving() => self.end_surely(endpoint, left()).await,
            LinkEnd::Lost => self.depart().await,
            LinkEnd::TakenOver => {}
        }
    }

    /// Attaches the link and answers `connect`.
    async fn open<S: Stream>(
        &self,
        endpoint: &dyn AnyEndpoint,
        reply: Reply,
        taken: Taken,
        socket: &WebSocket<S>,
    ) -> Result<(), Due> {
        let is_new = taken == Taken::First;
        if is_new {
            self.enter().await;
            self.lock().opened = true;
            endpoint.on_open(self).await.map_err(commands::panicked)?;
        } else {
            self.renew().await;
        }
        let Some((id, connect)) = reply.map(|reply| *reply) else {
            let mut state = self.lock();
            state.outlet = Some(AnySender::from(socket.sender()));
            state.held = false;
            state.bell.ring();
            return Ok(());
        };
        let mut connected = self.connected(!is_new);
        let mut arriving = Vec::new();
        let asked = if is_new { connect.subscriptions } else { Vec::new() };
        let mut opened = Ok(());
        for (topic, options) in asked {
            match commands::arrive(self, endpoint, &topic, &options).await {
                Ok(outcome) => {
                    let told = outcome.as_ref().map(|arriving| arriving.subscribed.clone());
                    connected.subscriptions.push((topic, told.map_err(Clone::clone)));
                    arriving.extend(outcome.ok());
                }
                Err(due) => {
                    opened = Err(due);
                    break;
                }
            }
        }
        if opened.is_ok() {
            let resume = connect.resume.filter(|_| !is_new);
            opened = self.attach(id, connected, resume, socket).await;
        }
        // Even if it failed: the session gives up what it has when it ends.
        for arriving in arriving {
            self.sit_down(arriving);
        }
        self.lock().bell.ring();
        opened
    }

    fn connected(&self, resumed: bool) -> Connected {
        let config = &self.0.hub.config;
        Connected {
            session: self.0.id.clone(),
            key: self.0.key.clone(),
            user: self.0.user.clone(),
            resumed,
            got: self.lock().received,
            heartbeat: Heartbeat {
                interval: crate::clock::millis(config.heartbeat_interval),
                timeout: crate::clock::millis(config.heartbeat_timeout),
            },
            limits: SessionLimits {
                max_message: config.max_message as u64,
                max_subscriptions: config.max_subscriptions as u64,
                max_unanswered: config.max_unanswered as u64,
            },
            subscriptions: Vec::new(),
        }
    }

    /// The reply leaves first, then what the client lacks, then everything else.
    async fn attach<S: Stream>(
        &self,
        id: Id,
        connected: Connected,
        resume: Option<Resume>,
        socket: &WebSocket<S>,
    ) -> Result<(), Due> {
        let Speech::Hub(encoding) = self.0.speech else { return Ok(()) };
        let reply = HubMessage::Reply { id, outcome: Ok(Answer::Connected(Box::new(connected))) };
        let outlet = AnySender::from(socket.sender());
        outlet.try_send(&hub_frame(&reply, encoding)).map_err(|_| Due::Lost)?;
        // A new session may have been sent something by its endpoint already.
        let mut got = resume.map_or(0, |resume| resume.got);
        self.lock().sent.handle_got(got);
        loop {
            let lacking = {
                let mut state = self.lock();
                // None if it was forgotten meanwhile: then the client begins a new session.
                let lacking = state.sent.after(got).ok_or(Due::Lost)?;
                if lacking.is_empty() {
                    (state.outlet, state.held) = (Some(outlet), false);
                    break;
                }
                lacking
            };
            for frame in lacking {
                outlet.ready(frame.message().len()).await.map_err(|_| Due::Lost)?;
                outlet.try_send(&frame).map_err(|_| Due::Lost)?;
                got += 1;
            }
        }
        Ok(())
    }

    /// The client is away: either it comes back in time or the session ends.
    async fn wait_for_return(self, endpoint: Arc<dyn AnyEndpoint>, number: NonZeroU64) {
        let away = timeout(self.0.hub.config.resume_timeout, self.closing(number)).await;
        let _turn = self.0.turn.lock().await;
        if self.lock().link != Some(number) {
            return;
        }
        let ending = match away {
            Ok(ending) => ending,
            Err(_) => Ending {
                code: CloseCode::NO_HEARTBEAT,
                reason: "the client did not come back".into(),
                was_clean: false,
            },
        };
        // In a box: many wait for long, and few end at a time.
        Box::pin(self.end(&*endpoint, ending)).await;
    }

    /// Waits until somebody closes the session while this was its last link.
    async fn closing(&self, number: NonZeroU64) -> Ending {
        let closed = |cx: &mut Context<'_>| {
            let mut state = self.lock();
            if state.link != Some(number) {
                // Its new link sees to it.
                let (code, reason) = (CloseCode::TAKEN_OVER, String::new());
                return Poll::Ready(Ending { code, reason, was_clean: true });
            }
            if let Some((code, reason)) = state.closing.clone() {
                return Poll::Ready(Ending { code, reason, was_clean: true });
            }
            if state.cut_short {
                return Poll::Ready(cut_short());
            }
            // What rang before is seen by now.
            while state.bell.poll(cx).is_ready() {}
            Poll::Pending
        };
        poll_fn(closed).await
    }

    /// The session ends, also if whoever awaits that is dropped meanwhile.
    async fn end_surely(&self, endpoint: &Arc<dyn AnyEndpoint>, ending: Ending) {
        let (session, endpoint) = (self.clone(), endpoint.clone());
        let at_work = self.0.hub.at_work();
        let ending = tokio::spawn(async move {
            session.end(&*endpoint, ending).await;
            drop(at_work);
        });
        // What the endpoint does in there does not panic.
        let _ = ending.await;
    }

    /// The session ends, once.
    async fn end(&self, endpoint: &dyn AnyEndpoint, ending: Ending) {
        if std::mem::replace(&mut self.lock().ended, true) {
            return;
        }
        self.0.hub.lock().remove(&self.0.id);
        for topic in self.subscriptions() {
            self.give_up(&topic);
        }
        match ending.code {
            CloseCode::DRAINING => self.depart().await,
            _ => self.bid_farewell().await,
        }
        let opened = {
            let mut state = self.lock();
            state.bell.ring();
            state.opened
        };
        if !opened {
            return;
        }
        if ending.code == PANICKED {
            let _ = endpoint.on_error(self, &EndpointError::Panicked).await;
        }
        let _ = endpoint.on_close(self, &ending).await;
    }

    /// From now on an older link does not speak for the session. None if this is the older one.
    fn take_link(&self, number: NonZeroU64) -> Option<Taken> {
        let mut state = self.lock();
        let taken = match state.link {
            None => Taken::First,
            Some(other) if other < number => Taken::Another,
            Some(_) => return None,
        };
        (state.link, state.too_slow) = (Some(number), false);
        let old = state.outlet.take();
        state.bell.ring();
        drop(state);
        if let Some(old) = old {
            // Whoever waits for room on it waits no longer.
            self.close_link(&old, Bye::new(CloseCode::TAKEN_OVER, "taken over"));
        }
        Some(taken)
    }
}

/// Which link of a session's was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    First,
    Another,
}

/// How a session ends whose link was dropped while it was at work.
fn cut_short() -> Ending {
    let reason = "its connection is served no longer".to_owned();
    Ending { code: CloseCode(1012), reason, was_clean: false }
}

/// How a session ends whose hub goes.
fn left() -> Ending {
    Ending { code: CloseCode::DRAINING, reason: "the hub goes".into(), was_clean: true }
}
