//! A topic, to hear or to publish in.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use everwire_proto::session::Request;
use everwire_proto::{
    Answer, HistoryPage, Payload, PresenceMode, PresenceState, Receipt, SlowPolicy, SubscribeFrom,
    SubscribeOptions, Topic,
};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::core::Command;
use crate::request::RequestError;
use crate::subscription::Subscription;

/// A topic of a [`Client`].
#[derive(Debug, Clone)]
pub struct TopicHandle {
    client: Client,
    topic: Topic,
}

impl TopicHandle {
    pub(crate) fn new(client: Client, topic: Topic) -> Self {
        Self { client, topic }
    }

    /// Its name.
    pub fn name(&self) -> &Topic {
        &self.topic
    }

    /// Begins to hear the topic; awaited, the subscription stands. It outlives links and sessions.
    pub fn subscribe(&self) -> Subscribe {
        let options = SubscribeOptions::default();
        Subscribe { client: self.client.clone(), topic: self.topic.clone(), options }
    }

    /// Publishes. Done when it is stored, as durably as the topic is; where it is stored, unless the topic has no
    /// history.
    ///
    /// # Errors
    /// If it is not stored, or it is not known whether it is.
    pub async fn publish(&self, payload: Payload) -> Result<Option<Receipt>, RequestError> {
        self.publish_with(payload, true).await
    }

    /// Publishes to everybody but this session.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn publish_to_others(
        &self,
        payload: Payload,
    ) -> Result<Option<Receipt>, RequestError> {
        self.publish_with(payload, false).await
    }

    async fn publish_with(
        &self,
        payload: Payload,
        echo: bool,
    ) -> Result<Option<Receipt>, RequestError> {
        let topic = self.topic.clone();
        match self.client.ask(Request::Publish { topic, payload, echo }).await? {
            Some(Answer::Published(receipt)) => Ok(receipt),
            _ => Err(RequestError::Uncertain),
        }
    }

    /// At most `limit` publications of the past with offsets below `before`; without it the newest.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn history(
        &self,
        before: Option<u64>,
        limit: Option<u64>,
    ) -> Result<HistoryPage, RequestError> {
        self.client.history(self.topic.clone(), before, limit).await
    }

    /// Who is there.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn presence(&self) -> Result<PresenceState, RequestError> {
        self.client.presence(self.topic.clone()).await
    }

    /// Notes that the program has dealt with everything up to this offset of a topic that it subscribes to.
    ///
    /// # Errors
    /// If the client has ended.
    pub async fn acknowledge(&self, offset: u64) -> Result<(), RequestError> {
        self.client.tell(Command::Ack(self.topic.clone(), offset)).await
    }
}

/// A subscription that is about to begin; await it.
#[derive(Debug)]
#[must_use = "it begins when it is awaited"]
pub struct Subscribe {
    client: Client,
    topic: Topic,
    options: SubscribeOptions,
}

impl Subscribe {
    /// From where. Default: what is published from now on.
    pub fn from(mut self, from: SubscribeFrom) -> Self {
        self.options.from = from;
        self
    }

    /// How much to hear of who is there. Default nothing.
    pub fn presence(mut self, mode: PresenceMode) -> Self {
        self.options.presence = mode;
        self
    }

    /// What the hub does when the client is slow. Default: the topic's policy.
    pub fn slow(mut self, policy: SlowPolicy) -> Self {
        self.options.slow = Some(policy);
        self
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, topic, options } = self;
            let (answer, answered) = oneshot::channel();
            let (subscription, feed) = Subscription::new(client.clone(), topic.clone());
            let subscribe = Command::Subscribe { topic, options, feed, answer };
            client.tell(subscribe).await?;
            RequestError::sort(answered.await.map_err(|_| RequestError::Ended)?)?;
            Ok(subscription)
        })
    }
}
