//! From an open WebSocket to a session, new or gone on with, and to its end.

use std::sync::Arc;

use everwire::{AnySender, Stream, WebSocket};
use everwire_proto::{
    Answer, Bye, ClientMessage, CloseCode, Command, Connect, Connected, Encoding, ErrorCode,
    ErrorReply, Heartbeat, HubMessage, Id, Resume, Secret, SessionLimits, Verdict,
};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::link::{Attached, Due, LinkEnd, close, close_reason, encoded};
use super::{Identity, Request, Session, commands};
use crate::endpoint::{AnyEndpoint, Ending, EndpointError};
use crate::frames::{Speech, hub_frame};
use crate::hub::Inner;

/// What a client is told that is not let in.
struct Refused(CloseCode, String);

impl Session {
    /// Serves a connection until it is over.
    pub(crate) async fn serve<S: Stream, B>(
        hub: &Arc<Inner>,
        request: &http::Request<B>,
        mut socket: WebSocket<S>,
    ) {
        hub.start_attendance();
        let at_work = hub.at_work();
        let speaks = Encoding::from_subprotocol(socket.protocol());
        let is_late = hub.is_leaving();
        let group =
            if speaks.is_some() && !is_late { &hub.leaving.linked } else { &hub.leaving.raw };
        // Whoever joins late is closed with that.
        let membership = group.join(&socket);
        if is_late {
            return;
        }
        let Some((endpoint, params)) = hub.endpoint(request.uri().path()) else {
            return close(&socket, CloseCode::TOLD_TO_GO, "there is no endpoint here");
        };
        let unfinished = Unfinished(Some(socket.sender().into()));
        let request = Request::new(request, params);
        let begun = match speaks {
            None => Self::begin_raw(hub, &*endpoint, request).await,
            Some(encoding) => Self::begin(hub, &*endpoint, request, encoding, &mut socket).await,
        };
        match begun {
            Ok(begun) => begun.session.clone().run(endpoint, begun, socket).await,
            Err(Refused(code, reason)) => close(&socket, code, &reason),
        }
        unfinished.finish();
        drop((membership, at_work));
    }

    async fn begin_raw(
        hub: &Arc<Inner>,
        endpoint: &dyn AnyEndpoint,
        request: Request,
    ) -> Result<Begun, Refused> {
        let token = request.query("token");
        let user = endpoint.identify(&request, token.as_deref()).await;
        let user = user.map_err(|_| panicked())?.map_err(|error| unauthorized(&error))?;
        let id = hub.dice.name("s-");
        let identity = Identity { client: id.clone(), id, key: hub.dice.secret(), user };
        let session = hub.enter(Self::new(hub, identity, Speech::Raw, request))?;
        Ok(Begun { session, reply: None })
    }

    /// Waits for `connect` and answers it.
    async fn begin<S: Stream>(
        hub: &Arc<Inner>,
        endpoint: &dyn AnyEndpoint,
        request: Request,
        encoding: Encoding,
        socket: &mut WebSocket<S>,
    ) -> Result<Begun, Refused> {
        let first = timeout(hub.config.connect_timeout, socket.recv()).await;
        let Ok(first) = first else {
            return Err(Refused(CloseCode::NO_CONNECT, "no `connect` in time".into()));
        };
        let Some(first) = first else {
            return Err(Refused(CloseCode(1000), String::new()));
        };
        let (id, connect) =
            match ClientMessage::decode(&encoded(first), encoding, hub.config.max_message) {
                Ok(ClientMessage::Command { id, command: Command::Connect(connect) }) => {
                    (id, *connect)
                }
                Ok(_) => {
                    return Err(Refused(CloseCode::NO_CONNECT, "`connect` comes first".into()));
                }
                Err(error) => {
                    if let Verdict::Answer(id, reply) = error.verdict() {
                        refuse(socket, encoding, id, &reply).await;
                        let code = match reply.code {
                            ErrorCode::Version => CloseCode::VERSION,
                            _ => CloseCode::NOT_UNDERSTOOD,
                        };
                        return Err(Refused(code, reply.message));
                    }
                    return Err(Refused(CloseCode::NOT_UNDERSTOOD, error.to_string()));
                }
            };
        let token = connect.token.as_ref().map(Secret::as_str);
        let identified = endpoint.identify(&request, token).await.map_err(|_| panicked())?;
        let user = match identified {
            Ok(user) => user,
            Err(error) => {
                refuse(socket, encoding, id, &error).await;
                return Err(unauthorized(&error));
            }
        };
        if let Some(session) = hub.find(connect.resume.as_ref(), user.as_ref(), encoding) {
            return Ok(Begun { session, reply: Some((id, connect)) });
        }
        let identity = Identity {
            id: hub.dice.name("s-"),
            key: hub.dice.secret(),
            client: connect.client.clone().unwrap_or_else(|| hub.dice.name("c-")),
            user,
        };
        let session = Self::new(hub, identity, Speech::Hub(encoding), request);
        Ok(Begun { session: hub.enter(session)?, reply: Some((id, connect)) })
    }

