//! How each library does what is asked, set up as its server in `rival` is.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::endless::Endless;
use crate::library::{Ended, IsUtf8, Library, Unmask};

/// The longest message that each library is told to take: that of Everwire.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The function is private to the crate; this is its source.
#[allow(dead_code, reason = "the rest of the file is not measured")]
#[path = "../../../../crates/wire/src/mask.rs"]
mod mask;

/// A WebSocket, read by a visitor as in `everwire serve`.
pub(crate) struct Everwire;

impl Everwire {
    fn socket(stream: Endless) -> everwire::WebSocket<Endless> {
        let (agreement, config) = (everwire::Agreement::default(), everwire::Config::default());
        let role = everwire::Role::Server;
        everwire::WebSocket::from_handshake(stream, role, agreement, Vec::new(), config.into())
    }
}

impl Library for Everwire {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        let mut socket = Self::socket(stream);
        let mut seen = 0;
        // It shows all that several reads brought, also what is more than was asked for.
        while seen < count {
            let visited = socket.visit(|message, _| see(message.as_bytes()));
            seen += visited.await.ok_or("it ended")? as u64;
        }
        socket.abort();
        Ok(seen)
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let socket = Self::socket(stream);
        for _ in 0..count {
            socket.send(&payload[..]).await?;
        }
        socket.abort();
        Ok(count)
    }

    const UNMASK: Option<Unmask> = Some(|payload, key| mask::apply(key, payload));
    const UTF8: Option<IsUtf8> = Some(|bytes| everwire::Text::try_from(bytes.clone()).is_ok());
}

/// The protocol's value alone.
pub(crate) struct EverwireWire;

impl EverwireWire {
    fn connection(now: Instant) -> everwire_wire::Connection {
        let (agreement, config) = (Default::default(), Arc::default());
        everwire_wire::Connection::new(everwire_wire::Role::Server, &agreement, config, now)
    }
}

impl Library for EverwireWire {
    async fn decode(mut stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        let now = Instant::now();
        let mut connection = Self::connection(now);
        let mut buffer = vec![0; 128 * 1024];
        let mut seen = 0;
        while seen < count {
            let read = stream.next(buffer.len());
            let read_len = read.len();
            buffer[..read_len].copy_from_slice(read);
            let mut input = everwire_wire::Input::new(&mut buffer[..read_len]);
            while let Some(event) = connection.poll_event(now, &mut input) {
                let everwire_wire::Event::Message(message) = event else {
                    return Err("no message".into());
                };
                see(message.as_bytes());
                seen += 1;
            }
        }
        Ok(seen)
    }

    async fn encode(_: Endless, payload: &Bytes, count: u64) -> Ended {
        let now = Instant::now();
        let mut connection = Self::connection(now);
        let (auto, mut no_mask) = (everwire_wire::Compress::Auto, everwire_wire::NoMask);
        for _ in 0..count {
            let message = everwire_wire::Outbound::from(&payload[..]);
            // As sockets do: a long message is written from where it lies.
            if let Some(direct) = connection.direct(&message, auto) {
                let written = direct.head().len() + payload.len();
                Endless::write(written);
                connection.handle_written(now, &direct, &message, written);
                continue;
            }
            connection.send(message, auto, &mut no_mask)?;
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = connection.poll_transmit(&mut no_mask, &mut slices);
            let written = slices[..filled].iter().map(|slice| slice.len()).sum();
            Endless::write(written);
            connection.handle_transmitted(now, written);
        }
        Ok(count)
    }
}

pub(crate) struct FastWebSockets;

impl FastWebSockets {
    fn socket(stream: Endless) -> fastwebsockets::FragmentCollector<Endless> {
        let role = fastwebsockets::Role::Server;
        let mut socket = fastwebsockets::WebSocket::after_handshake(stream, role);
        socket.set_max_message_size(MAX_MESSAGE);
        fastwebsockets::FragmentCollector::new(socket)
    }
}

impl Library for FastWebSockets {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        let mut socket = Self::socket(stream);
        for _ in 0..count {
            see(&socket.read_frame().await?.payload);
        }
        Ok(count)
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let mut socket = Self::socket(stream);
        for _ in 0..count {
            let payload = fastwebsockets::Payload::Borrowed(payload);
            socket.write_frame(fastwebsockets::Frame::binary(payload)).await?;
        }
        Ok(count)
    }

    const UNMASK: Option<Unmask> = Some(fastwebsockets::unmask);
    const UTF8: Option<IsUtf8> = Some(|bytes| {
        fastwebsockets::Frame::text(fastwebsockets::Payload::Borrowed(bytes)).is_utf8()
    });
}

