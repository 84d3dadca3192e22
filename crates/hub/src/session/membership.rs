//! A session as presence knows it: whose it is, where it is a member, and whether it is there.

use std::sync::Arc;

use everwire_proto::{
    Answer, ErrorCode, ErrorReply, JsonText, Name, PresenceMode, PresenceState, Topic,
};

use super::Session;
use super::link::Due;
use crate::attendance::{note, report};
use crate::clock::now;
use crate::endpoint::AnyEndpoint;
use crate::presence::{PresenceError, Who};
use crate::topics::{Hearing, Room};

impl Session {
    /// What others are told about this session where it is a member, now and later. To be called by the
    /// endpoint's methods for this session.
    ///
    /// # Errors
    /// If it is longer than `max_info`, or the others could not be told.
    pub async fn introduce(&self, info: JsonText) -> Result<(), ErrorReply> {
        let (size, max) = (info.as_bytes().len(), self.0.hub.config.max_info);
        if size > max {
            let message = format!("`info` of {size} bytes exceeds `max_info` of {max}");
            return Err(ErrorReply::new(ErrorCode::TooLarge, message));
        }
        self.lock().info = Some(info);
        self.join_all().await.map_err(|error| report(&error))
    }

    /// Whose session it is. Whoever is not known is somebody all the same.
    pub(crate) fn who(&self) -> Who {
        Who { user: self.user().unwrap_or(self.id()).clone(), session: self.id().clone() }
    }

    /// It begins.
    pub(super) async fn enter(&self) {
        note("enter", self.0.hub.attendance.presence.enter(now(), &self.who()).await);
    }

    /// It is heard of.
    pub(crate) async fn renew(&self) {
        let presence = &self.0.hub.attendance.presence;
        let result = match presence.renew(now(), &self.who()).await {
            Err(PresenceError::Forgotten) => self.enter_again().await,
            result => result,
        };
        note("renew", result);
    }

    async fn enter_again(&self) -> Result<(), PresenceError> {
        let presence = &self.0.hub.attendance.presence;
        presence.enter(now(), &self.who()).await?;
        let joined = self.join_all().await;
        if self.is_ended() {
            // It said farewell meanwhile, and nobody would do so again.
            self.bid_farewell().await;
        }
        joined
    }

    /// It joins its topics, those included that it is in.
    async fn join_all(&self) -> Result<(), PresenceError> {
        for topic in self.subscriptions() {
            if self.0.hub.rules(&topic).presence {
                self.join(&topic).await?;
                if !self.hears(&topic) && !self.arrives(&topic) {
                    // It left meanwhile.
                    self.leave_presence(&topic).await;
                }
            }
        }
        Ok(())
    }

    /// Its link broke.
    pub(super) async fn depart(&self) {
        note("depart", self.0.hub.attendance.presence.depart(now(), &self.who()).await);
    }

    /// It is over.
    pub(super) async fn bid_farewell(&self) {
        note("farewell", self.0.hub.attendance.presence.farewell(now(), &self.who()).await);
    }

    /// The client says whether its user is away.
    pub(super) async fn set_away(&self, away: bool) {
        note("away", self.0.hub.attendance.presence.set_away(now(), &self.who(), away).await);
    }

    async fn join(&self, topic: &Topic) -> Result<(), PresenceError> {
        let info = self.lock().info.clone();
        self.0.hub.attendance.presence.join(now(), topic, &self.who(), info).await
    }

    /// It leaves a topic.
    pub(super) async fn leave_presence(&self, topic: &Topic) {
        if self.0.hub.rules(topic).presence {
            note("leave", self.0.hub.attendance.presence.leave(now(), topic, &self.who()).await);
        }
    }

    /// Becomes a member of a topic that has presence, and hears it from here on if that was asked for.
    pub(super) async fn attend(
        &self,
        room: &Arc<Room>,
        topic: &Topic,
        mode: PresenceMode,
    ) -> Result<Option<(Hearing, PresenceState)>, ErrorReply> {
        let hub = &self.0.hub;
        if !hub.rules(topic).presence {
            return match mode {
                PresenceMode::None => Ok(None),
                _ => Err(no_presence()),
            };
        }
        self.join(topic).await.map_err(|error| report(&error))?;
        if mode == PresenceMode::None {
            return Ok(None);
        }
        let (hearing, step) = Hearing::begin(room, self.clone(), mode);
        let state = hub.attendance.hear(topic, mode).await.map_err(|error| report(&error))?;
        Ok(Some((hearing, in_step(state, step))))
    }
}

impl Session {
    /// Its place in a topic's audience.
    fn hearing(&self, topic: &Topic) -> Option<(Arc<Room>, usize)> {
        let subscription = self.lock().subscriptions.get(topic)?.clone();
        Some((subscription.room, subscription.hearing?))
    }
}

/// Answers who is in a topic.
pub(super) async fn list(session: &Session, topic: &Topic) -> Result<Answer, ErrorReply> {
    let hub = &session.0.hub;
    if !hub.rules(topic).presence {
        return Err(no_presence());
    }
    // Before it is looked at: what is told meanwhile comes with the next number, and says nothing new.
    let step = session.hearing(topic).and_then(|(room, place)| room.audience().step(place));
    let state = hub.attendance.look(topic, PresenceMode::Full).await;
    state.map(|state| Answer::Presence(in_step(state, step))).map_err(|error| report(&error))
}

/// With the number that the changes behind it count on from.
fn in_step(state: PresenceState, step: Option<u64>) -> PresenceState {
    PresenceState { version: step.unwrap_or(state.version), ..state }
}

/// Answers whether users are there.
pub(super) async fn status(
    session: &Session,
    endpoint: &dyn AnyEndpoint,
    users: Vec<Name>,
) -> Result<Result<Answer, ErrorReply>, Due> {
    let allowed =
        endpoint.allow_status(session, &users).await.map_err(super::commands::panicked)?;
    if let Err(error) = allowed {
        return Ok(Err(error));
    }
    let states = session.0.hub.attendance.presence.status(&users).await;
    Ok(match states {
        Ok(states) => Ok(Answer::Status(users.into_iter().zip(states).collect())),
        Err(error) => Err(report(&error)),
    })
}

fn no_presence() -> ErrorReply {
    ErrorReply::new(ErrorCode::Denied, "the topic has no presence")
}
