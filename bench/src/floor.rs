//! The floor: an echo server that does as little as a correct one can.
//!
//! One thread, one epoll instance, one receive buffer for all connections. For each readiness there
//! is one read; every complete frame in the buffer is unmasked and turned into the server's frame
//! where it lies; one write sends all of them. Nothing is allocated as long as frames arrive whole,
//! and an idle connection is sixteen bytes of a table.
//!
//! An unfinished frame is kept by its connection: a short one is put in front of the next read, one
//! of [`DIRECT`] bytes or more is read into a buffer of its own, which is recycled. While an answer
//! cannot be written in full, its connection is not read.
//!
//! It is a yardstick and not a server. It trusts its clients: the request line, `Host`, `Origin`,
//! `Upgrade` and the version are not looked at; reserved bits, the order of fragments, the length of
//! control frames, UTF-8 and close codes are not checked; nothing ever times out; a header's promise
//! of up to [`MAX_FRAME`] bytes is believed; fragments are echoed as they come. No extension is
//! negotiated.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use crate::epoll::{self, Epoll};
use crate::frame::{Header, echo_in_place};
use crate::handshake::{self, Response};

/// The bytes of the receive buffer that all connections share.
pub const BUFFER: usize = 512 * 1024;
/// An unfinished frame of at least this many bytes is read into a buffer of its own.
pub const DIRECT: usize = 16 * 1024;
/// A longer frame ends its connection.
pub const MAX_FRAME: usize = 64 * 1024 * 1024;
/// How many buffers of unfinished frames and answers are kept for the next one.
const MAX_SPARE: usize = 64;

/// The server: its connections by descriptor, and what they share.
#[derive(Debug)]
pub struct Floor {
    epoll: Epoll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    shared: Shared,
}

/// Buffers that belong to no connection.
#[derive(Debug)]
struct Shared {
    receive: Vec<u8>,
    spare: Vec<Buffer>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    open: bool,
    closing: bool,
    /// Absent from an idle connection.
    rest: Option<Box<Rest>>,
}

/// What a connection holds between two events; at most one of the two is filled by a large frame.
#[derive(Debug, Default)]
struct Rest {
    /// The start of an unfinished frame or request.
    input: Buffer,
    /// What could not be written.
    output: Buffer,
}

/// Bytes `start..end` of `bytes` are in use. `bytes` keeps its length when recycled, so that it
/// is zeroed only once.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What becomes of a connection after an event.
#[derive(PartialEq)]
enum Next {
    Keep,
    Drop,
}

