//! A subscriber that is cut off and comes back, and looks at all that it hears.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};

use super::{GOT_EVERY, TOPIC, connect, field, got, text};
use crate::epoll;
use crate::frame::Header;
use crate::handshake;
use crate::script::Deflate;
use crate::transport::{Dialer, Transport};

/// Addresses that members come from: a server lets so many handshakes under way in from each.
const ADDRESSES: usize = 64;

/// Room for what is not read yet, in bytes.
const RECEIVE_BUFFER: i32 = 64 * 1024;

/// How a member comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// To its session, in time.
    Resumed,
    /// To a new session, when the old one is over: the topic is recovered from the position.
    Recovered,
}

/// A session of the hub, in JSON.
#[derive(Debug)]
pub(crate) struct Member {
    number: usize,
    stream: Option<Transport>,
    state: State,
    /// Read, and not dealt with.
    unread: Vec<u8>,

    // What it came to know.
    session: String,
    key: String,
    position: Position,
    /// Numbered messages that it has got, and those that the hub was not told of.
    got: u64,
    unsaid: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Away,
    /// The handshake's answer is to come.
    Shaking,
    /// The answer to `connect` is.
    Connecting,
    There,
}

#[derive(Debug, Default)]
struct Position {
    epoch: String,
    offset: u64,
    tag: u64,
}

impl Member {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            stream: None,
            state: State::Away,
            unread: Vec::new(),
            session: String::new(),
            key: String::new(),
            position: Position::default(),
            got: 0,
            unsaid: 0,
        }
    }

    /// Begins to connect; whatever comes is for [`receive`](Self::receive). Gives what is to be watched.
    pub(crate) fn come(&mut self, dialer: &Dialer) -> io::Result<RawFd> {
        let [_, _, high, low] = ((self.number % ADDRESSES) as u32 + 1).to_be_bytes();
        let mut stream = dialer.dial_from(Ipv4Addr::new(127, 0, high + 1, low), RECEIVE_BUFFER)?;
        stream.write_all(handshake::request(dialer, Deflate::Off).as_bytes())?;
        stream.set_nonblocking(true)?;
        let fd = stream.as_raw_fd();
        (self.stream, self.state) = (Some(stream), State::Shaking);
        Ok(fd)
    }

    /// Is cut off: the server sees a reset.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        if let Some(stream) = self.stream.take() {
            epoll::reset_on_close(&stream)?;
        }
        self.state = State::Away;
        self.unread.clear();
        Ok(())
    }

    /// Whether it is subscribed, with everything up to this offset.
    pub(crate) fn has(&self, offset: u64) -> bool {
        self.state == State::There && self.position.offset == offset
    }

    /// Takes what has come; `expected` is how it has to have come back, if it was there before.
    ///
    /// # Errors
    ///
    /// When the connection fails, the hub does not go on as it should, or a publication is missing or comes
    /// twice.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], expected: Return) -> io::Result<()> {
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => return Err(self.wrong("the connection ended")),
                Ok(read) => {
                    self.unread.extend(&buffer[..read]);
                    if read < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[..];
        if self.state == State::Shaking {
            let Some(len) = handshake::head_len(rest) else {
                self.unread = unread;
                return Ok(());
            };
            if !rest.starts_with(b"HTTP/1.1 101") {
                return Err(self.wrong(&String::from_utf8_lossy(rest)));
            }
            rest = &rest[len..];
            self.say_connect()?;
        }
        while let Some(header) = Header::decode(rest).filter(|it| it.frame_len() <= rest.len()) {
            let (frame, more) = rest.split_at(header.frame_len());
            rest = more;
            let payload = String::from_utf8_lossy(&frame[header.len..]);
            match header.opcode() {
                1 => self.hear(&payload, expected)?,
                8 => return Err(self.wrong(&format!("closed: {payload}"))),
                _ => {}
            }
        }
        self.unread.extend(rest);
        Ok(())
    }

    fn say_connect(&mut self) -> io::Result<()> {
        let (Position { epoch, offset, tag }, got) = (&self.position, self.got);
        let connect = if self.session.is_empty() {
            connect(self.number, "", &format!(r#""{TOPIC}":{{}}"#))
        } else {
            let (session, key) = (&self.session, &self.key);
            connect(
                self.number,
                &format!(r#""resume":{{"session":"{session}","key":"{key}","got":{got}}},"#),
                &format!(
                    r#""{TOPIC}":{{"from":{{"epoch":"{epoch}","offset":{offset},"tag":{tag}}}}}"#
                ),
            )
        };
        self.state = State::Connecting;
        self.write(&text(&connect))
    }

    fn hear(&mut self, message: &str, expected: Return) -> io::Result<()> {
        if message.starts_with(r#"{"pub""#) {
            self.take_publication(message)?;
        } else if self.state == State::Connecting {
            return self.take_answer(message, expected);
        } else if message.starts_with(r#"{"got""#) {
            return Ok(());
        }
        self.got += 1;
        self.unsaid += 1;
        if self.unsaid >= GOT_EVERY {
            self.unsaid = 0;
            self.write(&got(self.got))?;
        }
        Ok(())
    }

    fn take_answer(&mut self, answer: &str, expected: Return) -> io::Result<()> {
        let value = |name: &str| field(answer, name).unwrap_or_default().to_owned();
        let is_first = self.session.is_empty();
        let resumed = value("resumed") == "true";
        let good = match expected {
            _ if is_first => !resumed,
            Return::Resumed => resumed,
            Return::Recovered => !resumed && value("recovered") == "true",
        };
        if !good {
            return Err(self.wrong(answer));
        }
        if !resumed {
            (self.session, self.key) = (value("session"), value("key"));
            (self.got, self.unsaid) = (0, 0);
        }
        if is_first {
            let number = |name| value(name).parse().unwrap_or(u64::MAX);
            let (offset, tag) = (number("offset"), number("tag"));
            self.position = Position { epoch: value("epoch"), offset, tag };
        }
        self.state = State::There;
        Ok(())
    }

    /// It has to be the next one, and to know the one before.
    fn take_publication(&mut self, message: &str) -> io::Result<()> {
        let number = |name| field(message, name).and_then(|value| value.parse().ok());
        let place = (number("offset"), number("prev"));
        if place != (Some(self.position.offset + 1), Some(self.position.tag)) {
            return Err(self.wrong(message));
        }
        self.position.offset += 1;
        self.position.tag = number("tag").unwrap_or_default();
        Ok(())
    }

    /// All that it says is shorter than any socket's buffer.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.as_mut().map_or(Ok(()), |stream| stream.write_all(bytes))
    }

    fn wrong(&self, what: &str) -> io::Error {
        let Self { number, position, state, .. } = self;
        let place = format!("member {number}, {state:?} at {position:?}");
        io::Error::new(io::ErrorKind::InvalidData, format!("{place}: {what}"))
    }
}
