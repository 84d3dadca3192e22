//! Streams in memory with nobody at the other end: what a peer would do costs nothing here, so that
//! what is counted is ours.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames;

/// Runs a future on a runtime that has this thread only.
pub(crate) fn on_a_thread(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(future);
}

/// A client that sends messages at once, and the next when it has all answers; in the end it is gone.
pub(crate) struct Client {
    request: Vec<u8>,
    answer_len: usize,
    /// Requests to come.
    requests: u64,
    /// Bytes of answers to come.
    owed: usize,
    reader: Option<Waker>,
}

impl Client {
    /// `count` messages of `len` bytes, `in_flight` of them in each read.
    pub(crate) fn new(len: usize, in_flight: u64, count: u64) -> Self {
        Self {
            request: frames::request(len).repeat(in_flight as usize),
            answer_len: frames::answer(len).len() * in_flight as usize,
            requests: count / in_flight,
            owed: 0,
            reader: None,
        }
    }

    fn take(&mut self, len: usize) {
        self.owed -= len;
        if let (0, Some(reader)) = (self.owed, self.reader.take()) {
            reader.wake();
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.owed > 0 {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.requests > 0 {
            self.requests -= 1;
            self.owed = self.answer_len;
            buffer.put_slice(&self.request);
        }
        Poll::Ready(Ok(()))
    }
}

/// Everyone who hears a group: bytes go nowhere and are counted.
pub(crate) struct Listener;

thread_local! {
    static HEARD: Cell<usize> = const { Cell::new(0) };
}

impl Listener {
    /// Bytes that all of them have got.
    pub(crate) fn heard() -> usize {
        HEARD.get()
    }

    /// Counts from zero.
    pub(crate) fn forget() {
        HEARD.set(0);
    }

    fn take(&mut self, len: usize) {
        HEARD.set(HEARD.get() + len);
    }
}

impl AsyncRead for Listener {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// A client of a hub: it connects, subscribes, and then hears; each write is a message, and counted.
pub(crate) struct Subscriber {
    connect: Vec<u8>,
}

impl Subscriber {
    pub(crate) fn new(topic: &str) -> Self {
        let subscriptions = format!(r#"{{"{topic}":{{}}}}"#);
        let connect =
            format!(r#"{{"id":1,"connect":{{"version":1,"subscriptions":{subscriptions}}}}}"#);
        Self { connect: frames::say(&connect) }
    }

    /// Messages that all of them have got.
    pub(crate) fn heard() -> u64 {
        HEARD.get() as u64
    }

    /// Counts from zero.
    pub(crate) fn forget() {
        HEARD.set(0);
    }

    fn take(&mut self, _: usize) {
        HEARD.set(HEARD.get() + 1);
    }
}

impl AsyncRead for Subscriber {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connect = std::mem::take(&mut self.connect);
        if connect.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(&connect);
        Poll::Ready(Ok(()))
    }
}

/// A browser that comes and goes.
#[derive(Default)]
pub(crate) struct Visit {
    reads: usize,
    writes: usize,
    reader: Option<Waker>,
}

/// What a browser asks, by and large.
const REQUEST: &[u8] = b"GET /echo HTTP/1.1\r\n\
    Host: localhost:8000\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: http://localhost:8000\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\n\r\n";

impl Visit {
    /// Answers, whatever they are, come in a write each.
    fn take(&mut self, _: usize) {
        self.writes += 1;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.writes < self.reads {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        match self.reads {
            0 => buffer.put_slice(REQUEST),
            1 => buffer.put_slice(frames::CLOSE),
            _ => {}
        }
        self.reads += 1;
        Poll::Ready(Ok(()))
    }
}

/// Takes all bytes at once, as a socket with room does.
macro_rules! takes_all {
    ($($stream:ty),*) => {$(
        impl AsyncWrite for $stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.take(bytes.len());
                Poll::Ready(Ok(bytes.len()))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                parts: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let len = parts.iter().map(|part| part.len()).sum();
                self.take(len);
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
    )*};
}

takes_all!(Client, Listener, Subscriber, Visit);
