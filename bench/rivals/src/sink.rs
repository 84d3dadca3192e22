//! Both endpoints for libraries whose sockets are a `Stream` and a `Sink`.

use std::error::Error;

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};

use crate::Ended;
use crate::room::Room;

/// How many messages are taken before those that were answered leave: yawc's own benchmark server
/// batches as many.
const BATCH: usize = 32;

/// Echoes; answers to messages that arrived together leave together.
///
/// `is_data` tells text and binary from what the library answers by itself.
pub(crate) async fn echo<W, M, E>(mut socket: W, is_data: fn(&M) -> bool) -> Ended
where
    W: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: Error + Send + Sync + 'static,
{
    while let Some(first) = socket.next().await {
        let mut next = Some(Some(first));
        for _ in 0..BATCH {
            let Some(Some(message)) = next else { break };
            let message = message?;
            if is_data(&message) {
                socket.feed(message).await?;
            }
            next = socket.next().now_or_never();
        }
        match next {
            None => socket.flush().await?,
            Some(None) => break,
            // One more than a batch: it is answered with what follows.
            Some(Some(message)) => {
                let message = message?;
                if is_data(&message) {
                    socket.feed(message).await?;
                }
                socket.flush().await?;
            }
        }
    }
    Ok(())
}

/// Publishes what arrives and sends what others publish, all that waits at a time.
pub(crate) async fn broadcast<W, M, E>(
    mut socket: W,
    room: Room<M>,
    is_data: fn(&M) -> bool,
) -> Ended
where
    W: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Clone,
    E: Error + Send + Sync + 'static,
{
    let (member, mut inbox) = room.join();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(message) => {
                    let message = message?;
                    if is_data(&message) {
                        member.publish(&message);
                    }
                }
                None => return Ok(()),
            },
            _ = inbox.recv_many(&mut batch, BATCH) => {
                for message in batch.drain(..) {
                    socket.feed(message).await?;
                }
                socket.flush().await?;
            }
        }
    }
}