    /// Has the link, and lets go of it: the session ends, or waits for another one.
    async fn run<S: Stream>(
        self,
        endpoint: Arc<dyn AnyEndpoint>,
        begun: Begun,
        mut socket: WebSocket<S>,
    ) {
        let number = self.take_link();
        // The link before this one finishes what it is at.
        let turn = self.0.turn.lock().await;
        if self.is_ended() {
            return close(&socket, CloseCode(1012), "the session has ended");
        }
        let held = HeldLink { session: self.clone(), endpoint: endpoint.clone(), number };
        let opened = self.open(&*endpoint, begun.reply, number, &socket).await;
        let end = match opened {
            Err(due) => {
                close(&socket, CloseCode(1011), "the session could not go on");
                LinkEnd::of(due)
            }
            Ok(()) => Attached::new(&self, &*endpoint, &mut socket, number).run().await,
        };
        match end {
            LinkEnd::Session(ending) => self.end(&*endpoint, ending).await,
            // It cannot come back here.
            LinkEnd::Lost if self.0.hub.is_leaving() => self.end(&*endpoint, left()).await,
            LinkEnd::Lost => self.depart().await,
            LinkEnd::TakenOver => {}
        }
        drop((held, turn, socket));
    }

    /// Attaches the link and answers `connect`.
    async fn open<S: Stream>(
        &self,
        endpoint: &dyn AnyEndpoint,
        reply: Option<(Id, Connect)>,
        number: u64,
        socket: &WebSocket<S>,
    ) -> Result<(), Due> {
        let is_new = number == 1;
        if is_new {
            self.enter().await;
            endpoint.on_open(self).await.map_err(commands::panicked)?;
        } else {
            self.renew().await;
        }
        let Some((id, connect)) = reply else {
            let mut state = self.lock();
            state.outlet = Some(AnySender::from(socket.sender()));
            state.held = false;
            drop(state);
            self.0.work.notify_one();
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
        self.0.work.notify_one();
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
    async fn wait_for_return(self, endpoint: Arc<dyn AnyEndpoint>, number: u64) {
        let away = timeout(self.0.hub.config.resume_timeout, self.closing(number)).await;
        let _turn = self.0.turn.lock().await;
        if self.lock().link != number {
            return;
        }
        let ending = match away {
            Ok((code, reason)) => Ending { code, reason, was_clean: true },
            Err(_) => Ending {
                code: CloseCode::NO_HEARTBEAT,
                reason: "the client did not come back".into(),
                was_clean: false,
            },
        };
        self.end(&*endpoint, ending).await;
    }

    /// Waits until somebody closes the session while this was its last link.
    async fn closing(&self, number: u64) -> (CloseCode, String) {
        loop {
            {
                let state = self.lock();
                if state.link != number {
                    // Its new link sees to it.
                    return (CloseCode::TAKEN_OVER, String::new());
                }
                if let Some(closing) = &state.closing {
                    return closing.clone();
                }
            }
            self.0.work.notified().await;
        }
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
        self.0.work.notify_waiters();
        if ending.code == commands::PANICKED {
            let _ = endpoint.on_error(self, &EndpointError::Panicked).await;
        }
        let _ = endpoint.on_close(self, &ending).await;
    }

    /// From now on an older link does not speak for the session. The number of the new one.
    fn take_link(&self) -> u64 {
        let mut state = self.lock();
        state.link += 1;
        state.too_slow = false;
        let (number, old) = (state.link, state.outlet.take());
        drop(state);
        if let (Some(old), Speech::Hub(encoding)) = (old, self.0.speech) {
            let (code, reason) = (CloseCode::TAKEN_OVER, "taken over".to_owned());
            let bye = Bye { code, reason: reason.clone(), retry: false, after: None };
            // Whoever waits for room on it waits no longer.
            let _ = old.try_send(&hub_frame(&HubMessage::Bye(bye), encoding));
            old.start_close(close_reason(code, &reason));
        }
        self.0.work.notify_one();
        number
    }
}

/// A session's link, in the task that has it. Whatever becomes of that task, the session is let go of: it has
/// ended by then, has another link, or waits for one.
struct HeldLink {
    session: Session,
    endpoint: Arc<dyn AnyEndpoint>,
    number: u64,
}

impl Drop for HeldLink {
    fn drop(&mut self) {
        let mut state = self.session.lock();
        state.drop_outlet(self.number);
        let waits = !state.ended && state.link == self.number;
        drop(state);
        // Without a runtime nobody is left to wait.
        if let (true, Ok(runtime)) = (waits, Handle::try_current()) {
            let (session, endpoint) = (self.session.clone(), self.endpoint.clone());
            let (at_work, number) = (session.0.hub.at_work(), self.number);
            runtime.spawn(async move {
                session.wait_for_return(endpoint, number).await;
                drop(at_work);
            });
        }
    }
}

/// A connection whose serving may be given up: its task is dropped with the runtime, or by the application.
/// The client is told to come back then, where a dropped WebSocket alone would say that all is done.
struct Unfinished(Option<AnySender>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            sender.start_close(close_reason(CloseCode(1012), "the hub restarts"));
        }
    }
}

