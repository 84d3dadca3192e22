//! A stream that misbehaves when it is told to, and remembers what was written to it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one call of `poll_read` or `poll_write` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call waits or moves bytes")]
pub enum Step {
    /// Waits, and wakes its task at once.
    Pending,
    /// Waits until the [`Rig`] says to go on.
    Stall,
    /// Moves at most this many bytes.
    AtMost(usize),
}

/// A stream around another, whose every call follows the script of its [`Rig`].
#[derive(Debug)]
pub struct Rigged<S> {
    stream: S,
    rig: Rig,
}

/// The other end of the strings of a [`Rigged`] stream; clones pull the same strings.
#[derive(Debug, Clone, Default)]
pub struct Rig {
    strings: Arc<Mutex<Strings>>,
}

#[derive(Debug, Default)]
struct Strings {
    reads: Direction,
    writes: Direction,
    /// Every byte that was written.
    written: Vec<u8>,
    /// How long each write was.
    lengths: Vec<usize>,
}

#[derive(Debug, Default)]
struct Direction {
    /// Followed over and over; when it is empty, calls do as the stream beneath does.
    script: Vec<Step>,
    at: usize,
    stalled: bool,
    broken: Option<io::ErrorKind>,
    waiting: Option<Waker>,
}

impl<S> Rigged<S> {
    /// A stream that does as the one beneath until told otherwise.
    pub fn new(stream: S) -> (Self, Rig) {
        let rig = Rig::default();
        (Self { stream, rig: rig.clone() }, rig)
    }

    /// A stream that moves one byte with every other call of either direction, and waits in between.
    pub fn byte_by_byte(stream: S) -> (Self, Rig) {
        let (rigged, rig) = Self::new(stream);
        rig.read_like(&[Step::Pending, Step::AtMost(1)]);
        rig.write_like(&[Step::Pending, Step::AtMost(1)]);
        (rigged, rig)
    }
}

impl Rig {
    /// Every read follows these steps, over and over.
    pub fn read_like(&self, script: &[Step]) {
        self.lock().reads.follow(script);
    }

    /// Every write follows these steps, over and over.
    pub fn write_like(&self, script: &[Step]) {
        self.lock().writes.follow(script);
    }

    /// Takes no bytes from now on, as a peer does that never reads.
    pub fn stall_writes(&self) {
        self.lock().writes.stalled = true;
    }

    /// Takes bytes again.
    pub fn resume_writes(&self) {
        self.lock().writes.resume();
    }

    /// Takes bytes again, without telling whoever waits for that.
    pub fn unstall_writes_silently(&self) {
        self.lock().writes.stalled = false;
    }

    /// Gives no bytes from now on, as a network does that loses them.
    pub fn stall_reads(&self) {
        self.lock().reads.stalled = true;
    }

    /// Gives bytes again.
    pub fn resume_reads(&self) {
        self.lock().reads.resume();
    }

    /// Every write fails from now on.
    pub fn break_writes(&self, kind: io::ErrorKind) {
        self.lock().writes.fail(kind);
    }

    /// Every read fails from now on.
    pub fn break_reads(&self, kind: io::ErrorKind) {
        self.lock().reads.fail(kind);
    }

    /// Every byte that was written so far.
    pub fn written(&self) -> Vec<u8> {
        self.lock().written.clone()
    }

    /// How many bytes each write took.
    pub fn writes(&self) -> Vec<usize> {
        self.lock().lengths.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Strings> {
        self.strings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Direction {
    fn follow(&mut self, script: &[Step]) {
        self.script = script.to_vec();
        self.at = 0;
    }

    fn resume(&mut self) {
        self.stalled = false;
        self.wake();
    }

    fn fail(&mut self, kind: io::ErrorKind) {
        self.broken = Some(kind);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// How many bytes this call may move.
    fn poll_step(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if self.stalled {
            self.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(step) = self.script.get(self.at).copied() else {
            return Poll::Ready(Ok(usize::MAX));
        };
        self.at = (self.at + 1) % self.script.len();
        match step {
            Step::Stall => {
                self.stalled = true;
                self.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
            Step::AtMost(len) => Poll::Ready(Ok(len)),
            Step::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// The stream beneath had nothing to move: the step is still to be done.
    fn step_back(&mut self) {
        if !self.script.is_empty() {
            self.at = (self.at + self.script.len() - 1) % self.script.len();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rigged<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = std::task::ready!(self.rig.lock().reads.poll_step(cx))?.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(len));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let filled = part.filled().len();
        buf.advance(filled);
        if polled.is_pending() {
            let mut strings = self.rig.lock();
            strings.reads.step_back();
            strings.reads.waiting = Some(cx.waker().clone());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rigged<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let most = std::task::ready!(self.rig.lock().writes.poll_step(cx))?;
        let mut bytes: Vec<u8> = Vec::new();
        for part in bufs {
            let room = most - bytes.len();
            bytes.extend_from_slice(&part[..room.min(part.len())]);
        }
        // Gathered here, so that one call of this is one write of the stream beneath.
        let polled = Pin::new(&mut self.stream).poll_write(cx, &bytes);
        let mut strings = self.rig.lock();
        match &polled {
            Poll::Pending => {
                strings.writes.step_back();
                strings.writes.waiting = Some(cx.waker().clone());
            }
            Poll::Ready(Ok(len)) => {
                strings.written.extend_from_slice(&bytes[..*len]);
                strings.lengths.push(*len);
            }
            Poll::Ready(Err(_)) => {}
        }
        drop(strings);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
