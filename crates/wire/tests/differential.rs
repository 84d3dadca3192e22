//! The same bytes to us and to tungstenite, an implementation that shares no code with ours.
//!
//! Every kind of disagreement is explained in [`EXPLAINED`]; one that is not fails.

use std::io::{self, Read, Write};

use everwire_testkit::{Dice, Happened, Side, bad_frame, config, legal_stream, mutate};
use everwire_wire::{Agreement, CloseCause, CloseCode, ProtocolError, Role};
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};

/// Streams per role; there are two roles.
const STREAMS: u64 = 8_000;

const MAX_FRAME: usize = 2_000;
const MAX_MESSAGE: usize = 3_000;

/// What came of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    received: Vec<Received>,
    ended: Ended,
}

#[derive(Debug, Clone, PartialEq)]
enum Received {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
enum Ended {
    /// By a close frame with this code.
    Closed(Option<u16>),
    /// By a violation that is answered with this code.
    Failed(u16),
    /// By the end of the bytes.
    Truncated,
}

/// A kind of disagreement, and who is right.
struct Explained {
    id: &'static str,
    why: &'static str,
    /// By what we said, because of what, and what they said.
    is: fn(&Ended, Option<&ProtocolError>, &Ended) -> bool,
}

const EXPLAINED: &[Explained] = &[
    Explained {
        id: "length-not-minimal",
        why: "§5.2: the minimal number of bytes MUST be used to encode the length, and the top bit \
              of a 64-bit length MUST be 0. tungstenite takes any form, or finds it too long. We \
              are right.",
        is: |_, error, _| matches!(error, Some(ProtocolError::NonMinimalLength)),
    },
    Explained {
        id: "text-fails-early",
        why: "Text that can no longer become valid fails here at the byte that shows it, there when \
              its frame is complete, which it never was. §8.1 allows both; Autobahn's 6.4 calls \
              the later one non-strict.",
        is: |_, error, theirs| {
            matches!(error, Some(ProtocolError::NotUtf8)) && *theirs == Ended::Truncated
        },
    },
    Explained {
        id: "header-fails-early",
        why: "A header that is illegal by its first two bytes fails here when they are there, there \
              when the whole header is, or the whole frame. Both are right; ours allocates and \
              waits for nothing.",
        is: |ours, error, theirs| {
            let by_header = matches!(
                error,
                Some(
                    ProtocolError::ReservedOpcode(_)
                        | ProtocolError::ReservedBit
                        | ProtocolError::ControlFrameTooLong
                        | ProtocolError::FragmentedControlFrame
                        | ProtocolError::UnmaskedByClient
                        | ProtocolError::MaskedByServer
                        | ProtocolError::ContinuationWithoutStart
                        | ProtocolError::InterleavedMessage
                        | ProtocolError::MessageTooBig { .. }
                )
            );
            by_header && matches!(ours, Ended::Failed(_)) && *theirs == Ended::Truncated
        },
    },
    Explained {
        id: "two-faults",
        why: "The header is illegal and its frame too long as well. The rule of the frame comes \
              first here (1002), the limit there (1009). Both are right.",
        is: |ours, error, theirs| {
            !matches!(error, Some(ProtocolError::NonMinimalLength))
                && *ours == Ended::Failed(1002)
                && *theirs == Ended::Failed(1009)
        },
    },
    Explained {
        id: "close-of-two-faults",
        why: "The close code is not allowed and the reason is not UTF-8: 1002 here for the one, 1007 \
              there for the other. Both are right.",
        is: |_, error, theirs| {
            matches!(error, Some(ProtocolError::CloseCode(_))) && *theirs == Ended::Failed(1007)
        },
    },
    Explained {
        id: "bad-gateway",
        why: "1014 was registered after RFC 6455 and may be sent; tungstenite does not know it. We are \
              right.",
        is: |ours, _, theirs| {
            *ours == Ended::Closed(Some(1014)) && *theirs == Ended::Closed(Some(1002))
        },
    },
    Explained {
        id: "close-code-not-allowed",
        why: "§7.4: 0–999, 1004–1006, 1015–2999 and from 5000 on may not be sent. tungstenite answers \
              1002 too, but gives the application a close frame instead of an error. Both are \
              right on the wire.",
        is: |_, error, theirs| {
            matches!(error, Some(ProtocolError::CloseCode(_)))
                && *theirs == Ended::Closed(Some(1002))
        },
    },
];

fn ours(role: Role, bytes: &[u8]) -> (Outcome, Option<ProtocolError>) {
    let mut config = config();
    config.max_frame_size = MAX_FRAME as u64;
    config.max_message_size = MAX_MESSAGE;
    // What tungstenite has no rule for.
    config.fragment_cost = 0;
    config.max_empty_fragments = u32::MAX;
    config.max_control_frames = u32::MAX;
    let mut side = Side::new(role, &Agreement::default(), config);
    side.receive(bytes);
    side.transmit();
    if side.report().is_none() {
        side.connection.handle_eof(side.now);
        side.receive([]);
    }
    let report = side.report().expect("the end is reported").clone();
    let (ended, error) = match report.cause {
        CloseCause::Peer if report.code == CloseCode::NO_STATUS => (Ended::Closed(None), None),
        CloseCause::Peer => (Ended::Closed(Some(report.code.get())), None),
        CloseCause::Violation(error) => (Ended::Failed(error.close_code().get()), Some(error)),
        CloseCause::Eof => (Ended::Truncated, None),
        other => panic!("{other:?}"),
    };
    let received = side.events.into_iter().filter_map(|event| match event {
        Happened::Message(message) => Some(match message.as_text() {
            Some(text) => Received::Text(text.to_owned()),
            None => Received::Binary(message.as_bytes().to_vec()),
        }),
        Happened::Ping(payload) => Some(Received::Ping(payload.to_vec())),
        Happened::Pong(payload) => Some(Received::Pong(payload.to_vec())),
        _ => None,
    });
    (Outcome { received: received.collect(), ended }, error)
}

/// Bytes to be read; what is written is lost.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, bytes: &[u8]) -> Outcome {
    use tungstenite::Message;
    let role = if role == Role::Client { TheirRole::Client } else { TheirRole::Server };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_FRAME))
        .read_buffer_size(4096);
    let mut socket = WebSocket::from_raw_socket(Wire(bytes), role, Some(config));
    let mut received = Vec::new();
    let ended = loop {
        match socket.read() {
            Ok(Message::Text(text)) => received.push(Received::Text(text.to_string())),
            Ok(Message::Binary(bytes)) => received.push(Received::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => received.push(Received::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => received.push(Received::Pong(payload.to_vec())),
            // What follows a close frame is ignored.
            Ok(Message::Close(frame)) => {
                break Ended::Closed(frame.map(|frame| u16::from(frame.code)));
            }
            Ok(Message::Frame(_)) => unreachable!("frames are not shown"),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                break Ended::Failed(1009);
            }
            Err(Error::Utf8(_)) => break Ended::Failed(1007),
            Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => break Ended::Truncated,
            Err(Error::Protocol(_)) => break Ended::Failed(1002),
            Err(other) => panic!("{other:?}"),
        }
    };
    Outcome { received, ended }
}

