//! tokio-websockets: its `echo_server.rs`, with answers that leave together as in [`sink`].

use tokio_websockets::{Config, Limits, Message, ServerBuilder};

use super::BROADCAST;
use crate::listen::{Rival, Stream};
use crate::options::{MAX_MESSAGE, Options};
use crate::room::Room;
use crate::{Ended, sink};

#[derive(Clone)]
pub(crate) struct TokioWebSockets(Room<Message>);

impl TokioWebSockets {
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        options.refuse_deflate()?;
        Ok(Self(Room::default()))
    }
}

impl Rival for TokioWebSockets {
    async fn connection(self, stream: impl Stream) -> Ended {
        // Frames of any size out, as in its own example, instead of pieces of 4 MiB.
        let (request, socket) = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)))
            .accept(stream)
            .await?;
        let is_data = |message: &Message| message.is_text() || message.is_binary();
        if request.uri().path() == BROADCAST {
            sink::broadcast(socket, self.0, is_data).await
        } else {
            sink::echo(socket, is_data).await
        }
    }
}