impl Floor {
    /// Listens on `address`, for example `127.0.0.1:0`.
    ///
    /// # Errors
    ///
    /// When the address is taken or not one of this machine.
    pub fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        epoll::set_backlog(&listener, 4096)?;
        let epoll = Epoll::new()?;
        epoll.add(&listener, epoll::READ)?;
        let shared = Shared { receive: vec![0; BUFFER], spare: Vec::new() };
        Ok(Self { epoll, listener, connections: Vec::new(), shared })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// When the kernel cannot tell.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever.
    ///
    /// # Errors
    ///
    /// Only when epoll itself fails.
    pub fn run(mut self) -> io::Result<()> {
        loop {
            let count = self.epoll.wait(-1)?;
            for index in 0..count {
                let (fd, readiness) = self.epoll.event(index);
                if fd == self.listener.as_raw_fd() {
                    self.accept();
                } else {
                    self.serve(fd, readiness);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
            if ready.and_then(|()| self.epoll.add(&stream, epoll::READ)).is_err() {
                continue;
            }
            let fd = stream.as_raw_fd() as usize;
            if self.connections.len() <= fd {
                self.connections.resize_with(fd + 1, || None);
            }
            self.connections[fd] =
                Some(Connection { stream, open: false, closing: false, rest: None });
        }
    }

    fn serve(&mut self, fd: RawFd, readiness: u32) {
        let Some(slot) = self.connections.get_mut(fd as usize) else { return };
        let Some(connection) = slot else { return };
        let next = if readiness & epoll::WRITE != 0 {
            connection.on_writable(&self.epoll, &mut self.shared)
        } else {
            connection.on_readable(&self.epoll, &mut self.shared)
        };
        // A reset, or any other failure of a socket, is the end of that connection alone.
        if !matches!(next, Ok(Next::Keep)) {
            *slot = None;
        }
    }
}

impl Connection {
    fn on_readable(&mut self, epoll: &Epoll, shared: &mut Shared) -> io::Result<Next> {
        let mut receive = std::mem::take(&mut shared.receive);
        let next = self.read_into(&mut receive, epoll, shared);
        shared.receive = receive;
        next
    }

    fn read_into(
        &mut self,
        receive: &mut [u8],
        epoll: &Epoll,
        shared: &mut Shared,
    ) -> io::Result<Next> {
        let mut filled = 0;
        if let Some(rest) = self.rest.take() {
            if rest.input.bytes.len() >= DIRECT {
                return self.read_direct(rest, epoll, shared);
            }
            filled = rest.input.filled().len();
            receive[..filled].copy_from_slice(rest.input.filled());
        }
        match self.stream.read(&mut receive[filled..]) {
            Ok(0) => return Ok(Next::Drop),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let mut from = 0;
        if !self.open {
            match handshake::respond(&receive[..filled]) {
                Response::Incomplete => return self.keep(&receive[..filled], shared),
                Response::Refuse => return Ok(Next::Drop),
                Response::Accept { head_len, response } => {
                    // A fresh socket has room for these bytes.
                    self.stream.write_all(response.as_bytes())?;
                    self.open = true;
                    from = head_len;
                }
            }
        }
        let input = &mut receive[from..filled];
        let echo = echo_in_place(input);
        if self.keep(&input[echo.consumed..], shared)? == Next::Drop {
            return Ok(Next::Drop);
        }
        self.closing = echo.close;
        let output = &input[echo.output];
        let sent = self.send(output)?;
        if sent < output.len() {
            let rest = &output[sent..];
            let mut buffer = shared.take(rest.len());
            buffer.append(rest);
            return self.wait_to_send(buffer, epoll);
        }
        Ok(self.next())
    }

    /// Reads more of the one large frame in `rest`, and answers it once it is complete.
    fn read_direct(
        &mut self,
        mut rest: Box<Rest>,
        epoll: &Epoll,
        shared: &mut Shared,
    ) -> io::Result<Next> {
        let input = &mut rest.input;
        let Some(header) = Header::decode(input.filled()) else { return Ok(Next::Drop) };
        let frame_len = header.frame_len();
        match self.stream.read(&mut input.bytes[input.end..frame_len]) {
            Ok(0) => return Ok(Next::Drop),
            Ok(read) => input.end += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if input.end < frame_len {
            self.rest = Some(rest);
            return Ok(Next::Keep);
        }
        let echo = echo_in_place(&mut input.bytes[..frame_len]);
        self.closing = echo.close;
        (input.start, input.end) = (echo.output.start, echo.output.end);
        input.start += self.send(input.filled())?;
        let buffer = std::mem::take(input);
        if !buffer.filled().is_empty() {
            return self.wait_to_send(buffer, epoll);
        }
        shared.recycle(buffer);
        Ok(self.next())
    }

    fn on_writable(&mut self, epoll: &Epoll, shared: &mut Shared) -> io::Result<Next> {
        let Some(mut rest) = self.rest.take() else { return Ok(Next::Drop) };
        rest.output.start += self.send(rest.output.filled())?;
        if rest.output.filled().is_empty() {
            shared.recycle(std::mem::take(&mut rest.output));
            epoll.modify(&self.stream, epoll::READ)?;
            if !rest.input.filled().is_empty() {
                self.rest = Some(rest);
            }
            return Ok(self.next());
        }
        self.rest = Some(rest);
        Ok(Next::Keep)
    }

    /// Keeps an unfinished frame or request for the next event.
    fn keep(&mut self, input: &[u8], shared: &mut Shared) -> io::Result<Next> {
        if input.is_empty() {
            return Ok(Next::Keep);
        }
        let frame_len =
            if self.open { Header::decode(input).map(|head| head.frame_len()) } else { None };
        if frame_len > Some(MAX_FRAME) {
            return Ok(Next::Drop);
        }
        let mut buffer = match frame_len {
            Some(len) if len >= DIRECT => shared.take(len),
            _ => Buffer::default(),
        };
        buffer.append(input);
        self.rest.get_or_insert_default().input = buffer;
        Ok(Next::Keep)
    }

    fn wait_to_send(&mut self, output: Buffer, epoll: &Epoll) -> io::Result<Next> {
        self.rest.get_or_insert_default().output = output;
        epoll.modify(&self.stream, epoll::WRITE)?;
        Ok(Next::Keep)
    }

    /// Sends what the socket takes and returns how much that was.
    fn send(&mut self, output: &[u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        match self.stream.write(output) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            sent => sent,
        }
    }

    fn next(&self) -> Next {
        if self.closing { Next::Drop } else { Next::Keep }
    }
}

impl Shared {
    /// An empty buffer with room for at least `len` bytes, `DIRECT` at the least.
    fn take(&mut self, len: usize) -> Buffer {
        let fitting = self.spare.iter().rposition(|buffer| buffer.bytes.len() >= len);
        match fitting {
            Some(index) => self.spare.swap_remove(index),
            None => Buffer { bytes: vec![0; len.max(DIRECT)], start: 0, end: 0 },
        }
    }

    fn recycle(&mut self, mut buffer: Buffer) {
        (buffer.start, buffer.end) = (0, 0);
        if self.spare.len() < MAX_SPARE {
            self.spare.push(buffer);
        }
    }
}

impl Buffer {
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn append(&mut self, more: &[u8]) {
        let end = self.end + more.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.end..end].copy_from_slice(more);
        self.end = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_sixteen_bytes() {
        assert_eq!(size_of::<Option<Connection>>(), 16);
    }
}
