//! A session: one user agent at the hub, over one link after another.

mod bell;
mod commands;
mod data;
mod entrance;
mod head;
mod link;
mod membership;
mod place;
mod sent;
mod serve;
mod subscribed;
mod subscriptions;

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everwire::{AnySender, SendError, SharedFrame};
use everwire_proto::{
    Bye, CloseCode, Encoding, GapReason, HubMessage, JsonText, Name, Payload, Position, Secret,
    Topic,
};

use self::bell::Bell;
pub use self::data::Request;
pub(crate) use self::link::close_reason;
use self::sent::Sent;
use self::subscribed::Subscriptions;
use crate::broker::{BrokerError, Published};
use crate::frames::{Speech, hub_frame, raw, skip};
use crate::hub::Inner;
use crate::log::{Draft, Entry};

/// One client at the hub, for as long as it is there: over several connections, if it speaks the hub's
/// language and comes back in time.
///
/// A handle: clones are the same session. It may be kept and used from any task; when the session has
/// ended, sending says so.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) hub: Arc<Inner>,
    id: Name,
    key: Secret,
    client: Name,
    user: Option<Name>,
    speech: Speech,
    request: Request,
    state: Mutex<State>,
    /// Held by the task that has the link: the endpoint is called by one at a time.
    turn: tokio::sync::Mutex<()>,
}

/// What changes.
struct State {
    // The link.
    /// When it was opened, among all connections of the hub, so that an old one does not speak for the new.
    link: Option<NonZeroU64>,
    outlet: Option<AnySender>,
    sent: Sent,
    /// Numbered messages of the client that were taken.
    received: u64,
    /// Whether the policy `close` struck on this link.
    too_slow: bool,
    /// The task of its link was dropped while it was at work: what the client is owed will not come, so it
    /// cannot go on.
    cut_short: bool,
    /// Why the session has to end.
    closing: Option<(CloseCode, String)>,

    // Topics.
    subscriptions: Subscriptions,
    /// Topics that it is about to hear.
    arriving: Vec<Topic>,
    /// Topics whose publications this session lacks, in turns.
    behind: VecDeque<Topic>,
    /// Publications are not pushed yet: the reply that they follow is not.
    held: bool,
    /// What others are told about it where it is a member.
    info: Option<JsonText>,

    /// Something waits to be done by the task that has the link.
    bell: Bell,
    /// The endpoint knows of it: it is told of its end.
    opened: bool,
    ended: bool,
}

/// What became of something pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The session has it, or it has ended and needs nothing more.
    Taken,
    /// There is no room.
    Full,
    /// The session is not open yet: it is no fault of the client.
    Held,
}

/// Who a session is.
pub(crate) struct Identity {
    pub(crate) id: Name,
    pub(crate) key: Secret,
    pub(crate) client: Name,
    pub(crate) user: Option<Name>,
}

