//! What is heard of a topic.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use everwire_proto::session::Delivered;
use everwire_proto::{Departure, ErrorReply, GapReason, Member, Position, Topic};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::core::Command;

/// What is heard of a topic, in order. Dropping it ends the subscription.
///
/// A program that falls behind by more than `max_undelivered` misses nothing in a topic with history: the
/// subscription is given up, and goes on from the log when the program has taken what there is.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    topic: Topic,
    events: mpsc::Receiver<TopicEvent>,
    id: FeedId,
}

/// Something that happened in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicEvent {
    /// Something was published.
    Publication(Delivered),
    /// Publications are missing and will not come.
    Gap {
        /// Why.
        reason: GapReason,
        /// Behind where, if the client was anywhere.
        from: Option<Position>,
        /// Up to where; none in a topic without history.
        to: Option<Position>,
    },
    /// Who is there, all of them.
    Members(Vec<Member>),
    /// Members came and went.
    MembersChanged {
        /// Who came.
        joined: Vec<Member>,
        /// Who went.
        left: Vec<Departure>,
    },
    /// How many are there.
    MemberCount(u64),
    /// The hub ended the subscription; nothing follows.
    Ended(Option<ErrorReply>),
}

/// The other end of a subscription.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) events: mpsc::Sender<TopicEvent>,
    pub(crate) id: FeedId,
}

/// What tells a subscription from others to its topic, before it and after it; and whether it was given up until
/// its program has caught up.
#[derive(Debug, Clone, Default)]
pub(crate) struct FeedId(Arc<AtomicBool>);

impl FeedId {
    pub(crate) fn is_lagging(&self) -> &AtomicBool {
        &self.0
    }
}

impl PartialEq for FeedId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Subscription {
    pub(crate) fn new(client: Client, topic: Topic) -> (Self, Feed) {
        let (sender, events) = mpsc::channel(client.max_undelivered());
        let id = FeedId::default();
        let feed = Feed { events: sender, id: id.clone() };
        (Self { client, topic, events, id }, feed)
    }

    /// The topic's name.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The next event; `None` when the subscription or the client has ended.
    ///
    /// # Cancel safety
    /// Safe: an event is taken when it is returned.
    pub async fn next(&mut self) -> Option<TopicEvent> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<TopicEvent>> {
        match self.events.poll_recv(cx) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => {
                // All that was kept has been taken: what was left out can come.
                let catch_up = || Command::CatchUp(self.topic.clone(), self.id.clone());
                if self.id.is_lagging().swap(false, Ordering::AcqRel)
                    && !self.client.try_tell(catch_up())
                {
                    self.id.is_lagging().store(true, Ordering::Release);
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }
}

impl futures_core::Stream for Subscription {
    type Item = TopicEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TopicEvent>> {
        Poll::Ready(ready!(self.get_mut().poll_event(cx)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // If there is no room to say so, the client notices with the next event.
        self.client.try_tell(Command::Unsubscribe(self.topic.clone(), self.id.clone()));
    }
}
