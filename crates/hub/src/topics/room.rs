//! A topic on this node.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everwire_proto::{Epoch, Topic};
use tokio::sync::OnceCell;

use super::audience::Audience;
use super::crowd::Crowd;
use crate::broker::{Broker, BrokerError};
use crate::log::Entry;

/// A topic that somebody on this node listens to.
pub(crate) struct Room {
    topic: Topic,
    followed: OnceCell<()>,
    crowd: Mutex<Crowd>,
    audience: Mutex<Audience>,
    /// Whether somebody ever heard its presence.
    heard: AtomicBool,
}

impl Room {
    pub(crate) fn new(topic: &Topic) -> Arc<Self> {
        let crowd = Mutex::new(Crowd::new(topic.clone()));
        Arc::new(Self {
            topic: topic.clone(),
            followed: OnceCell::new(),
            crowd,
            audience: Mutex::default(),
            heard: AtomicBool::new(false),
        })
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Has the broker hand over what is published, once.
    pub(super) async fn follow(&self, broker: &dyn Broker) -> Result<(), BrokerError> {
        let follow = async || -> Result<(), BrokerError> {
            let end = broker.follow(&self.topic).await?;
            self.crowd().begin(end);
            Ok(())
        };
        self.followed.get_or_try_init(follow).await?;
        Ok(())
    }

    /// Hands a publication to whoever sits here. No await while the topic is locked.
    pub(super) fn deliver(&self, epoch: &Epoch, publication: &Arc<Entry>) {
        self.crowd().deliver(epoch, publication);
    }

    /// Who hears its presence. Not to be locked together with the crowd.
    pub(crate) fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody hears its presence.
    pub(crate) fn set_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether somebody ever did.
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    pub(crate) fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("topic", &self.topic).finish_non_exhaustive()
    }
}
