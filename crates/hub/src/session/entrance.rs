//! Who is let in: from an open WebSocket to a session.

use std::sync::Arc;

use everwire::{AnySender, Membership, Stream, WebSocket};
use everwire_proto::{
    Bye, ClientMessage, CloseCode, Command, Encoding, ErrorCode, ErrorReply, HubMessage, Id,
    Resume, Secret, Verdict,
};
use tokio::time::timeout;

use super::commands::PANICKED;
use super::link::{close, close_reason, encoded};
use super::serve::{Reply, Serving};
use super::{Identity, Request, Session};
use crate::endpoint::AnyEndpoint;
use crate::frames::{Speech, hub_frame};
use crate::handler::Bound;
use crate::hub::Inner;
use crate::leaving::AtWork;
use crate::socket::Socket;

/// When whoever comes to a full hub is to try again, in milliseconds.
const FULL: u64 = 5_000;

/// Topics that a `connect` may name, where a session may not have more: those beyond are answered one by one, so
/// that a client need not know the limit. Our clients have no more than these by default.
const MAX_NAMED: usize = 1_024;

/// What a client is told that is not let in.
struct Refused(Bye);

impl Refused {
    fn new(code: CloseCode, reason: &str) -> Self {
        Self(Bye::new(code, reason))
    }
}

impl Session {
    /// Serves a connection until it is over.
    ///
    /// Small as long as nothing happens: what is done once, or now and then, has its room in a box that is gone
    /// afterwards.
    pub(crate) fn serve<S: Stream, B>(
        hub: &Arc<Inner>,
        request: &http::Request<B>,
        socket: WebSocket<S>,
    ) -> impl Future<Output = ()> + Send + use<S, B> {
        let bound = hub.endpoint(request.uri().path());
        let bound = bound.map(|(bound, params)| (bound, Request::new(request, params)));
        let entering = Box::pin(Self::enter_by(hub.clone(), bound, socket));
        async move {
            let Some((mut serving, mut guards)) = entering.await else { return };
            serving.run().await;
            guards.unfinished.finish();
        }
    }

    /// Finds out who it is, or has the connection's handler have it.
    async fn enter_by<S: Stream>(
        hub: Arc<Inner>,
        bound: Option<(Bound, Request)>,
        mut socket: WebSocket<S>,
    ) -> Option<(Serving<S>, Guards)> {
        hub.start_attendance();
        let number = hub.number_connection();
        let at_work = hub.at_work();
        let speaks = Encoding::from_subprotocol(socket.protocol());
        let Some((bound, request)) = bound else {
            close(&socket, CloseCode::TOLD_TO_GO, "there is no endpoint here");
            return None;
        };
        let is_late = hub.is_leaving();
        let is_told = speaks.is_some() && matches!(bound, Bound::Endpoint(_)) && !is_late;
        let group = if is_told { &hub.leaving.linked } else { &hub.leaving.raw };
        // Whoever joins late is closed with that.
        let membership = group.join(&socket);
        if is_late {
            return None;
        }
        let mut unfinished = Unfinished(Some(socket.sender().into()));
        let endpoint = match bound {
            Bound::Endpoint(endpoint) => endpoint,
            Bound::Handler(handler) => {
                handler.handle(request, Socket::new(socket)).await;
                unfinished.finish();
                return None;
            }
        };
        let begun = match speaks {
            None => Self::begin_raw(&hub, &*endpoint, request).await,
            Some(encoding) => Self::begin(&hub, &*endpoint, request, encoding, &mut socket).await,
        };
        match begun {
            Ok((session, reply)) => {
                let serving = Serving::new(session, endpoint, reply, number, socket);
                Some((serving, Guards { unfinished, _membership: membership, _at_work: at_work }))
            }
            Err(Refused(bye)) => {
                let reason = close_reason(bye.code, &bye.reason);
                if let Some(encoding) = speaks {
                    say(&socket, encoding, &HubMessage::Bye(bye));
                }
                socket.start_close(reason);
                unfinished.finish();
                None
            }
        }
    }

    async fn begin_raw(
        hub: &Arc<Inner>,
        endpoint: &dyn AnyEndpoint,
        request: Request,
    ) -> Result<(Self, Reply), Refused> {
        let token = request.query("token");
        let user = endpoint.identify(&request, token.as_deref()).await;
        let user = user.map_err(|_| panicked())?.map_err(|error| unauthorized(&error))?;
        let id = hub.dice.name("s-");
        // Not the session's id, which members of its topics see: whoever names a client's counts as that client.
        let client = hub.dice.name("c-");
        let identity = Identity { id, key: hub.dice.secret(), client, user };
        let session = hub.enter(Self::new(hub, identity, Speech::Raw, request))?;
        Ok((session, None))
    }

