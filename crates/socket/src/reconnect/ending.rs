//! How a connection or an attempt ended, and what that means unless the program says otherwise.

use std::fmt;
use std::time::Duration;

use everwire_wire::{CloseCause, CloseCode, CloseReport, ProtocolError};
use http::{Response, StatusCode, header};

use super::BoxError;
use super::retry::Verdict;
use crate::{ConnectError, ProxyFault, SocksFault, SocksReply};

/// How long a server that is overloaded (1013) is left alone, if it does not say.
const OVERLOADED: Duration = Duration::from_secs(5);

/// The last word of a close reason that names the server's pace, in milliseconds.
const HINT: &str = "retry-after-ms=";

/// How a connection, or an attempt to open one, ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// No connection was opened.
    Connect {
        /// Why.
        error: ConnectError,
        /// Each attempt asks for a URI and headers of its own
        /// ([`before_connect`](super::Reconnector::before_connect)): the next may have a token that
        /// is let in.
        fresh: bool,
    },
    /// What the program does before it connects, or when the connection opens, failed.
    Hook(BoxError),
    /// `open_timeout` was over. Always tried again.
    Timeout,
    /// The connection was open and ended.
    Closed(CloseReport),
    /// The program left the session before its end. Always tried again.
    Left,
}

impl Ending {
    /// What it means by default. Temporary: what another attempt may not meet, such as a server that
    /// cannot be reached, restarts or is overloaded. Fatal: what would happen again, such as a
    /// certificate that is not trusted, a refusal, a broken protocol; and a server that is done with
    /// us (1000). The table is in docs/reconnecting.md.
    ///
    /// A server names its pace with `Retry-After`, or with `retry-after-ms=3200` as the last word of
    /// the close reason that goes with 1001, 1012 or 1013.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Connect { error, fresh } => of_connect(error, *fresh),
            Self::Hook(_) | Self::Timeout | Self::Left => Verdict::Retry,
            Self::Closed(report) => of_close(report),
        }
    }
}

fn of_connect(error: &ConnectError, fresh: bool) -> Verdict {
    match error {
        ConnectError::Uri(_)
        | ConnectError::Request(_)
        | ConnectError::NoTls
        | ConnectError::ProxyVariable(_)
        | ConnectError::Handshake(_)
        | ConnectError::Redirect(_) => Verdict::Fatal,
        ConnectError::Tls(error) if is_distrust(error) => Verdict::Fatal,
        ConnectError::Refused(response) => of_refusal(response, fresh),
        ConnectError::Proxy(error) => of_proxy(error.fault()),
        _ => Verdict::Retry,
    }
}

/// A proxy is judged as a server is: what it cannot help passes, what it does not want stays.
fn of_proxy(fault: &ProxyFault) -> Verdict {
    match fault {
        ProxyFault::Refused(response) => of_refusal(response, false),
        ProxyFault::Tls(error) if is_distrust(error) => Verdict::Fatal,
        ProxyFault::Socks(SocksFault::Reply(
            SocksReply::NotAllowed
            | SocksReply::CommandNotSupported
            | SocksReply::AddressTypeNotSupported,
        )) => Verdict::Fatal,
        ProxyFault::Socks(SocksFault::Reply(_)) => Verdict::Retry,
        ProxyFault::Response(_) | ProxyFault::Socks(_) => Verdict::Fatal,
        _ => Verdict::Retry,
    }
}

/// Whether TLS failed because of whom it met, not because the network did.
fn is_distrust(error: &std::io::Error) -> bool {
    #[cfg(feature = "tls")]
    {
        use crate::tls::rustls::Error;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        if matches!(inner, Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented)) {
            return true;
        }
    }
    // A host that no certificate can name.
    error.kind() == std::io::ErrorKind::InvalidInput
}

fn of_refusal<T>(response: &Response<T>, fresh: bool) -> Verdict {
    match response.status() {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_EARLY
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            retry_after(response).map_or(Verdict::Retry, Verdict::RetryAfter)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if fresh => Verdict::Retry,
        _ => Verdict::Fatal,
    }
}

/// `Retry-After`: seconds or a date (RFC 9110 §10.2.3). A date is held against the server's own
/// clock, which the response has (§6.6.1), and not against ours, which may be wrong.
fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let value = |name| Some(response.headers().get(name)?.to_str().ok()?.trim());
    let after = value(header::RETRY_AFTER)?;
    if !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are as many as fit.
        return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
    }
    let now = httpdate::parse_http_date(value(header::DATE)?).ok()?;
    let then = httpdate::parse_http_date(after).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

