//! A connection: two directions, an end for each side, and what may happen to it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use everwire_testkit::Dice;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::pipe::{Found, Manner, Pipe};

/// A connection between a client and the hub.
#[derive(Debug)]
pub(crate) struct Wire(Mutex<State>);

#[derive(Debug)]
struct State {
    /// To the hub, and to the client.
    pipes: [Pipe; 2],
    /// Whether the client, and the hub, were told that the connection is reset.
    reset: [bool; 2],
}

/// Whose end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client = 0,
    Hub = 1,
}

/// Which directions something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToHub,
    ToClient,
    Both,
}

impl Wire {
    /// A connection, and its two ends.
    pub(super) fn new(manners: [Manner; 2], dice: &mut Dice) -> (Arc<Self>, End, End) {
        let pipes = manners.map(|manner| Pipe::new(manner, Dice::new(dice.next_u64())));
        let wire = Arc::new(Self(Mutex::new(State { pipes, reset: [false; 2] })));
        let end = |side| End { wire: wire.clone(), side, alarm: None };
        (wire.clone(), end(Side::Client), end(Side::Hub))
    }

    /// Both sides are told that there is no connection any more.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.reset = [true; 2];
        state.wake();
    }

    /// One side is told; the other hears nothing any more.
    pub(crate) fn reset_for(&self, side: Side) {
        let mut state = self.lock();
        state.reset[side as usize] = true;
        state.pipes.iter_mut().for_each(|pipe| pipe.is_dead = true);
        state.wake();
    }

    /// Nothing arrives, for now.
    pub(crate) fn stall(&self, way: Way) {
        self.lock().each(way, |pipe| pipe.is_stalled = true);
    }

    /// What is on its way arrives.
    pub(crate) fn go_on(&self) {
        self.lock().each(Way::Both, |pipe| pipe.is_stalled = false);
    }

    /// Nothing arrives any more, and nobody is told.
    pub(crate) fn die(&self, way: Way) {
        self.lock().each(way, |pipe| pipe.is_dead = true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn each(&mut self, way: Way, change: impl Fn(&mut Pipe)) {
        let [to_hub, to_client] = &mut self.pipes;
        if way != Way::ToClient {
            change(to_hub);
        }
        if way != Way::ToHub {
            change(to_client);
        }
        self.wake();
    }

    fn wake(&mut self) {
        self.pipes.iter_mut().for_each(Pipe::wake);
    }
}

/// One side's end of a connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct End {
    wire: Arc<Wire>,
    side: Side,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl End {
    fn pipes<'a>(&self, state: &'a mut State) -> io::Result<(&'a mut Pipe, &'a mut Pipe)> {
        if state.reset[self.side as usize] {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let [to_hub, to_client] = &mut state.pipes;
        Ok(match self.side {
            Side::Client => (to_client, to_hub),
            Side::Hub => (to_hub, to_client),
        })
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let wire = self.wire.clone();
            let mut state = wire.lock();
            let (incoming, _) = self.pipes(&mut state)?;
            let at = match incoming.read(cx, buf.initialize_unfilled()) {
                Found::Read(len) => {
                    buf.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Found::Wait(None) => return Poll::Pending,
                Found::Wait(Some(at)) => at,
            };
            drop(state);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if alarm.deadline() != at {
                alarm.as_mut().reset(at);
            }
            ready!(alarm.as_mut().poll(cx));
            self.alarm = None;
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.wire.lock();
        let (_, outgoing) = self.pipes(&mut state)?;
        outgoing.write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.wire.lock();
        let (_, outgoing) = self.pipes(&mut state)?;
        outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.wire.lock();
        let Ok((incoming, outgoing)) = self.pipes(&mut state) else { return };
        incoming.is_deaf = true;
        incoming.wake();
        outgoing.close();
    }
}
