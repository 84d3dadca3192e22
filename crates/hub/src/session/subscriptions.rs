//! What a session hears, and how it catches up.

use std::pin::Pin;
use std::sync::Arc;

use everwire::SharedFrame;
use everwire_proto::{
    ErrorReply, HubMessage, Position, Recovered, SlowPolicy, Start, SubscribeOptions, Subscribed,
    Topic,
};

use super::place::Place;
use super::subscribed::Subscription;
use super::{Pushed, Session};
use crate::frames::{Speech, hub_frame};
use crate::topics::{Crowd, Hearing, Room, Seat, Stance, Visit};

/// Publications that a session reads from the log at a time.
const PAGE: usize = 64;

/// A subscription that is about to begin: behind its reply.
pub(super) struct Arriving {
    place: Place,
    visit: Visit,
    policy: SlowPolicy,
    live: bool,
    position: Position,
    hearing: Option<Hearing>,
    pub(super) subscribed: Subscribed,
}

impl Session {
    /// Subscribes the session to a topic, whatever its endpoint allows clients. A client that speaks the
    /// hub's language is told.
    ///
    /// # Errors
    /// If it is subscribed already, to as many topics as it may be, or the topic cannot be followed.
    pub async fn subscribe(
        &self,
        topic: &Topic,
        options: SubscribeOptions,
    ) -> Result<(), ErrorReply> {
        let place = self.reserve(topic, &options)?;
        let arriving = self.arrive(place, &options).await?;
        let message = HubMessage::Subscribed {
            topic: topic.clone(),
            subscribed: arriving.subscribed.clone(),
        };
        let Speech::Hub(encoding) = self.0.speech else {
            self.sit_down(arriving);
            return Ok(());
        };
        let frame = hub_frame(&message, encoding);
        // What is published from here on comes behind it.
        self.sit_down_behind(arriving, &frame).await;
        Ok(())
    }

    /// Ends a subscription; false if there is none. A client that speaks the hub's language is told.
    pub async fn unsubscribe(&self, topic: &Topic) -> bool {
        let was_there = self.drop_subscription(topic).await;
        if let (true, Speech::Hub(encoding)) = (was_there, self.0.speech) {
            let message = HubMessage::Unsubscribed { topic: topic.clone(), error: None };
            // A session that has ended meanwhile needs no word of it.
            let _ = self.push_waiting(&hub_frame(&message, encoding)).await;
        }
        was_there
    }

    /// As the client asks, who is answered.
    pub(super) async fn drop_subscription(&self, topic: &Topic) -> bool {
        let was_there = self.give_up(topic);
        if was_there {
            self.leave_presence(topic).await;
        }
        was_there
    }

    /// Ends a subscription, and says nothing of it to presence.
    pub(super) fn give_up(&self, topic: &Topic) -> bool {
        let subscription = self.lock().subscriptions.remove(topic);
        let Some(Subscription { room, seat, hearing }) = subscription else { return false };
        // Both have a handle of this session; they are dropped with no lock held.
        let seat = room.crowd().stand_up(seat);
        let hearer = hearing.and_then(|place| room.audience().leave(place));
        drop((seat, hearer));
        self.0.hub.leave(topic);
        true
    }

    pub(super) fn hears(&self, topic: &Topic) -> bool {
        self.lock().subscriptions.contains(topic)
    }

    /// The topics that the session hears.
    pub fn subscriptions(&self) -> Vec<Topic> {
        self.lock().subscriptions.topics().cloned().collect()
    }

    /// Prepares a subscription: finds out where it begins. Publications are counted from then on.
    pub(super) async fn arrive(
        &self,
        place: Place,
        options: &SubscribeOptions,
    ) -> Result<Arriving, ErrorReply> {
        let topic = place.topic().clone();
        // One that moves begins anew.
        self.give_up(&topic);
        let prepared = self.prepare(place, &topic, options).await;
        if prepared.is_err() {
            // It may have been a member, before it moved or for a moment.
            self.leave_presence(&topic).await;
        }
        prepared
    }

    async fn prepare(
        &self,
        place: Place,
        topic: &Topic,
        options: &SubscribeOptions,
    ) -> Result<Arriving, ErrorReply> {
        let hub = &self.0.hub;
        let visit = Visit::begin(hub, topic).await?;
        let beginning = hub.broker.begin(topic, self.client(), &options.from).await?;
        let hearing = self.attend(visit.room(), topic, options.presence).await?;
        let (hearing, presence) = hearing.unzip();
        let rules = hub.rules(topic);
        let live = rules.history.max_entries == 0;
        let start = Start { position: beginning.position.clone(), head: beginning.head.clone() };
        let recovered = beginning.recovered.map(|result| match result {
            Ok(()) => Recovered::Yes,
            Err(reason) => Recovered::No(reason),
        });
        Ok(Arriving {
            place,
            visit,
            policy: options.slow.unwrap_or(rules.slow),
            live,
            position: beginning.position,
            hearing,
            subscribed: Subscribed {
                start: (!live).then_some(start),
                recovered: recovered.filter(|_| !live),
                presence,
            },
        })
    }

    /// Takes the seat. What was published since it was prepared is caught up with.
    pub(super) fn sit_down(&self, arriving: Arriving) {
        let seat = self.take_seat(&mut arriving.visit.room().crowd(), &arriving);
        self.keep(arriving, seat);
    }