    /// Waits for `connect` and answers it.
    async fn begin<S: Stream>(
        hub: &Arc<Inner>,
        endpoint: &dyn AnyEndpoint,
        request: Request,
        encoding: Encoding,
        socket: &mut WebSocket<S>,
    ) -> Result<(Self, Reply), Refused> {
        let first = timeout(hub.config.connect_timeout, socket.recv()).await;
        let Ok(first) = first else {
            // Its network may be slow, and better another time.
            return Err(Refused::new(CloseCode::NO_HEARTBEAT, "no `connect` in time"));
        };
        let Some(first) = first else {
            return Err(Refused::new(CloseCode(1000), ""));
        };
        let (id, connect) =
            match ClientMessage::decode(&encoded(first), encoding, hub.config.max_message) {
                Ok(ClientMessage::Command { id, command: Command::Connect(connect) }) => {
                    (id, *connect)
                }
                Ok(_) => {
                    return Err(Refused::new(CloseCode::NO_CONNECT, "`connect` comes first"));
                }
                Err(error) => {
                    if let Verdict::Answer(id, reply) = error.verdict() {
                        refuse(socket, encoding, id, &reply);
                        let code = match reply.code {
                            ErrorCode::Version => CloseCode::VERSION,
                            _ => CloseCode::NOT_UNDERSTOOD,
                        };
                        return Err(Refused::new(code, &reply.message));
                    }
                    return Err(Refused::new(CloseCode::NOT_UNDERSTOOD, &error.to_string()));
                }
            };
        let max = hub.config.max_subscriptions.max(MAX_NAMED);
        if connect.subscriptions.len() > max {
            let message = format!("`subscriptions` names more than {max} topics");
            let error = ErrorReply::new(ErrorCode::Limit, message);
            refuse(socket, encoding, id, &error);
            return Err(Refused::new(CloseCode::NOT_UNDERSTOOD, &error.message));
        }
        let token = connect.token.as_ref().map(Secret::as_str);
        let identified = endpoint.identify(&request, token).await.map_err(|_| panicked())?;
        let user = match identified {
            Ok(user) => user,
            Err(error) => {
                refuse(socket, encoding, id, &error);
                return Err(unauthorized(&error));
            }
        };
        let resume = connect.resume.as_ref();
        if let Some(session) = hub.find(resume, &request, user.as_ref(), encoding) {
            return Ok((session, Some(Box::new((id, connect)))));
        }
        let identity = Identity {
            id: hub.dice.name("s-"),
            key: hub.dice.secret(),
            client: connect.client.clone().unwrap_or_else(|| hub.dice.name("c-")),
            user,
        };
        let session = Self::new(hub, identity, Speech::Hub(encoding), request);
        Ok((hub.enter(session)?, Some(Box::new((id, connect)))))
    }
}

/// What a connection that is served holds.
struct Guards {
    unfinished: Unfinished,
    _membership: Membership,
    _at_work: AtWork,
}

/// A connection whose serving may be given up: its task is dropped with the runtime, or by the application,
/// or it panics.
/// The client is told to come back then, where a dropped WebSocket alone would say that all is done.
struct Unfinished(Option<AnySender>);

impl Unfinished {
    fn finish(&mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            let (code, reason) = match std::thread::panicking() {
                true => (PANICKED, "the endpoint failed"),
                false => (CloseCode(1012), "the hub restarts"),
            };
            sender.start_close(close_reason(code, reason));
        }
    }
}

impl Inner {
    /// Takes a new session in.
    fn enter(&self, session: Session) -> Result<Session, Refused> {
        let mut sessions = self.lock();
        if self.is_leaving() {
            let bye = Bye::new(CloseCode::DRAINING, "draining");
            return Err(Refused(Bye { after: self.draw_return(), ..bye }));
        }
        if sessions.len() >= self.config.max_sessions {
            let bye = Bye::new(CloseCode(1013), "too many sessions");
            return Err(Refused(Bye { after: Some(FULL), ..bye }));
        }
        sessions.insert(session.id().clone(), session.clone());
        Ok(session)
    }

    /// The session that a client may go on with, if everything that it lacks is kept.
    fn find(
        &self,
        resume: Option<&Resume>,
        request: &Request,
        user: Option<&everwire_proto::Name>,
        encoding: Encoding,
    ) -> Option<Session> {
        let resume = resume?;
        let session = self.lock().get(&resume.session).cloned()?;
        let known = same_secret(&session.0.key, &resume.key)
            && session.user() == user
            // Another path is another endpoint's, or another room.
            && session.request().uri().path() == request.uri().path()
            && session.0.speech == Speech::Hub(encoding);
        let goes_on = known && {
            let state = session.lock();
            state.sent.after(resume.got).is_some() && state.goes_on()
        };
        goes_on.then_some(session)
    }
}

/// In a time that does not tell how much of it is right.
fn same_secret(known: &Secret, told: &Secret) -> bool {
    let (known, told) = (known.as_bytes(), told.as_bytes());
    let differs = known.iter().zip(told).fold(0, |differs, (a, b)| differs | (a ^ b));
    known.len() == told.len() && differs == 0
}

fn refuse<S: Stream>(socket: &WebSocket<S>, encoding: Encoding, id: Id, error: &ErrorReply) {
    say(socket, encoding, &HubMessage::Reply { id, outcome: Err(error.clone()) });
}

/// Says something before there is a session.
fn say<S: Stream>(socket: &WebSocket<S>, encoding: Encoding, message: &HubMessage) {
    // A client that does not hear it is told by the close code.
    let _ = AnySender::from(socket.sender()).try_send(&hub_frame(message, encoding));
}

fn unauthorized(error: &ErrorReply) -> Refused {
    Refused::new(CloseCode::UNAUTHORIZED, &error.message)
}

fn panicked() -> Refused {
    Refused::new(PANICKED, "")
}
