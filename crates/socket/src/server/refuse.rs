//! An answer that arrives although the connection is closed behind it.

use std::time::Duration;

use bytes::Bytes;
use everwire_wire::handshake::encode_refusal;
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::stream::read_chunk;

/// How long the client may take to read the answer and close.
const LINGER: Duration = Duration::from_secs(1);

/// How much of what the client still sends is read, and thrown away, meanwhile.
const MAX_DISCARDED: usize = 64 << 10;

/// Writes the response within `left`, which is taken for at least a second, and closes.
///
/// A socket that is closed with bytes unread sends RST, and RST destroys the answer on its way (RFC
/// 9112 §9.6). So the sending half is closed first, and what the client still sends is read for a
/// while: a second request behind the first, or a body. It is never answered.
pub(super) async fn refuse<S>(mut stream: S, response: &Response<Bytes>, left: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bytes = encode_refusal(response);
    let write = async {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = timeout(left.max(LINGER), write).await {
        let _ = timeout(LINGER, discard(&mut stream)).await;
    }
}

async fn discard<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        match read_chunk(stream, <[u8]>::len).await {
            Ok(len @ 1..) => discarded += len,
            _ => return,
        }
    }
}
