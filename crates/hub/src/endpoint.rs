//! What the application does for a path.

use std::fmt;
use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use everwire_proto::{CloseCode, ErrorCode, ErrorReply, Name, Payload, Topic};

use crate::session::{Request, Session};

/// The application's side of a path such as `/chat/{room}`. Every method has a default.
///
/// For one session its methods are called one after another, in the task that has its connection, and
/// never while a topic is locked: a method that waits lets its own client wait and nobody else;
/// the client hears meanwhile that the hub is alive.
/// [`on_open`](Self::on_open) is called once, then [`on_close`](Self::on_close) once, however many
/// connections the session had. A method that panics ends its session with 1011; `on_error` and `on_close`
/// are called.
///
/// ```
/// use everwire_hub::{Endpoint, Session};
/// use everwire_hub::proto::{ErrorReply, Payload};
///
/// struct Chat;
///
/// impl Endpoint for Chat {
///     async fn on_message(
///         &self,
///         session: &Session,
///         message: Payload,
///     ) -> Result<Option<Payload>, ErrorReply> {
///         // What is returned goes back to whoever sent the message.
///         Ok(Some(message))
///     }
/// }
/// ```
pub trait Endpoint: Send + Sync + 'static {
    /// Says who asks. By default nobody is refused and nobody is known.
    ///
    /// A client of the hub's language brings its token in `connect`. A raw one, which can say nothing before it
    /// is let in, is known by
    /// - its query: `token` is that of `?token=…`, and [`Request::query`] has the others. Queries are written
    ///   to the logs of proxies: let such a token live shortly;
    /// - a cookie: [`Request::cookie`]. Browsers send cookies whatever page it is that connects: have the
    ///   acceptor check the origin;
    /// - whatever else this method finds out, from a header, the path, or a database: it may wait.
    ///
    /// ```
    /// # use everwire_hub::{Endpoint, Request};
    /// # use everwire_hub::proto::{ErrorCode, ErrorReply, Name};
    /// # struct Chat;
    /// # impl Chat { async fn user(&self, _: &str) -> Option<Name> { None } }
    /// impl Endpoint for Chat {
    ///     async fn identify(
    ///         &self,
    ///         request: &Request,
    ///         token: Option<&str>,
    ///     ) -> Result<Option<Name>, ErrorReply> {
    ///         let Some(token) = token.or_else(|| request.cookie("session")) else {
    ///             return Ok(None);
    ///         };
    ///         match self.user(token).await {
    ///             Some(user) => Ok(Some(user)),
    ///             None => Err(ErrorReply::new(ErrorCode::Unauthorized, "log in again")),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Whoever is known is a member of topics under that name; who is not, under that of the session.
    ///
    /// # Errors
    /// If the client is not let in: it is told so with 4503.
    fn identify(
        &self,
        request: &Request,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Option<Name>, ErrorReply>> + Send {
        let _ = (request, token);
        ready(Ok(None))
    }

    /// Whether a client may do this with a topic. By default it may not.
    ///
    /// # Errors
    /// If it may not.
    fn allow(
        &self,
        session: &Session,
        access: Access,
        topic: &Topic,
    ) -> impl Future<Output = Result<(), ErrorReply>> + Send {
        let _ = (session, access, topic);
        ready(Err(ErrorReply::new(ErrorCode::Denied, "not allowed here")))
    }

    /// Whether a client may ask if these users are there. By default it may not.
    ///
    /// # Errors
    /// If it may not.
    fn allow_status(
        &self,
        session: &Session,
        users: &[Name],
    ) -> impl Future<Output = Result<(), ErrorReply>> + Send {
        let _ = (session, users);
        ready(Err(ErrorReply::new(ErrorCode::Denied, "not allowed here")))
    }

    /// A session has begun.
    fn on_open(&self, session: &Session) -> impl Future<Output = ()> + Send {
        let _ = session;
        ready(())
    }

    /// A message has come; what is returned is sent back. Text of a raw client is a JSON string, unless it
    /// is itself a JSON object or array.
    ///
    /// # Errors
    /// What [`on_error`](Self::on_error) is told; the session goes on.
    fn on_message(
        &self,
        session: &Session,
        message: Payload,
    ) -> impl Future<Output = Result<Option<Payload>, ErrorReply>> + Send {
        let _ = (session, message);
        ready(Ok(None))
    }

    /// Somebody asks for something and waits for it. By default no method is known.
    ///
    /// # Errors
    /// What the client is answered.
    fn on_rpc(
        &self,
        session: &Session,
        method: &str,
        payload: Payload,
    ) -> impl Future<Output = Result<Payload, ErrorReply>> + Send {
        let _ = (session, payload);
        ready(Err(ErrorReply::new(ErrorCode::NoMethod, format!("there is no method `{method}`"))))
    }

    /// Something went wrong that the session may outlive: a method failed or panicked.
    fn on_error(
        &self,
        session: &Session,
        error: &EndpointError,
    ) -> impl Future<Output = ()> + Send {
        let _ = (session, error);
        ready(())
    }

    /// The session has ended.
    fn on_close(&self, session: &Session, ending: &Ending) -> impl Future<Output = ()> + Send {
        let _ = (session, ending);
        ready(())
    }
}