impl Session {
    pub(crate) fn new(
        hub: &Arc<Inner>,
        identity: Identity,
        speech: Speech,
        request: Request,
    ) -> Self {
        let state = State {
            link: None,
            outlet: None,
            sent: Sent::new(hub.config.max_unacknowledged),
            received: 0,
            too_slow: false,
            cut_short: false,
            closing: None,
            subscriptions: Subscriptions::default(),
            arriving: Vec::new(),
            behind: VecDeque::new(),
            held: true,
            info: None,
            bell: Bell::default(),
            opened: false,
            ended: false,
        };
        Self(Arc::new(Shared {
            hub: hub.clone(),
            id: identity.id,
            key: identity.key,
            client: identity.client,
            user: identity.user,
            speech,
            request,
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    // Who it is.

    /// Its name, unlike that of any other session.
    pub fn id(&self) -> &Name {
        &self.0.id
    }

    /// The client's own id, which it keeps from session to session if it can; a raw client's is drawn for its
    /// session. Whoever names it counts as that client: it is not to be told to others.
    pub fn client(&self) -> &Name {
        &self.0.client
    }

    /// Who the client was taken for.
    pub fn user(&self) -> Option<&Name> {
        self.0.user.as_ref()
    }

    /// The request that it came with, what its path says, and what the application keeps about it.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// Whether its client is a raw one: it speaks nothing of the hub's language.
    pub fn is_raw(&self) -> bool {
        self.0.speech == Speech::Raw
    }

    /// Whether it has ended.
    pub fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// How it speaks the hub's language, if it does.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        match self.0.speech {
            Speech::Hub(encoding) => Some(encoding),
            Speech::Raw => None,
        }
    }

    /// Whether it has a link.
    pub(crate) fn is_attached(&self) -> bool {
        self.lock().outlet.is_some()
    }

    // Sending.

    /// Sends a message of the endpoint's, waiting for room. While the client is away it is kept for it.
    ///
    /// # Errors
    /// If the session has ended.
    ///
    /// # Cancel safety
    /// Safe: the message is sent whole or not at all.
    pub async fn send(&self, message: impl Into<Payload>) -> Result<(), SessionEnded> {
        let frame = self.message_frame(&message.into());
        self.push_waiting(&frame).await
    }

    /// Sends a message of the endpoint's if there is room.
    ///
    /// # Errors
    /// If there is none, or the session has ended.
    pub fn try_send(&self, message: impl Into<Payload>) -> Result<(), TrySendError> {
        if self.is_ended() {
            return Err(TrySendError::Ended);
        }
        match self.push(&self.message_frame(&message.into())) {
            Pushed::Taken => Ok(()),
            Pushed::Full | Pushed::Held => Err(TrySendError::Full),
        }
    }

    /// Publishes in this session's name, whatever its endpoint allows clients: its user is named as the one
    /// that it is from.
    ///
    /// # Errors
    /// If the broker cannot store it.
    pub async fn publish(
        &self,
        topic: &Topic,
        payload: impl Into<Payload>,
    ) -> Result<Published, BrokerError> {
        self.publish_except(topic, payload.into(), None).await
    }

    /// As [`publish`](Self::publish), to all but this session: to all but the sender. It counts as one of the
    /// topic's publications, and this session's client only hears that there was one.
    ///
    /// # Errors
    /// If the broker cannot store it.
    pub async fn publish_to_others(
        &self,
        topic: &Topic,
        payload: impl Into<Payload>,
    ) -> Result<Published, BrokerError> {
        self.publish_except(topic, payload.into(), Some(self.client().clone())).await
    }

    async fn publish_except(
        &self,
        topic: &Topic,
        payload: Payload,
        except: Option<Name>,
    ) -> Result<Published, BrokerError> {
        let draft = Draft { from: self.user().cloned(), payload, key: None, except };
        self.0.hub.broker.publish(topic, draft).await
    }

    /// Ends the session: the client is told with this code and reason, and not to come back if the code
    /// says so. What was sent before reaches it, what is sent afterwards does not. The endpoint hears of the
    /// end when it has done what it is at.
    pub fn close(&self, code: CloseCode, reason: &str) {
        let mut state = self.lock();
        if state.closing.is_some() || state.ended {
            return;
        }
        state.closing = Some((code, reason.to_owned()));
        let outlet = state.outlet.clone();
        drop(state);
        if let Some(outlet) = outlet {
            self.close_link(&outlet, Bye::new(code, reason));
        }
        self.lock().bell.ring();
    }

    /// Ends a link, whatever the task is at that has it.
    fn close_link(&self, outlet: &AnySender, bye: Bye) {
        let reason = close_reason(bye.code, &bye.reason);
        if let Speech::Hub(encoding) = self.0.speech {
            // If there is no room, the close code says enough.
            let _ = outlet.try_send(&hub_frame(&HubMessage::Bye(bye), encoding));
        }
        outlet.start_close(reason);
    }

    fn message_frame(&self, payload: &Payload) -> Arc<SharedFrame> {
        match self.0.speech {
            Speech::Raw => Arc::new(SharedFrame::new(raw(payload))),
            Speech::Hub(encoding) => hub_frame(&HubMessage::Message(payload.clone()), encoding),
        }
    }

    // Pushing: never waits, and may be called with a topic locked.

    pub(crate) fn push_publication(&self, topic: &Topic, entry: &Arc<Entry>, live: bool) -> Pushed {
        let excepted = entry.except.as_ref() == Some(&self.0.client);
        match self.0.speech {
            Speech::Hub(encoding) if excepted && !live => {
                self.push_in_turn(&skip(topic, entry.place, encoding))
            }
            _ if excepted => Pushed::Taken,
            speech => self.push_in_turn(entry.frame(topic, speech, live)),
        }
    }

    pub(crate) fn push_gap(
        &self,
        topic: &Topic,
        reason: GapReason,
        range: Option<(Position, Position)>,
    ) -> Pushed {
        // A raw client knows no gaps.
        let Speech::Hub(encoding) = self.0.speech else { return Pushed::Taken };
        let gap = everwire_proto::Gap { topic: topic.clone(), reason, range };
        self.push_in_turn(&hub_frame(&HubMessage::Gap(gap), encoding))
    }

    /// As [`push`](Self::push), behind the reply that has to come first.
    pub(crate) fn push_in_turn(&self, frame: &Arc<SharedFrame>) -> Pushed {
        let mut state = self.lock();
        if state.held { Pushed::Held } else { self.push_locked(&mut state, frame) }
    }

    fn push(&self, frame: &Arc<SharedFrame>) -> Pushed {
        self.push_locked(&mut self.lock(), frame)
    }

    fn push_locked(&self, state: &mut State, frame: &Arc<SharedFrame>) -> Pushed {
        if state.ended {
            return Pushed::Taken;
        }
        let sent = state.outlet.as_ref().map(|outlet| outlet.try_send(frame));
        if let Some(Err(SendError::QueueFull { .. })) = sent {
            return Pushed::Full;
        }
        // A link that fails meanwhile, or is gone, is replaced by one on which it is sent again.
        if self.0.speech != Speech::Raw {
            state.sent.push(frame.clone());
        }
        Pushed::Taken
    }

    async fn push_waiting(&self, frame: &Arc<SharedFrame>) -> Result<(), SessionEnded> {
        loop {
            if self.is_ended() {
                return Err(SessionEnded);
            }
            if self.push(frame) == Pushed::Taken {
                return Ok(());
            }
            self.wait_to_push(frame.message().len()).await;
        }
    }

    /// Waits until there may be room for what there was none for. While there is no link there always is:
    /// what is pushed is kept for the next one.
    async fn wait_to_push(&self, len: usize) {
        let outlet = self.lock().outlet.clone();
        if let Some(outlet) = outlet {
            // If it fails, the link is gone.
            let _ = outlet.ready(len).await;
        }
    }

    // What topics say.

    /// The policy `close` struck.
    pub(crate) fn handle_too_slow(&self) {
        let mut state = self.lock();
        state.too_slow = true;
        state.bell.ring();
    }

    // What a hub that goes says.

    /// The client is to connect elsewhere after so many milliseconds. One that is away cannot come back.
    pub(crate) fn handle_leaving(&self, after: u64, within: u64) {
        let (Speech::Hub(encoding), true) = (self.0.speech, self.is_attached()) else {
            return self.close(CloseCode::DRAINING, DRAINING);
        };
        // If there is no room, it is closed when the time is up.
        let _ = self.push(&hub_frame(&HubMessage::Drain { after, within }, encoding));
    }

    /// The client did not go. Its link is closed by the hub.
    pub(crate) fn handle_left_behind(&self, after: Option<u64>) {
        let outlet = self.lock().outlet.clone();
        let (Speech::Hub(encoding), Some(outlet)) = (self.0.speech, outlet) else {
            return self.close(CloseCode::DRAINING, DRAINING);
        };
        let bye = Bye { after, ..Bye::new(CloseCode::DRAINING, DRAINING) };
        // If there is no room, the close code says enough.
        let _ = outlet.try_send(&hub_frame(&HubMessage::Bye(bye), encoding));
    }

    /// There is something about a topic that this session lacks.
    pub(crate) fn handle_behind(&self, topic: &Topic) {
        let mut state = self.lock();
        state.behind.push_back(topic.clone());
        state.bell.ring();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a link ends whose hub goes.
const DRAINING: &str = "draining";

impl State {
    /// Whether a link may have the session.
    fn goes_on(&self) -> bool {
        !self.ended && !self.cut_short
    }

    /// The link with this number is gone.
    fn drop_outlet(&mut self, number: NonZeroU64) {
        if self.link == Some(number) {
            (self.outlet, self.too_slow) = (None, false);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        f.debug_struct("Session").field("id", self.id()).field("user", &self.user()).finish()
    }
}

/// The session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnded;

impl fmt::Display for SessionEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session has ended")
    }
}

impl std::error::Error for SessionEnded {}

/// Why something was not sent without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The session's queue has no room.
    Full,
    /// The session has ended.
    Ended,
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the session's queue has no room",
            Self::Ended => "the session has ended",
        })
    }
}

impl std::error::Error for TrySendError {}
