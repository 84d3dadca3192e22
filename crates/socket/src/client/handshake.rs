//! One opening handshake over one stream.

use everwire_wire::Agreement;
use everwire_wire::handshake::{ClientHandshake, HandshakeError, HandshakeLimits, ResponseReader};
use http::Response;
use tokio::io::{AsyncRead, AsyncWriteExt};

use super::body;
use crate::countdown::Countdown;
use crate::stream::read_chunk;
use crate::{ConnectError, Phase, Stream};

/// How the server answered.
pub(super) enum Answer<S> {
    /// It agreed.
    Agreed(Shaken<S>),
    /// Anything but 101: it said no, or sends us on.
    Other(Other<S>),
}

/// A stream that is a WebSocket's from here on.
pub(super) struct Shaken<S> {
    pub(super) stream: S,
    pub(super) agreement: Agreement,
    pub(super) response: Response<()>,
    /// What the server sent right behind its response.
    pub(super) unread: Vec<u8>,
}

/// A response whose body was not read yet.
pub(super) struct Other<S> {
    stream: S,
    pub(super) response: Response<()>,
    unread: Vec<u8>,
}

/// Sends the request, reads the response's head, verifies it.
pub(super) async fn shake<S: Stream>(
    mut stream: S,
    request: &ClientHandshake,
    limits: HandshakeLimits,
    countdown: &Countdown,
) -> Result<Answer<S>, ConnectError> {
    let ask = async {
        stream.write_all(&request.encode()).await.map_err(ConnectError::Io)?;
        stream.flush().await.map_err(ConnectError::Io)?;
        read_response(&mut stream, limits).await
    };
    let (response, unread) =
        countdown.step(ask).await.map_err(|_| ConnectError::Timeout(Phase::Handshake))??;
    match request.verify(&response) {
        Ok(agreement) => Ok(Answer::Agreed(Shaken { stream, agreement, response, unread })),
        Err(HandshakeError::Status(_)) => Ok(Answer::Other(Other { stream, response, unread })),
        Err(error) => Err(ConnectError::Handshake(Box::new(error))),
    }
}

impl<S: Stream> Other<S> {
    /// The server said no, and says why in the body.
    pub(super) async fn into_refusal(mut self, countdown: &Countdown) -> ConnectError {
        let body = body::read(&mut self.stream, &self.response, self.unread, countdown).await;
        ConnectError::Refused(Box::new(self.response.map(|()| body)))
    }
}

/// The final response, and what came behind its head.
async fn read_response<S: AsyncRead + Unpin>(
    stream: &mut S,
    limits: HandshakeLimits,
) -> Result<(Response<()>, Vec<u8>), ConnectError> {
    let mut reader = ResponseReader::new(limits);
    loop {
        let head = read_chunk(stream, |chunk| {
            if chunk.is_empty() {
                return Err(ConnectError::Closed);
            }
            let (used, response) =
                reader.read(chunk).map_err(|error| ConnectError::Handshake(Box::new(error)))?;
            Ok(response.map(|response| (response, chunk[used..].to_vec())))
        })
        .await
        .map_err(ConnectError::Io)??;
        if let Some(head) = head {
            return Ok(head);
        }
    }
}
