//! tokio-tungstenite, with answers that leave together as in [`sink`].

use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::BROADCAST;
use crate::listen::{Rival, Stream};
use crate::options::{MAX_MESSAGE, Options};
use crate::room::Room;
use crate::{Ended, sink};

#[derive(Clone)]
pub(crate) struct TokioTungstenite(Room<Message>);

impl TokioTungstenite {
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        options.refuse_deflate()?;
        Ok(Self(Room::default()))
    }
}

impl Rival for TokioTungstenite {
    async fn connection(self, stream: impl Stream) -> Ended {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let mut is_broadcast = false;
        #[expect(clippy::result_large_err, reason = "the type is the library's")]
        let look = |request: &Request, response: Response| {
            is_broadcast = request.uri().path() == BROADCAST;
            Ok(response)
        };
        let socket = accept_hdr_async_with_config(stream, look, Some(config)).await?;
        let is_data = |message: &Message| message.is_text() || message.is_binary();
        if is_broadcast {
            sink::broadcast(socket, self.0, is_data).await
        } else {
            sink::echo(socket, is_data).await
        }
    }
}
