//! One connection of the load generator.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::frame::{Header, client_frame};
use crate::handshake;

/// The masking key of every frame: fixed, so that one prepared frame serves for all.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a run sends: the same binary message again and again.
#[derive(Debug)]
pub struct Script {
    /// As many copies of the masked frame as are in flight, and one more.
    frames: Vec<u8>,
    frame_len: usize,
    payload: Vec<u8>,
}

impl Script {
    /// Prepares messages of `size` bytes of which `in_flight` are under way at a time.
    #[must_use]
    pub fn new(size: usize, in_flight: usize) -> Self {
        let payload: Vec<u8> = (0..size).map(|at| b"everwire"[at % 8]).collect();
        let frame = client_frame(2, &payload, KEY);
        Self { frames: frame.repeat(in_flight + 1), frame_len: frame.len(), payload }
    }
}

/// A connection that knows what it has sent and counts what comes back.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,

    // Sending: the bytes still to be written, and where in a frame the next one is.
    unsent: usize,
    phase: usize,
    /// When how many messages were handed over, oldest first.
    sent: VecDeque<(Instant, u64)>,

    // Receiving: the payload still to come of the current frame, or the start of its header.
    header: Option<Header>,
    payload_left: usize,
    head: Vec<u8>,
    control: Vec<u8>,
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
    /// Connects, sends one message of the script and checks that it comes back unchanged; from
    /// then on the stream does not block.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, refuses the handshake, or echoes something else.
    pub fn open(url: &str, script: &Script) -> io::Result<Self> {
        let mut stream = handshake::connect(url)?;
        stream.write_all(&script.frames[..script.frame_len])?;
        if read_message(&mut stream)? != script.payload {
            return Err(invalid("the echo differs from what was sent"));
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            unsent: 0,
            phase: 0,
            sent: VecDeque::new(),
            header: None,
            payload_left: 0,
            head: Vec::new(),
            control: Vec::new(),
        })
    }

    /// The socket, to watch it.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Hands over `count` more messages at `now` and writes what the socket takes.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn send(&mut self, script: &Script, count: u64, now: Instant) -> io::Result<()> {
        self.sent.push_back((now, count));
        self.unsent += script.frame_len * count as usize;
        self.flush(script)
    }

    /// Goes on writing what is handed over.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub fn flush(&mut self, script: &Script) -> io::Result<()> {
        while self.unsent > 0 {
            let end = script.frames.len().min(self.phase + self.unsent);
            let Some(written) = would_block(self.stream.write(&script.frames[self.phase..end]))?
            else {
                break;
            };
            self.unsent -= written;
            self.phase = (self.phase + written) % script.frame_len;
        }
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
            } else {
                received.payload += here as u64;
                received.messages += u64::from(self.payload_left == 0 && header.fin());
            }
        }
        Ok(received)
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
            // Between two frames only; a server that pings a busy connection can wait.
            9 if self.unsent == 0 => {
                would_block(self.stream.write(&client_frame(10, &payload, KEY)))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Reads one message from a blocking stream on which nothing but its frames arrives.
fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
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
        let start = message.len();
        message.resize(start + header.payload, 0);
        stream.read_exact(&mut message[start..])?;
        if header.opcode() >= 8 {
            message.truncate(start);
        } else if header.fin() {
            return Ok(message);
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
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn messages_are_counted_however_the_bytes_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut client = Client {
            stream,
            unsent: 0,
            phase: 0,
            sent: VecDeque::new(),
            header: None,
            payload_left: 0,
            head: Vec::new(),
            control: Vec::new(),
        };
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