fn of_close(report: &CloseReport) -> Verdict {
    // A message that took too long is the network's doing, not what the server would do again.
    if matches!(
        report.cause,
        CloseCause::Local | CloseCause::Violation(ProtocolError::MessageTooSlow)
    ) {
        return Verdict::Retry;
    }
    let hinted = || match hint(&report.reason) {
        Some(after) => Verdict::RetryAfter(after),
        None => Verdict::Retry,
    };
    match report.code {
        CloseCode::GOING_AWAY | CloseCode::SERVICE_RESTART => hinted(),
        CloseCode::TRY_AGAIN_LATER => match hinted() {
            Verdict::Retry => Verdict::RetryAfter(OVERLOADED),
            hinted => hinted,
        },
        CloseCode::NORMAL
        | CloseCode::PROTOCOL_ERROR
        | CloseCode::UNSUPPORTED_DATA
        | CloseCode::INVALID_PAYLOAD
        | CloseCode::POLICY_VIOLATION
        | CloseCode::MESSAGE_TOO_BIG
        | CloseCode::MANDATORY_EXTENSION => Verdict::Fatal,
        code if matches!(code.get(), 3500..=3999 | 4500..=4999) => Verdict::Fatal,
        _ => Verdict::Retry,
    }
}

/// The pace that a close reason names, as its last word.
fn hint(reason: &str) -> Option<Duration> {
    let digits = reason.split_ascii_whitespace().next_back()?.strip_prefix(HINT)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_millis(digits.parse().unwrap_or(u64::MAX)))
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { error, .. } => error.fmt(f),
            Self::Hook(error) => error.fmt(f),
            Self::Timeout => f.write_str("`open_timeout` was over"),
            Self::Closed(report) => report.fmt(f),
            Self::Left => f.write_str("session left by the program"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn refused(status: u16, headers: &[(&'static str, &str)], fresh: bool) -> Verdict {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let error = ConnectError::Refused(Box::new(response.body(Bytes::new()).unwrap()));
        Ending::Connect { error, fresh }.verdict()
    }

    fn after(millis: u64) -> Verdict {
        Verdict::RetryAfter(Duration::from_millis(millis))
    }

    #[test]
    fn statuses_that_pass_are_retried_and_others_are_not() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(refused(status, &[], false), Verdict::Retry, "{status}");
        }
        for status in [200, 204, 301, 400, 401, 403, 404, 410, 426, 501, 505] {
            assert_eq!(refused(status, &[], false), Verdict::Fatal, "{status}");
        }
        assert_eq!(refused(401, &[], true), Verdict::Retry);
        assert_eq!(refused(403, &[], true), Verdict::Retry);
        assert_eq!(refused(404, &[], true), Verdict::Fatal);
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(refused(503, &[("retry-after", "7")], false), after(7_000));
        assert_eq!(refused(503, &[("retry-after", " 0 ")], false), after(0));
        let huge = Verdict::RetryAfter(Duration::from_secs(u64::MAX));
        assert_eq!(refused(503, &[("retry-after", "99999999999999999999999")], false), huge);
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT");
        assert_eq!(refused(429, &[date, later], false), after(120_000));
        assert_eq!(refused(429, &[later], false), Verdict::Retry, "by whose clock?");
        let sooner = ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT");
        assert_eq!(refused(429, &[date, sooner], false), after(0));
        for nonsense in ["", "-1", "1.5", "soon", "7 s", "+7"] {
            assert_eq!(refused(503, &[("retry-after", nonsense)], false), Verdict::Retry);
        }
    }

    #[test]
    fn a_proxy_that_cannot_is_asked_again_and_one_that_will_not_is_not() {
        let refused = |status: u16| {
            let response = Response::builder().status(status).body(Bytes::new()).unwrap();
            of_proxy(&ProxyFault::Refused(Box::new(response)))
        };
        assert_eq!([502, 503, 504].map(refused), [Verdict::Retry; 3]);
        assert_eq!([403, 405, 407].map(refused), [Verdict::Fatal; 3]);
        let socks = |reply| of_proxy(&ProxyFault::Socks(SocksFault::Reply(reply)));
        assert_eq!(socks(SocksReply::HostUnreachable), Verdict::Retry);
        assert_eq!(socks(SocksReply::ConnectionRefused), Verdict::Retry);
        assert_eq!(socks(SocksReply::NotAllowed), Verdict::Fatal);
        assert_eq!(of_proxy(&ProxyFault::Socks(SocksFault::Credentials)), Verdict::Fatal);
        assert_eq!(of_proxy(&ProxyFault::Closed), Verdict::Retry);
    }

    #[test]
    fn a_hint_is_the_last_word_of_a_close_reason() {
        let hinted = |reason: &str| hint(reason).map(|hint| hint.as_millis());
        assert_eq!(hinted("service restart retry-after-ms=3200"), Some(3_200));
        assert_eq!(hinted("retry-after-ms=0"), Some(0));
        assert_eq!(hinted("retry-after-ms=99999999999999999999"), Some(u64::MAX.into()));
        for other in ["", "restart", "retry-after-ms=", "retry-after-ms=5 s", "retry-after-ms=-5"] {
            assert_eq!(hinted(other), None, "{other}");
        }
        assert_eq!(hinted("not-retry-after-ms=5"), None);
        assert_eq!(hinted("retry-after-ms=1.5"), None);
    }
}
