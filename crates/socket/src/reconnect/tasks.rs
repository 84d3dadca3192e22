//! What goes on whatever the program awaits: the queue leaves or expires, and proof is asked for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use super::shared::{Due, Live, Shared};
use crate::{Sender, Stream};

/// Two small tasks for each reconnecting client; they end with this.
#[derive(Debug)]
pub(super) struct Tasks([AbortHandle; 2]);

impl Tasks {
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn start<S: Stream>(shared: &Arc<Shared<S>>) -> Self {
        let queue = tokio::spawn(empty_queue(shared.clone()));
        let proof = tokio::spawn(ask_for_proof(shared.clone()));
        Self([queue.abort_handle(), proof.abort_handle()])
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Has what waits leave in order, each as soon as the connection has room for it.
async fn empty_queue<S: Stream>(shared: Arc<Shared<S>>) {
    loop {
        match shared.due() {
            Due::Room(Live { session, sender }, len) => match sender.reserve(len).await {
                Ok(permit) => shared.take(session, permit),
                Err(_) => shared.refused_by(session),
            },
            Due::Expiry(at) => {
                if timeout_at(at.into(), shared.queue.notified()).await.is_err() {
                    shared.expire();
                }
            }
            Due::Nothing => shared.queue.notified().await,
        }
    }
}

/// Sends a ping behind the messages whose fate is awaited, one at a time.
async fn ask_for_proof<S: Stream>(shared: Arc<Shared<S>>) {
    loop {
        match shared.mark() {
            Some(Live { session, sender }) => {
                if is_confirmed(&shared, session, &sender).await {
                    shared.pong(session);
                }
            }
            None => shared.proof.notified().await,
        }
    }
}

/// Waits for the answer, for as long as it would be proof: a connection that is being closed may take
/// its time, and the next one has messages, too.
async fn is_confirmed<S: Stream>(shared: &Shared<S>, session: u64, sender: &Sender<S>) -> bool {
    let mut confirm = pin!(sender.confirm());
    let mut changed = pin!(shared.proof.notified());
    poll_fn(|cx| {
        if let Poll::Ready(confirmed) = confirm.as_mut().poll(cx) {
            return Poll::Ready(confirmed.is_ok());
        }
        while changed.as_mut().poll(cx).is_ready() {
            if !shared.is_proving(session) {
                return Poll::Ready(false);
            }
            changed.set(shared.proof.notified());
        }
        Poll::Pending
    })
    .await
}
