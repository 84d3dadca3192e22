//! One connection of the load generator.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Instant;

use crate::frame::{Header, client_frame};
use crate::handshake;
use crate::hub::{self, Dialect, GOT_EVERY, Said};
use crate::script::{Content, Inflater, KEY, Script};
use crate::socket_io;
use crate::transport::{Dialer, Transport};

/// A connection that knows what it has sent and counts what comes back.
#[derive(Debug)]
pub struct Client {
    stream: Transport,

    // Sending: the bytes still to be written, where in the script the next one is, and which
    // message is handed over next.
    unsent: usize,
    at: usize,
    next: usize,
    /// When how many messages were handed over, oldest first.
    sent: VecDeque<(Instant, u64)>,

    // Receiving: the payload still to come of the current frame, or the start of its header.
    header: Option<Header>,
    payload_left: usize,
    /// Some text is a ping.
    socket_io: bool,
    /// Some messages are the hub's own.
    hub: Option<Listener>,
    head: Vec<u8>,
    control: Vec<u8>,
}

/// A subscriber of a hub.
#[derive(Debug)]
struct Listener {
    dialect: Dialect,
    /// Of each publication.
    letters: usize,
    /// Numbered messages that came, and how many of them the hub was not told.
    got: u64,
    unsaid: u64,
}

/// What one call of [`Client::receive`] found.
#[derive(Debug, Default, Clone, Copy)]
pub struct Received {
    /// Messages that were completed.
    pub messages: u64,
    /// Bytes of payload of data frames.
    pub payload: u64,
}

impl Client {
    /// Connects and completes the handshake; from then on the stream does not block.
    ///
    /// With `check`, one message of the script is sent and has to come back unchanged.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, refuses the handshake, does not agree to the script's
    /// compression, or echoes something else.
    pub fn open(dialer: &Dialer, script: &Script, check: bool) -> io::Result<Self> {
        let mut stream = dialer.dial()?;
        let socket_io = script.content() == Content::SocketIo;
        if socket_io {
            let rest = handshake::upgrade_and_hear(&mut stream, dialer, script.deflate())?;
            socket_io::greet(&mut stream, &rest)?;
        } else {
            stream = handshake::upgrade(stream, dialer, script.deflate())?;
        }
        let mut hub = None;
        if let Content::Hub(dialect) = script.content() {
            dialect.greet(&mut stream)?;
            hub = Some(Listener { dialect, letters: script.size(), got: 0, unsaid: 0 });
        }
        let mut next = 0;
        if check {
            stream.write_all(script.message(0))?;
            stream.flush()?;
            if read_message(&mut stream)? != script.first() {
                return Err(invalid("the echo differs from what was sent"));
            }
            next = script.after(0);
        }
        stream.set_nonblocking(true)?;
        let at = script.start(next);
        Ok(Self { socket_io, hub, ..Self::over(stream, at, next) })
    }

    fn over(stream: Transport, at: usize, next: usize) -> Self {
        Self {
            stream,
            unsent: 0,
            at,
            next,
            sent: VecDeque::new(),
            header: None,
            payload_left: 0,
            socket_io: false,
            hub: None,
            head: Vec::new(),
            control: Vec::new(),
        }
    }

    /// The connection, to watch it.
    #[must_use]
    pub fn stream(&self) -> &Transport {
        &self.stream
    }

