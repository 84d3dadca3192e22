//! The handle.

use std::time::Duration;

use everwire_proto::session::{End, Outcome, Request};
use everwire_proto::{
    Answer, HistoryPage, Method, Name, Payload, PresenceState, Problem, Topic, UserState,
};
use tokio::sync::{mpsc, oneshot};

use crate::builder::Builder;
use crate::core::Command;
use crate::request::RequestError;
use crate::topic::TopicHandle;

/// A client of a hub. Clones are the same client; when the last of them, and of its topics and subscriptions, is
/// dropped, it says farewell.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    /// What each subscription keeps that the program has not asked for.
    max_undelivered: usize,
}

/// What happens to a client as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// There is a session with a link.
    Up {
        /// The session's name.
        session: Name,
        /// Who the hub takes the client for, if for anybody.
        user: Option<Name>,
        /// Whether it is the session of before: then nothing was missed.
        resumed: bool,
    },
    /// There is no link; it will come back.
    Down,
    /// The endpoint says something.
    Message(Payload),
    /// The hub was asked for a sign of life, and gave it.
    Heartbeat {
        /// How long that took.
        round_trip: Duration,
    },
    /// It is over. With none, the client gave up: [`everwire::RetryPolicy`].
    Ended(Option<End>),
}

impl Client {
    /// A client of the hub at this `ws` or `wss` URI, with the defaults that [`Builder`] names.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(uri: impl Into<String>) -> Self {
        Self::builder(uri).connect()
    }

    /// Begins a client.
    pub fn builder(uri: impl Into<String>) -> Builder {
        Builder::new(uri)
    }

    pub(crate) fn new(commands: mpsc::Sender<Command>, max_undelivered: usize) -> Self {
        Self { commands, max_undelivered }
    }

    pub(crate) fn max_undelivered(&self) -> usize {
        self.max_undelivered
    }

    /// A topic, to hear or to publish in.
    ///
    /// # Errors
    /// If that is no name of a topic.
    pub fn topic(&self, name: &str) -> Result<TopicHandle, Problem> {
        Ok(TopicHandle::new(self.clone(), Topic::new(name)?))
    }

    /// Has the endpoint do something.
    ///
    /// # Errors
    /// If it does not, or it is not known whether it did.
    pub async fn rpc(&self, method: Method, payload: Payload) -> Result<Payload, RequestError> {
        match self.ask(Request::Rpc { method, payload }).await? {
            Some(Answer::Rpc(payload)) => Ok(payload),
            _ => Err(RequestError::Uncertain),
        }
    }

    /// Tells the endpoint something. Done when the hub has it.
    ///
    /// # Errors
    /// If the hub has not got it, or it is not known whether it has.
    pub async fn send(&self, payload: Payload) -> Result<(), RequestError> {
        self.ask(Request::Send(payload)).await.map(|_| ())
    }

    /// Whether users are there.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn status(&self, users: Vec<Name>) -> Result<Vec<(Name, UserState)>, RequestError> {
        match self.ask(Request::Status { users }).await? {
            Some(Answer::Status(states)) => Ok(states),
            _ => Err(RequestError::Uncertain),
        }
    }

    /// Says whether the user is away.
    ///
    /// # Errors
    /// If the client has ended.
    pub async fn set_away(&self, away: bool) -> Result<(), RequestError> {
        self.tell(Command::Away(away)).await
    }

    /// Says farewell and ends the client, for all of its handles. Done when the connection is closed.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.tell(Command::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    pub(crate) async fn history(
        &self,
        topic: Topic,
        before: Option<u64>,
        limit: Option<u64>,
    ) -> Result<HistoryPage, RequestError> {
        match self.ask(Request::History { topic, before, limit }).await? {
            Some(Answer::History(page)) => Ok(page),
            _ => Err(RequestError::Uncertain),
        }
    }

    pub(crate) async fn presence(&self, topic: Topic) -> Result<PresenceState, RequestError> {
        match self.ask(Request::Presence { topic }).await? {
            Some(Answer::Presence(state)) => Ok(state),
            _ => Err(RequestError::Uncertain),
        }
    }

    /// Asks, and waits for what becomes of it.
    pub(crate) async fn ask(&self, request: Request) -> Result<Option<Answer>, RequestError> {
        let (answer, answered) = oneshot::channel::<Outcome>();
        self.tell(Command::Request(request, answer)).await?;
        RequestError::sort(answered.await.map_err(|_| RequestError::Ended)?)
    }

    pub(crate) async fn tell(&self, command: Command) -> Result<(), RequestError> {
        self.commands.send(command).await.map_err(|_| RequestError::Ended)
    }

    /// Whether there was room to tell it.
    pub(crate) fn try_tell(&self, command: Command) -> bool {
        !matches!(self.commands.try_send(command), Err(mpsc::error::TrySendError::Full(_)))
    }
}