/// A session that a connection is for.
struct Begun {
    session: Session,
    /// What `connect` is answered, if it is one that says it.
    reply: Option<(Id, Connect)>,
}

impl Inner {
    /// Takes a new session in.
    fn enter(&self, session: Session) -> Result<Session, Refused> {
        let mut sessions = self.lock();
        if self.is_leaving() {
            return Err(Refused(CloseCode::DRAINING, "draining".into()));
        }
        if sessions.len() >= self.config.max_sessions {
            return Err(Refused(CloseCode(1013), "too many sessions".into()));
        }
        sessions.insert(session.id().clone(), session.clone());
        Ok(session)
    }

    /// The session that a client may go on with, if everything that it lacks is kept.
    fn find(
        &self,
        resume: Option<&Resume>,
        user: Option<&everwire_proto::Name>,
        encoding: Encoding,
    ) -> Option<Session> {
        let resume = resume?;
        let session = self.lock().get(&resume.session).cloned()?;
        let known = same_secret(&session.0.key, &resume.key)
            && session.user() == user
            && session.0.speech == Speech::Hub(encoding);
        let whole = known && session.lock().sent.after(resume.got).is_some();
        (whole && !session.is_ended()).then_some(session)
    }
}

/// How a session ends whose hub goes.
fn left() -> Ending {
    Ending { code: CloseCode::DRAINING, reason: "the hub goes".into(), was_clean: true }
}

/// In a time that does not tell how much of it is right.
fn same_secret(known: &Secret, told: &Secret) -> bool {
    let (known, told) = (known.as_bytes(), told.as_bytes());
    let differs = known.iter().zip(told).fold(0, |differs, (a, b)| differs | (a ^ b));
    known.len() == told.len() && differs == 0
}

async fn refuse<S: Stream>(socket: &WebSocket<S>, encoding: Encoding, id: Id, error: &ErrorReply) {
    let reply = HubMessage::Reply { id, outcome: Err(error.clone()) };
    let frame = hub_frame(&reply, encoding);
    // A client that does not hear it is told by the close code.
    let _ = AnySender::from(socket.sender()).try_send(&frame);
}

fn unauthorized(error: &ErrorReply) -> Refused {
    Refused(CloseCode::UNAUTHORIZED, error.message.clone())
}

fn panicked() -> Refused {
    Refused(commands::PANICKED, String::new())
}