    /// Hands over `count` more messages at `now` and writes what the socket takes.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn send(&mut self, script: &Script, count: u64, now: Instant) -> io::Result<()> {
        self.sent.push_back((now, count));
        if self.unsent == 0 && script.is_uniform() {
            // All of them fit behind the start.
            (self.at, self.next) = (0, 0);
        }
        for _ in 0..count {
            self.unsent += script.message(self.next).len();
            self.next = script.after(self.next);
        }
        self.flush(script)
    }

    /// Goes on writing what is handed over.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn flush(&mut self, script: &Script) -> io::Result<()> {
        let bytes = script.bytes();
        while self.unsent > 0 {
            let end = bytes.len().min(self.at + self.unsent);
            let Some(written) = would_block(self.stream.write(&bytes[self.at..end]))? else {
                return Ok(());
            };
            self.unsent -= written;
            self.at += written;
            if self.at == bytes.len() {
                self.at = script.again();
            }
        }
        would_block(self.stream.flush().map(|()| 0))?;
        Ok(())
    }

    /// Reads once into `buffer`, which all connections share, and returns the bytes read; `None`
    /// when there were none.
    ///
    /// # Errors
    ///
    /// When the server closed the connection.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match would_block(self.stream.read(buffer))? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }

    /// Counts what `bytes` completes; pings are answered.
    ///
    /// # Errors
    ///
    /// When the server sends a close frame.
    #[inline]
    pub fn receive(&mut self, mut bytes: &[u8]) -> io::Result<Received> {
        let mut received = Received::default();
        while !bytes.is_empty() {
            let header = match self.header {
                Some(header) => header,
                None => match self.next_header(&mut bytes) {
                    Some(header) => header,
                    None => break,
                },
            };
            let here = self.payload_left.min(bytes.len());
            let (payload, rest) = bytes.split_at(here);
            bytes = rest;
            self.payload_left -= here;
            self.header = if self.payload_left > 0 { Some(header) } else { None };
            if header.opcode() >= 8 {
                self.on_control(header, payload)?;
            } else if self.socket_io && socket_io::is_ping(header) {
                self.answer(1, socket_io::PONG)?;
            } else if self.hub.is_some() && !self.is_publication(header)? {
                // The hub's own.
            } else {
                received.payload += here as u64;
                received.messages += u64::from(self.payload_left == 0 && header.fin());
            }
        }
        Ok(received)
    }

    /// Whether a hub's frame is a publication; the hub is told now and then how many messages came.
    fn is_publication(&mut self, header: Header) -> io::Result<bool> {
        let Some(hub) = &mut self.hub else { return Ok(true) };
        let said = hub.dialect.said(header, hub.letters);
        if self.payload_left == 0 && said != Said::Heartbeat {
            hub.got += 1;
            hub.unsaid += 1;
        }
        let got = hub.got;
        // Between two frames only: a client that is writing says it with the next message that it gets.
        if hub.unsaid >= GOT_EVERY && self.unsent == 0 {
            hub.unsaid = 0;
            would_block(self.stream.write(&hub::got(got)))?;
        }
        Ok(said == Said::Publication)
    }

    /// Takes `count` messages off the ones in flight and says when each batch of them was sent.
    pub fn acknowledge(&mut self, mut count: u64, mut sent: impl FnMut(Instant, u64)) {
        while count > 0 {
            let Some((at, outstanding)) = self.sent.front_mut() else { return };
            let batch = count.min(*outstanding);
            sent(*at, batch);
            count -= batch;
            *outstanding -= batch;
            if *outstanding == 0 {
                self.sent.pop_front();
            }
        }
    }

    #[inline]
    fn next_header(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        let header = if self.head.is_empty()
            && let Some(header) = Header::decode(bytes)
        {
            *bytes = &bytes[header.len..];
            header
        } else {
            self.split_header(bytes)?
        };
        self.payload_left = header.payload;
        Some(header)
    }

    /// A header that arrives in two reads, byte by byte.
    #[cold]
    fn split_header(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        while let Some((byte, rest)) = bytes.split_first() {
            self.head.push(*byte);
            *bytes = rest;
            if let Some(header) = Header::decode(&self.head) {
                self.head.clear();
                return Some(header);
            }
        }
        None
    }

    #[cold]
    fn on_control(&mut self, header: Header, payload: &[u8]) -> io::Result<()> {
        self.control.extend(payload);
        if self.payload_left > 0 {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.control);
        match header.opcode() {
            8 => Err(invalid(&format!("the server closed with {payload:?}"))),
            9 => self.answer(10, &payload),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        // Between two frames only; a server that pings a busy connection can wait.
        if self.unsent == 0 {
            would_block(self.stream.write(&client_frame(opcode, payload, KEY)))?;
        }
        Ok(())
    }
}

/// Reads one message from a blocking stream on which nothing but its frames arrives, the first one
/// if it is compressed.
pub(crate) fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut compressed = false;
    loop {
        let mut head = vec![0; 2];
        stream.read_exact(&mut head)?;
        let header = loop {
            if let Some(header) = Header::decode(&head) {
                break header;
            }
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        };
        // RFC 7692 §6: the first frame says that the message is compressed.
        compressed |= header.opcode() < 8 && header.first & 0x40 != 0;
        let start = message.len();
        message.resize(start + header.payload, 0);
        stream.read_exact(&mut message[start..])?;
        if header.opcode() >= 8 {
            message.truncate(start);
        } else if header.fin() {
            return if compressed { Inflater::default().inflate(&message) } else { Ok(message) };
        }
    }
}

fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn messages_are_counted_however_the_bytes_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut client = Client::over(Transport::Plain(stream), 0, 0);
        let long = [&[0x82, 126, 1, 0][..], &[7; 256]].concat();
        let bytes = [b"\x82\x03abc\x8a\x02hi\x01\x01a\x80\x01b\x82\x00", &long[..]].concat();
        for size in 1..bytes.len() {
            let mut total = Received::default();
            for piece in bytes.chunks(size) {
                let received = client.receive(piece).unwrap();
                total.messages += received.messages;
                total.payload += received.payload;
            }
            assert_eq!((total.messages, total.payload), (4, 3 + 2 + 256), "pieces of {size}");
        }
        assert!(client.receive(b"\x88\x00").is_err());
    }
}