/// What a client wants with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// To hear it, and who is there.
    Subscribe,
    /// To publish in it.
    Publish,
    /// To read its past.
    History,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// The code that it ended with: the client's, or ours.
    pub code: CloseCode,
    /// The reason that came with it.
    pub reason: String,
    /// Whether the client said farewell, or we told it to go. If not, it did not come back in time.
    pub was_clean: bool,
}

/// What went wrong in an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// A method failed.
    Failed(ErrorReply),
    /// A method panicked; the session ends.
    Panicked,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked => f.write_str("the endpoint panicked"),
        }
    }
}

impl std::error::Error for EndpointError {}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An endpoint of whatever type; nothing in it panics.
pub(crate) trait AnyEndpoint: Send + Sync + 'static {
    fn identify<'a>(
        &'a self,
        request: &'a Request,
        token: Option<&'a str>,
    ) -> Boxed<'a, Result<Result<Option<Name>, ErrorReply>, Panicked>>;
    fn allow<'a>(
        &'a self,
        session: &'a Session,
        access: Access,
        topic: &'a Topic,
    ) -> Boxed<'a, Result<Result<(), ErrorReply>, Panicked>>;
    fn allow_status<'a>(
        &'a self,
        session: &'a Session,
        users: &'a [Name],
    ) -> Boxed<'a, Result<Result<(), ErrorReply>, Panicked>>;
    fn on_open<'a>(&'a self, session: &'a Session) -> Boxed<'a, Result<(), Panicked>>;
    fn on_message<'a>(
        &'a self,
        session: &'a Session,
        message: Payload,
    ) -> Boxed<'a, Result<Result<Option<Payload>, ErrorReply>, Panicked>>;
    fn on_rpc<'a>(
        &'a self,
        session: &'a Session,
        method: &'a str,
        payload: Payload,
    ) -> Boxed<'a, Result<Result<Payload, ErrorReply>, Panicked>>;
    fn on_error<'a>(
        &'a self,
        session: &'a Session,
        error: &'a EndpointError,
    ) -> Boxed<'a, Result<(), Panicked>>;
    fn on_close<'a>(
        &'a self,
        session: &'a Session,
        ending: &'a Ending,
    ) -> Boxed<'a, Result<(), Panicked>>;
}

impl<E: Endpoint> AnyEndpoint for E {
    fn identify<'a>(
        &'a self,
        request: &'a Request,
        token: Option<&'a str>,
    ) -> Boxed<'a, Result<Result<Option<Name>, ErrorReply>, Panicked>> {
        guarded(|| Endpoint::identify(self, request, token))
    }

    fn allow<'a>(
        &'a self,
        session: &'a Session,
        access: Access,
        topic: &'a Topic,
    ) -> Boxed<'a, Result<Result<(), ErrorReply>, Panicked>> {
        guarded(move || Endpoint::allow(self, session, access, topic))
    }

    fn allow_status<'a>(
        &'a self,
        session: &'a Session,
        users: &'a [Name],
    ) -> Boxed<'a, Result<Result<(), ErrorReply>, Panicked>> {
        guarded(move || Endpoint::allow_status(self, session, users))
    }

    fn on_open<'a>(&'a self, session: &'a Session) -> Boxed<'a, Result<(), Panicked>> {
        guarded(|| Endpoint::on_open(self, session))
    }

    fn on_message<'a>(
        &'a self,
        session: &'a Session,
        message: Payload,
    ) -> Boxed<'a, Result<Result<Option<Payload>, ErrorReply>, Panicked>> {
        guarded(|| Endpoint::on_message(self, session, message))
    }

    fn on_rpc<'a>(
        &'a self,
        session: &'a Session,
        method: &'a str,
        payload: Payload,
    ) -> Boxed<'a, Result<Result<Payload, ErrorReply>, Panicked>> {
        guarded(|| Endpoint::on_rpc(self, session, method, payload))
    }

    fn on_error<'a>(
        &'a self,
        session: &'a Session,
        error: &'a EndpointError,
    ) -> Boxed<'a, Result<(), Panicked>> {
        guarded(|| Endpoint::on_error(self, session, error))
    }

    fn on_close<'a>(
        &'a self,
        session: &'a Session,
        ending: &'a Ending,
    ) -> Boxed<'a, Result<(), Panicked>> {
        guarded(|| Endpoint::on_close(self, session, ending))
    }
}

/// A method of an endpoint panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

fn guarded<'a, F>(call: impl FnOnce() -> F) -> Boxed<'a, Result<F::Output, Panicked>>
where
    F: Future<Output: Send> + Send + 'a,
{
    // It may panic before there is a future, too.
    match std::panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(future) => Box::pin(Guarded(Box::pin(future))),
        Err(_) => Box::pin(ready(Err(Panicked))),
    }
}

/// A future whose panic is its result.
struct Guarded<F>(Pin<Box<F>>);

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that panicked is not polled again.
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