pub(crate) struct SockudoWs;

impl SockudoWs {
    fn socket(stream: Endless) -> sockudo_ws::WebSocketStream<Endless> {
        let config = sockudo_ws::Config::builder();
        let config = config.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).build();
        sockudo_ws::WebSocketStream::from_raw(stream, sockudo_ws::Role::Server, config)
    }
}

impl Library for SockudoWs {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        read(Self::socket(stream), count, |message| see(message.as_bytes())).await
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let mut socket = Self::socket(stream);
        for _ in 0..count {
            socket.send(sockudo_ws::Message::Binary(payload.clone())).await?;
        }
        Ok(count)
    }

    const UNMASK: Option<Unmask> = Some(sockudo_ws::simd::apply_mask);
    const UTF8: Option<IsUtf8> = Some(|bytes| sockudo_ws::utf8::validate_utf8(bytes));
}

pub(crate) struct TokioTungstenite;

impl TokioTungstenite {
    async fn socket(stream: Endless) -> tokio_tungstenite::WebSocketStream<Endless> {
        use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
        let config = WebSocketConfig::default();
        let config = config.max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let (role, config) = (Role::Server, Some(config));
        tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, config).await
    }
}

impl Library for TokioTungstenite {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        read(Self::socket(stream).await, count, |message| match message {
            Message::Text(text) => see(text.as_bytes()),
            Message::Binary(bytes) => see(bytes),
            other => panic!("{other} is no message of data"),
        })
        .await
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let mut socket = Self::socket(stream).await;
        for _ in 0..count {
            socket.send(Message::Binary(payload.clone())).await?;
        }
        Ok(count)
    }

    const UTF8: Option<IsUtf8> =
        Some(|bytes| tokio_tungstenite::tungstenite::Utf8Bytes::try_from(bytes.clone()).is_ok());
}

pub(crate) struct TokioWebSockets;

impl TokioWebSockets {
    fn socket(stream: Endless) -> tokio_websockets::WebSocketStream<Endless> {
        tokio_websockets::ServerBuilder::new()
            .config(tokio_websockets::Config::default().frame_size(usize::MAX))
            .limits(tokio_websockets::Limits::default().max_payload_len(Some(MAX_MESSAGE)))
            .serve(stream)
    }
}

impl Library for TokioWebSockets {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        read(Self::socket(stream), count, |message| see(message.as_payload())).await
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let mut socket = Self::socket(stream);
        for _ in 0..count {
            socket.send(tokio_websockets::Message::binary(payload.clone())).await?;
        }
        Ok(count)
    }
}

pub(crate) struct Yawc;

impl Yawc {
    fn socket(stream: Endless) -> yawc::Result<yawc::WebSocket<Endless>> {
        let options =
            yawc::Options::default().with_utf8().with_limits(MAX_MESSAGE + 1, MAX_MESSAGE + 1);
        yawc::WebSocket::from_stream(stream, yawc::Role::Server, options.without_compression())
    }
}

impl Library for Yawc {
    async fn decode(stream: Endless, count: u64, mut see: impl FnMut(&[u8])) -> Ended {
        let mut socket = Self::socket(stream)?;
        for _ in 0..count {
            see(socket.next_frame().await?.payload());
        }
        Ok(count)
    }

    async fn encode(stream: Endless, payload: &Bytes, count: u64) -> Ended {
        let mut socket = Self::socket(stream)?;
        for _ in 0..count {
            socket.send(yawc::Frame::binary(payload.clone())).await?;
        }
        Ok(count)
    }

    const UNMASK: Option<Unmask> = Some(yawc::mask::apply_mask);
}

/// Reads from a socket that is a `Stream`.
async fn read<T, E>(
    mut socket: impl futures_util::Stream<Item = Result<T, E>> + Unpin,
    count: u64,
    mut see: impl FnMut(&T),
) -> Ended
where
    E: std::error::Error + Send + Sync + 'static,
{
    for _ in 0..count {
        see(&socket.next().await.ok_or("it ended")??);
    }
    Ok(count)
}
