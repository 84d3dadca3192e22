//! sockudo-ws: the echo loop of its README, which queues answers with `feed`, and its own pub/sub.

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{Sink, SinkExt, StreamExt};
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Message, PubSub, Role, WebSocketStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::BROADCAST;
use crate::Ended;
use crate::listen::{Rival, Stream};
use crate::options::{DEFLATE_LEVEL, DEFLATE_THRESHOLD, Deflate, MAX_MESSAGE, Options};

/// How many publications are sent before a flush.
const BATCH: usize = 32;

/// A longer request is refused.
const MAX_REQUEST: usize = 8 * 1024;

#[derive(Clone)]
pub(crate) struct SockudoWs {
    deflate: Option<DeflateConfig>,
    room: Arc<PubSub>,
}

impl SockudoWs {
    pub(crate) fn new(options: &Options) -> Self {
        let deflate = options.deflate.map(|mode| DeflateConfig {
            server_no_context_takeover: mode == Deflate::NoTakeover,
            client_no_context_takeover: mode == Deflate::NoTakeover,
            compression_level: DEFLATE_LEVEL,
            compression_threshold: DEFLATE_THRESHOLD,
            ..DeflateConfig::default()
        });
        Self { deflate, room: Arc::new(PubSub::new()) }
    }
}

impl Rival for SockudoWs {
    async fn connection(self, mut stream: impl Stream) -> Ended {
        // Its own handshake answers without extensions.
        let mut head = BytesMut::with_capacity(4096);
        let (consumed, is_broadcast, deflate) = loop {
            if stream.read_buf(&mut head).await? == 0 || head.len() > MAX_REQUEST {
                return Err("no request".into());
            }
            let Some((request, consumed)) = parse_request(&head)? else { continue };
            let deflate = self.deflate.as_ref().and_then(|policy| {
                negotiate_server_deflate(request.extensions.unwrap_or_default(), policy)
            });
            let extensions = deflate.as_ref().map(|agreed| agreed.to_response_header());
            let accept = generate_accept_key(request.key);
            stream.write_all(&build_response(&accept, None, extensions.as_deref())).await?;
            stream.flush().await?;
            break (consumed, request.path == BROADCAST, deflate.map(|agreed| agreed.config));
        };
        let rest = (consumed < head.len()).then(|| head.split_off(consumed).freeze());
        drop(head);
        let config =
            Config::builder().max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).build();
        match deflate {
            None => {
                let socket =
                    WebSocketStream::from_raw_with_leftover(stream, Role::Server, config, rest);
                self.converse(socket, is_broadcast).await
            }
            Some(deflate) => {
                let socket =
                    CompressedWebSocketStream::server_with_leftover(stream, config, deflate, rest);
                self.converse(socket, is_broadcast).await
            }
        }
    }
}

impl SockudoWs {
    async fn converse<W>(&self, mut socket: W, is_broadcast: bool) -> Ended
    where
        W: futures_util::Stream<Item = sockudo_ws::Result<Message>>
            + Sink<Message, Error = sockudo_ws::Error>
            + Unpin,
    {
        if is_broadcast {
            return self.broadcast(socket).await;
        }
        while let Some(message) = socket.next().await {
            match message? {
                message @ (Message::Text(_) | Message::Binary(_)) => socket.feed(message).await?,
                Message::Close(_) => return Ok(()),
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
        Ok(())
    }

    async fn broadcast<W>(&self, mut socket: W) -> Ended
    where
        W: futures_util::Stream<Item = sockudo_ws::Result<Message>>
            + Sink<Message, Error = sockudo_ws::Error>
            + Unpin,
    {
        #[expect(clippy::disallowed_methods, reason = "its pub/sub takes nothing else")]
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let id = self.room.create_subscriber(sender);
        self.room.subscribe(id, BROADCAST);
        let mut batch = Vec::new();
        let ended = loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        self.room.publish(BROADCAST, message);
                    }
                    Some(Ok(Message::Close(_))) | None => break Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Err(error),
                },
                _ = inbox.recv_many(&mut batch, BATCH) => {
                    for message in batch.drain(..) {
                        if let Err(error) = socket.feed(message).await {
                            self.room.remove_subscriber(id);
                            return Err(error.into());
                        }
                    }
                    if let Err(error) = socket.flush().await {
                        break Err(error);
                    }
                }
            }
        };
        self.room.remove_subscriber(id);
        Ok(ended?)
    }
}
