//! A stream in memory that always has more to read, and takes whatever is written.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one read brings at the most: whole messages up to so many bytes, or one that is longer. Both the
/// stream and a buffer for it lie in the nearest cache, so that nobody pays for having a larger one.
const READ: usize = 8 * 1024;

thread_local! {
    static WRITTEN: Cell<u64> = const { Cell::new(0) };
}

/// The stream.
pub(crate) struct Endless {
    frames: Vec<u8>,
    /// How far the reader is in them.
    at: usize,
}

impl Endless {
    /// The same frame again and again.
    pub(crate) fn new(frame: &[u8]) -> Self {
        Self { frames: frame.repeat((READ / frame.len()).max(1)), at: 0 }
    }

    /// One that is only written to.
    pub(crate) fn drain() -> Self {
        Self { frames: Vec::new(), at: 0 }
    }

    /// The next bytes, as many as fit.
    pub(crate) fn next(&mut self, most: usize) -> &[u8] {
        if self.at == self.frames.len() {
            self.at = 0;
        }
        let start = self.at;
        self.at = self.frames.len().min(start + most);
        &self.frames[start..self.at]
    }

    /// Takes bytes.
    pub(crate) fn write(len: usize) {
        WRITTEN.set(WRITTEN.get() + len as u64);
    }

    /// Bytes that were written on this thread.
    pub(crate) fn written() -> u64 {
        WRITTEN.get()
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let more = self.next(buffer.remaining());
        buffer.put_slice(more);
        // Nothing to read is what nobody waits for here.
        if self.frames.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::write(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = parts.iter().map(|part| part.len()).sum();
        Self::write(len);
        Poll::Ready(Ok(len))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
