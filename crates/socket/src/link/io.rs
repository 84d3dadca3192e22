//! The one file that reads and writes sockets.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use everwire_wire::{Compress, Outbound};
use tokio::io::ReadBuf;

use super::tail::Tail;
use super::{Link, State, Stream};
use crate::clock;
use crate::masks::ThreadMasks;

/// How many runs of bytes one write gathers.
const SLICES: usize = 16;

/// How many bytes a look at a silent peer's socket may bring in.
const GLANCE: usize = 4 * 1024;

impl<S: Stream> State<S> {
    /// Reads once; zero bytes are the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.io else { return Poll::Ready(Ok(0)) };
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                let len = buffer.filled().len();
                if len > 0 {
                    // What is parsed of it later came now.
                    self.connection.handle_life(clock::now());
                }
                Poll::Ready(result.map(|()| len))
            }
        }
    }

    /// Writes what is queued, as far as the stream takes it. What is left is written by the driver
    /// when the stream takes more.
    #[inline]
    pub(super) fn flush(&mut self, link: &Arc<Link<S>>) {
        if self.write_failed.is_none() && (self.connection.wants_transmit() || self.unflushed) {
            self.write_queued(link);
        }
    }

    fn write_queued(&mut self, link: &Arc<Link<S>>) {
        let now =
            if self.connection.times_writes() { clock::now() } else { self.connection.active_at() };
        // Nearly always the stream takes everything, and nobody has to be told when it takes more.
        let mut result = self.poll_write_all(&mut Context::from_waker(Waker::noop()), now);
        if result.is_pending() {
            // Whoever asks for a flush, it is the driver who goes on with it.
            let waker = Waker::from(link.clone());
            result = self.poll_write_all(&mut Context::from_waker(&waker), now);
        }
        if let Poll::Ready(Err(error)) = result {
            tracing::debug!(%error, "writing failed");
            self.write_failed = Some(error.kind());
            self.wake_all();
            return;
        }
        if self.waiting.is_some() && (self.has_room(1) || self.is_drained()) {
            self.wake_writers();
        }
    }

    /// Offers a message to the network from where it lies, if it is one of those for which that is
    /// possible; what the network does not take at once is queued. Says whether it was.
    pub(super) fn write_directly(
        &mut self,
        link: &Arc<Link<S>>,
        message: &Outbound<'_>,
        compress: Compress,
    ) -> bool {
        let Some(stream) = self.io.as_mut().filter(|stream| stream.is_write_vectored()) else {
            return false;
        };
        if self.unflushed || self.write_failed.is_some() {
            return false;
        }
        let Some(direct) = self.connection.direct(message, compress) else { return false };
        // If it takes too little, `flush` asks again.
        let cx = &mut Context::from_waker(Waker::noop());
        let parts = [IoSlice::new(direct.head()), IoSlice::new(message.payload())];
        let written = Pin::new(stream).poll_write_vectored(cx, &parts);
        let now = clock::now();
        let taken = if let Poll::Ready(Ok(taken)) = written { taken } else { 0 };
        self.connection.handle_written(now, &direct, message, taken);
        self.unflushed = true;
        // The rest, and whatever went wrong, goes the way of everything else.
        self.flush(link);
        true
    }

    /// Whether all that was queued has left.
    pub(super) fn is_drained(&self) -> bool {
        !self.connection.wants_transmit() && !self.unflushed
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.io else { return Poll::Ready(Ok(())) };
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.connection.poll_transmit(&mut ThreadMasks, &mut slices);
            let stream = Pin::new(&mut *stream);
            let written = match &slices[..count] {
                [] => break,
                [one] => stream.poll_write(cx, one),
                many => stream.poll_write_vectored(cx, many),
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.connection.handle_transmitted(now, written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.connection.handle_blocked(clock::now());
                    return Poll::Pending;
                }
            }
            self.unflushed = true;
            if !self.connection.wants_transmit() {
                break;
            }
        }
        let flushed = Pin::new(stream).poll_flush(cx)?;
        self.unflushed = flushed.is_pending();
        flushed.map(Ok)
    }

    /// Whether the peer has said something that nobody has read: looks without waiting, and keeps
    /// what it finds.
    pub(super) fn has_unread(&mut self) -> bool {
        if self.has_tail() || self.visiting {
            return true;
        }
        // A waker that is registered must stay so.
        let reader = self.reader.clone();
        let cx = &mut Context::from_waker(reader.as_ref().unwrap_or(Waker::noop()));
        let mut glance = [0; GLANCE];
        match self.poll_read(cx, &mut glance) {
            Poll::Ready(Ok(len)) if len > 0 => {
                self.tail = Tail::new(glance[..len].to_vec());
                self.wake_reader();
                true
            }
            // The end and errors are for the reader to find; nothing speaks for the peer.
            _ => false,
        }
    }

    /// Ends our direction of the stream.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Lets the stream go.
    pub(super) fn let_go(&mut self) {
        self.io = None;
        self.tail = Tail::default();
    }
}