/// Compares the two; says which kind of disagreement there is, or that nobody explained it.
fn compare(role: Role, bytes: &[u8]) -> Result<Option<&'static str>, String> {
    let (ours, error) = ours(role, bytes);
    let theirs = theirs(role, bytes);
    if ours == theirs {
        return Ok(None);
    }
    let explained =
        EXPLAINED.iter().find(|kind| (kind.is)(&ours.ended, error.as_ref(), &theirs.ended));
    // Up to the point where they part, they agree.
    match explained.filter(|_| theirs.received.starts_with(&ours.received)) {
        Some(kind) => Ok(Some(kind.id)),
        None => Err(format!(
            "{role:?}: {:?} because of {error:?}, they {:?}, and of {} and {} events {} are equal",
            ours.ended,
            theirs.ended,
            ours.received.len(),
            theirs.received.len(),
            ours.received.iter().zip(&theirs.received).take_while(|(a, b)| a == b).count(),
        )),
    }
}

fn run(role: Role) {
    let mut met = std::collections::BTreeMap::new();
    let (mut delivered, mut unexplained) = (0, Vec::new());
    for seed in 0..STREAMS {
        let mut dice = Dice::new(seed);
        let mut bytes = legal_stream(&mut dice, role.peer(), |_, _| None);
        if seed % 3 == 0 {
            // Legal, unless over a limit.
        } else if dice.one_in(2) {
            mutate(&mut dice, &mut bytes);
        } else {
            let bad = bad_frame(&mut dice, role.peer());
            bytes.extend(bad);
            bytes.extend(legal_stream(&mut dice, role.peer(), |_, _| None));
        }
        delivered += ours(role, &bytes).0.received.len();
        match compare(role, &bytes) {
            Ok(kind) => *met.entry(kind).or_insert(0) += 1,
            Err(what) => unexplained.push(format!("stream {seed}, {what}")),
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(delivered > STREAMS as usize, "the streams say something: {delivered}");
    for kind in EXPLAINED {
        assert!(met.contains_key(&Some(kind.id)), "`{}` never happens: {}", kind.id, kind.why);
    }
    assert!(met[&None] > STREAMS / 2, "they agree most of the time: {met:?}");
}

#[test]
fn a_server_judges_streams_as_tungstenite_does() {
    run(Role::Server);
}

#[test]
fn a_client_judges_streams_as_tungstenite_does() {
    run(Role::Client);
}
