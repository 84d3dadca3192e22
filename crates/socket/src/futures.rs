//! `Stream` and `Sink`, for programs built on those.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use everwire_wire::{Compress, Message, Outbound, SendError};

use crate::link::{Leave, Stream};
use crate::{Receiver, Sender, WebSocket};

impl<S: Stream> futures_core::Stream for WebSocket<S> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<S: Stream> futures_core::Stream for Receiver<S> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_recv(cx)
    }
}

macro_rules! sink {
    ($name:ident) => {
        /// `start_send` queues, `poll_flush` hands to the network, `poll_close` closes with a close
        /// frame without a code and waits until it has left.
        impl<S: Stream> futures_sink::Sink<Message> for $name<S> {
            type Error = SendError;

            fn poll_ready(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError>> {
                self.link().poll_ready(cx)
            }

            fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
                let message = Outbound::Message(message);
                self.link().force_send(message, Compress::Auto, Leave::Soon)
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError>> {
                self.link().poll_drained(cx)
            }

            fn poll_close(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Result<(), SendError>> {
                self.link().close(None);
                // A connection that ended meanwhile is closed, which was the wish.
                let _ = ready!(self.link().poll_drained(cx));
                Poll::Ready(Ok(()))
            }
        }
    };
}

sink!(WebSocket);
sink!(Sender);
