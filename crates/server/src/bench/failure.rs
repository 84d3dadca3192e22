//! Why a run ended early, and which flag would help.

use std::fmt;
use std::io;
use std::time::Duration;

use everwire::tls::rustls;
use everwire::{CloseCode, CloseReport, ConnectError};
use http::StatusCode;

use super::fanout::{Heard, Lost};
use super::payload::Difference;

/// Why a run ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// This process may not open so many files.
    Files { needed: u64, files: u64 },
    /// A connection did not open.
    Open { url: String, error: ConnectError },
    /// The server does not compress, and was asked to.
    NotCompressed,
    /// The first message of a connection did not come back.
    Silent(Duration),
    /// Something else came back.
    NotAnEcho(Difference),
    /// Something else was heard than what was said.
    NotABroadcast(Difference),
    /// Not everyone heard the first message of all.
    NotHeard { heard: usize, members: usize, time: Duration },
    /// A message came to a connection after one that was sent later, or twice.
    Disordered(Heard),
    /// A message came that nobody had sent.
    NeverSent(Heard),
    /// A sender heard itself, and was not to.
    Sender,
    /// Not everything was heard.
    Lost(Lost),
    /// A connection ended before the run.
    Closed(Option<CloseReport>),
    /// We closed a connection, and the server did not take part as it should.
    Unclean(CloseReport),
    /// Connections that were not done when the run was over.
    Unfinished { connections: usize, time: Duration },
    /// Nothing came back while it was measured.
    NothingCame,
    /// No connection was opened and closed while it was measured.
    NothingOpened,
    /// A task of ours panicked.
    Task(tokio::task::JoinError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { needed, files } => write!(
                f,
                "{needed} open files are needed and {files} are allowed: \
                 use fewer (--connections, --receivers, --clients), or raise the hard limit (`ulimit -Hn`)"
            ),
            Self::Open { url, error } => write!(f, "{url}: {error}{}", open_hint(error)),
            Self::NotCompressed => f.write_str(
                "the server did not agree to permessage-deflate: it cannot be measured with --deflate",
            ),
            Self::Silent(timeout) => write!(
                f,
                "no echo within {timeout:?}: the URL must be one that echoes (--timeout waits longer)"
            ),
            Self::NotAnEcho(difference) => write!(f, "the server does not echo: {difference}"),
            Self::NotABroadcast(difference) => {
                write!(f, "the server does not pass on what it is sent: {difference}")
            }
            Self::NotHeard { heard, members, time } => {
                write!(
                    f,
                    "{heard} of {members} connections heard the first message within {time:?}{}",
                    heard_hint(*heard, *members)
                )
            }
            Self::Disordered(heard) => write!(f, "{heard}: out of order, or twice"),
            Self::NeverSent(heard) => write!(f, "{heard}: which nobody had sent"),
            Self::Sender => f.write_str(
                "a sender heard its own message: --without-sender is for servers that leave it out",
            ),
            Self::Lost(lost) => lost.fmt(f),
            Self::Unclean(report) => write!(f, "a connection did not close cleanly: it was {report}"),
            Self::Unfinished { connections, time } => write!(
                f,
                "{connections} of the connections still awaited something {time:?} after the run: \
                 the server lost it, or is slow (--timeout waits longer)"
            ),
            Self::Closed(None) => f.write_str("a connection ended early"),
            Self::Closed(Some(report)) => {
                write!(f, "a connection was {report}{}", close_hint(report))
            }
            Self::NothingCame => {
                f.write_str("no message came back in the time: give it more --seconds")
            }
            Self::NothingOpened => f.write_str(
                "no connection was opened and closed in the time: give it more --seconds",
            ),
            Self::Task(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { error, .. } => Some(error),
            Self::Task(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Difference> for Failure {
    fn from(difference: Difference) -> Self {
        Self::NotAnEcho(difference)
    }
}

fn heard_hint(heard: usize, members: usize) -> &'static str {
    match heard {
        0 => ": the URL must be one that broadcasts, such as /broadcast",
        1 => ": does the server only echo? The URL must be one that broadcasts, such as /broadcast",
        _ if heard + 1 == members => ": --without-sender is for servers that leave the sender out",
        _ => " (--timeout waits longer)",
    }
}

fn open_hint(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Uri(_) => ": the URL has the form ws://HOST:PORT/PATH",
        ConnectError::Connect(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => ": is a server listening there?",
            io::ErrorKind::AddrNotAvailable => {
                ": this machine may be out of ports, use fewer --connections"
            }
            _ => "",
        },
        ConnectError::Timeout(_) => " (--timeout waits longer)",
        ConnectError::Tls(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                " (--ca trusts a certificate of your own, --insecure any)"
            }
            _ => ": does the server speak TLS there? ws:// does without",
        },
        ConnectError::Closed | ConnectError::Io(_) => {
            ": does it admit so many --connections from one address?"
        }
        ConnectError::Refused(response) => match response.status() {
            StatusCode::NOT_FOUND => ": is the path that of an endpoint, such as /echo?",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                ": does it admit so many --connections from one address?"
            }
            _ => "",
        },
        _ => "",
    }
}

fn close_hint(report: &CloseReport) -> &'static str {
    match report.code {
        CloseCode::MESSAGE_TOO_BIG => ": use a smaller --size",
        CloseCode::UNSUPPORTED_DATA => ": try with, or without, --text",
        _ => "",
    }
}
