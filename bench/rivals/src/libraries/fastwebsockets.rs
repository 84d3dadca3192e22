//! fastwebsockets: `FragmentCollector` over hyper, as in its `echo_server.rs`.
//!
//! Its reads are not cancel-safe, so that `/broadcast` needs its `unstable-split` and a task that
//! writes, through a buffer.

use fastwebsockets::upgrade::{self, UpgradeFut};
use fastwebsockets::{FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload};
use hyper::body::Bytes;
use tokio::io::{AsyncWrite, BufWriter};
use tokio::sync::mpsc::Receiver;

use super::{BROADCAST, over_hyper};
use crate::Ended;
use crate::listen::{Rival, Stream};
use crate::options::{MAX_MESSAGE, Options};
use crate::room::Room;

/// How many messages are written before a flush.
const BATCH: usize = 32;

#[derive(Clone)]
pub(crate) struct FastWebSockets(Room<Shared>);

/// A frame that many send.
#[derive(Clone)]
struct Shared {
    opcode: OpCode,
    payload: Bytes,
}

impl FastWebSockets {
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        options.refuse_deflate()?;
        Ok(Self(Room::default()))
    }
}

impl Rival for FastWebSockets {
    async fn connection(self, stream: impl Stream) -> Ended {
        over_hyper(stream, |mut request| {
            let (response, upgraded) = upgrade::upgrade(&mut request)?;
            if request.uri().path() == BROADCAST {
                tokio::spawn(tokio::task::unconstrained(broadcast(upgraded, self.0.clone())));
            } else {
                tokio::spawn(tokio::task::unconstrained(echo(upgraded)));
            }
            Ok::<_, fastwebsockets::WebSocketError>(response)
        })
        .await
    }
}

async fn echo(upgraded: UpgradeFut) -> Ended {
    let mut socket = upgraded.await?;
    socket.set_max_message_size(MAX_MESSAGE);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn broadcast(upgraded: UpgradeFut, room: Room<Shared>) -> Ended {
    let mut socket = upgraded.await?;
    socket.set_max_message_size(MAX_MESSAGE);
    let (read, write) = socket.split(|stream| {
        let (read, write) = tokio::io::split(stream);
        (read, BufWriter::new(write))
    });
    let (member, inbox) = room.join();
    let writer = tokio::spawn(tokio::task::unconstrained(write_all(write, inbox)));
    let mut read = FragmentCollectorRead::new(read);
    let mut ended = Ok(());
    while ended.is_ok() {
        // What the library owes a client, a pong or a close, would go through the inbox; the load
        // sends no ping, and a connection that is closed ends here.
        let owed =
            &mut |_: Frame<'_>| std::future::ready(Ok::<_, fastwebsockets::WebSocketError>(()));
        match read.read_frame(owed).await {
            Ok(frame) => match frame.opcode {
                OpCode::Text | OpCode::Binary => member.publish(&Shared {
                    opcode: frame.opcode,
                    payload: Bytes::from(Vec::from(frame.payload)),
                }),
                OpCode::Close => break,
                _ => {}
            },
            Err(error) => ended = Err(error.into()),
        }
    }
    writer.abort();
    ended
}

async fn write_all<W: AsyncWrite + Unpin>(
    mut socket: fastwebsockets::WebSocketWrite<W>,
    mut inbox: Receiver<Shared>,
) -> Ended {
    let mut batch = Vec::new();
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        for shared in &batch {
            let payload = Payload::Borrowed(&shared.payload);
            socket.write_frame(Frame::new(true, shared.opcode, None, payload)).await?;
        }
        socket.flush().await?;
        batch.clear();
    }
    Ok(())
}