    /// Takes the seat behind a reply, with the topic locked, so that no publication comes before it.
    pub(super) async fn sit_down_behind(&self, arriving: Arriving, reply: &Arc<SharedFrame>) {
        let seat = loop {
            {
                let mut crowd = arriving.visit.room().crowd();
                if self.push(reply) == Pushed::Taken {
                    break self.take_seat(&mut crowd, &arriving);
                }
            }
            self.wait_to_push(reply.message().len()).await;
        };
        self.keep(arriving, seat);
    }

    fn take_seat(&self, crowd: &mut Crowd, arriving: &Arriving) -> usize {
        let (policy, live, position) = (arriving.policy, arriving.live, &arriving.position);
        let stance = if live { Stance::Live } else { Stance::Behind(position.clone()) };
        let seat = crowd.sit_down(Seat { session: self.clone(), policy, live, stance });
        if !live {
            crowd.advance(seat, position.clone(), 0);
        }
        seat
    }

    fn keep(&self, arriving: Arriving, seat: usize) {
        let Arriving { place, visit, hearing, subscribed, .. } = arriving;
        let topic = place.topic().clone();
        let (room, hearing) = (visit.stay(), hearing.map(Hearing::stay));
        let subscription = Subscription { room: room.clone(), seat, hearing };
        let mut state = self.lock();
        let ended = state.ended;
        let is_first = state.subscriptions.insert(subscription);
        drop(state);
        debug_assert!(is_first, "its place was kept for it alone");
        drop(place);
        if let (Some(place), Some(presence)) = (hearing, subscribed.presence) {
            room.audience().begin(&topic, place, presence.version);
        }
        if ended {
            self.give_up(&topic);
        } else {
            // Whatever came since waits for its turn.
            self.handle_behind(&topic);
        }
    }

    /// Catches up with the topic whose turn it is; pending while there is none, or no link.
    ///
    /// # Cancel safety
    /// Safe: how far it got is with the topic, and the topic has another turn.
    pub(super) fn catch_up(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self.next_turn() {
            Some(turn) => Box::pin(self.take_turn(turn)),
            // Most of the time; it takes no memory.
            None => Box::pin(std::future::pending()),
        }
    }

    async fn take_turn(&self, mut turn: Turn<'_>) {
        let subscription = self.lock().subscriptions.get(&turn.topic).cloned();
        let Some(Subscription { room, seat, hearing }) = subscription else {
            return turn.is_done = true;
        };
        let stance = {
            let crowd = room.crowd();
            if crowd.is_lost() {
                // It has a turn when the topic is followed anew.
                return turn.is_done = true;
            }
            crowd.stance(seat).cloned()
        };
        match stance {
            Some(Stance::Behind(position)) => {
                self.read_on(&turn.topic, &room, seat, position).await;
            }
            Some(Stance::Dropping(_)) => {
                let live = self.0.hub.is_live(&turn.topic);
                let newest = room.crowd().newest();
                let frame = newest.as_ref().map(|n| n.frame(&turn.topic, self.0.speech, live));
                let len = frame.map_or(0, |frame| frame.message().len());
                self.wait_for_room(len.max(GAP)).await;
                room.crowd().drop_older(seat);
            }
            Some(Stance::Live) | None => {}
        }
        let heard = hearing.map_or(Ok(()), |place| room.audience().catch_up(&turn.topic, place));
        if let Err(len) = heard {
            return self.wait_for_room(len).await;
        }
        // Whoever falls behind from here on asks for a turn of its own.
        turn.is_done = matches!(room.crowd().stance(seat), Some(Stance::Live) | None);
    }

    /// Pushes the next page of a topic's log.
    async fn read_on(&self, topic: &Topic, room: &Room, seat: usize, position: Position) {
        let hub = &self.0.hub;
        let page = match hub.broker.read(topic, &position, PAGE).await {
            Ok(Ok(page)) => page,
            Ok(Err(reason)) => {
                self.wait_for_room(GAP).await;
                return room.crowd().give_up(seat, reason);
            }
            Err(error) => {
                tracing::warn!(%topic, %error, "a topic cannot be read");
                return tokio::time::sleep(hub.config.retry_read).await;
            }
        };
        if let Some(first) = page.first() {
            self.wait_for_room(first.frame(topic, self.0.speech, false).message().len()).await;
        }
        let (mut at, mut delivered) = (position, 0);
        for entry in &page {
            if self.push_publication(topic, entry, false) != Pushed::Taken {
                break;
            }
            at = entry.position(&at.epoch);
            delivered += 1;
        }
        room.crowd().advance(seat, at, delivered);
        if delivered == 0 {
            // Others took the room first; they have their turn as well.
            tokio::task::yield_now().await;
        }
    }

    async fn wait_for_room(&self, len: usize) {
        let outlet = self.lock().outlet.clone();
        match outlet {
            // If it fails, the link is gone, and so is this future.
            Some(outlet) => drop(outlet.ready(len).await),
            None => std::future::pending().await,
        }
    }

    /// The turn of the topic that has waited longest.
    fn next_turn(&self) -> Option<Turn<'_>> {
        let mut state = self.lock();
        if state.held || state.ended {
            return None;
        }
        let topic = state.behind.pop_front()?;
        state.behind.retain(|behind| *behind != topic);
        Some(Turn { session: self, topic, is_done: false })
    }
}

/// A topic's turn to catch up. It is given back when it is dropped, unless there is nothing left to do.
struct Turn<'a> {
    session: &'a Session,
    topic: Topic,
    is_done: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.session.lock().behind.push_back(self.topic.clone());
        }
    }
}

/// About as long as a gap is, in bytes.
const GAP: usize = 512;
