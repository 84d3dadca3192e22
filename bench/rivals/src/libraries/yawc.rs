//! yawc over hyper, with answers that leave together as in its benchmark server ([`sink`]).
//!
//! UTF-8 is checked, which it does not do by default and RFC 6455 §8.1 demands.

use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, UpgradeFut, WebSocket};

use super::{BROADCAST, over_hyper};
use crate::listen::{Rival, Stream};
use crate::options::{DEFLATE_LEVEL, DEFLATE_THRESHOLD, Deflate, MAX_MESSAGE, Options};
use crate::room::Room;
use crate::{Ended, sink};

/// How many idle compressors its pool keeps; one thread needs one at a time.
const POOL: usize = 16;

#[derive(Clone)]
pub(crate) struct Yawc {
    options: yawc::Options,
    room: Room<Frame>,
}

impl Yawc {
    pub(crate) fn new(options: &Options) -> Self {
        let yawc =
            yawc::Options::default().with_utf8().with_limits(MAX_MESSAGE + 1, MAX_MESSAGE + 1);
        let compressed = |options: yawc::Options| {
            options
                .with_compression_level(CompressionLevel::new(DEFLATE_LEVEL))
                .with_compression_threshold(DEFLATE_THRESHOLD)
        };
        let options = match options.deflate {
            None => yawc.without_compression(),
            Some(Deflate::Takeover) => compressed(yawc),
            Some(Deflate::NoTakeover) => compressed(yawc)
                .server_no_context_takeover()
                .client_no_context_takeover()
                .with_deflate_pool(DeflatePool::new(POOL)),
        };
        Self { options, room: Room::default() }
    }
}

impl Rival for Yawc {
    async fn connection(self, stream: impl Stream) -> Ended {
        over_hyper(stream, |mut request| {
            let options = self.options.clone();
            let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
            let room = (request.uri().path() == BROADCAST).then(|| self.room.clone());
            tokio::spawn(tokio::task::unconstrained(converse(upgraded, room)));
            Ok::<_, yawc::WebSocketError>(response)
        })
        .await
    }
}

async fn converse(upgraded: UpgradeFut, room: Option<Room<Frame>>) -> Ended {
    let socket = upgraded.await?;
    // Its stream ends with the first error and has none.
    let socket = futures_util::StreamExt::map(socket, Ok::<_, yawc::WebSocketError>);
    let is_data = |frame: &Frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary);
    match room {
        Some(room) => sink::broadcast(socket, room, is_data).await,
        None => sink::echo(socket, is_data).await,
    }
}
