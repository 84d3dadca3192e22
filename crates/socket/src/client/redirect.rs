//! Redirects of the opening handshake (RFC 9110 §15.4), within bounds.

use std::fmt;

use everwire_wire::handshake::{InvalidUri, Target};
use http::{Response, StatusCode, header};

use crate::ConnectError;

/// How often a connection was sent on, and what that means for the next request.
#[derive(Debug)]
pub(super) struct Redirects {
    max: u32,
    followed: u32,
    left_origin: bool,
}

impl Redirects {
    pub(super) fn new(max: u32) -> Self {
        Self { max, followed: 0, left_origin: false }
    }

    /// Where the response of `from` sends us; none if it is an answer like any other.
    pub(super) fn follow(
        &mut self,
        from: &Target,
        response: &Response<()>,
    ) -> Result<Option<Target>, ConnectError> {
        if self.max == 0 {
            return Ok(None);
        }
        let Some(location) = location(response) else { return Ok(None) };
        let target = self.check(from, &location).map_err(|fault| {
            ConnectError::Redirect(Box::new(RedirectError { location: location.into(), fault }))
        })?;
        self.followed += 1;
        // For good, even if a later redirect leads back: who was in between chose its path.
        self.left_origin |= !is_same_origin(from, &target);
        Ok(Some(target))
    }

    fn check(&self, from: &Target, location: &str) -> Result<Target, RedirectFault> {
        if self.followed == self.max {
            return Err(RedirectFault::TooMany { max: self.max });
        }
        let target = from.resolve(location).map_err(RedirectFault::Location)?;
        if from.secure() && !target.secure() {
            return Err(RedirectFault::Insecure);
        }
        Ok(target)
    }

    /// Whether what was meant for the first origin must not be sent any more.
    pub(super) fn left_origin(&self) -> bool {
        self.left_origin
    }
}

/// The one `Location` of a redirect. Of two, nobody knows which was meant.
fn location(response: &Response<()>) -> Option<String> {
    if !matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    ) {
        return None;
    }
    let mut values = response.headers().get_all(header::LOCATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        _ => None,
    }
}

/// RFC 6454 §4: scheme, host and port.
fn is_same_origin(one: &Target, other: &Target) -> bool {
    (one.secure(), one.host(), one.port()) == (other.secure(), other.host(), other.port())
}

/// A redirect that was not followed, although
/// [`max_redirects`](crate::Connector::max_redirects) allows some.
#[derive(Debug)]
pub struct RedirectError {
    location: Box<str>,
    fault: RedirectFault,
}

impl RedirectError {
    /// Where it leads, as the server said it: nothing in it was checked. The error's text leaves its
    /// query out.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Why it was not followed.
    pub fn fault(&self) -> &RedirectFault {
        &self.fault
    }
}

/// Why a redirect was not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectFault {
    /// It leads from `wss` to `ws`: whoever listens there would see what was meant to be secret.
    Insecure,
    /// It leads to nothing that can be connected to.
    Location(InvalidUri),
    /// So many were followed already; a loop ends here, too.
    TooMany {
        /// The limit, [`max_redirects`](crate::Connector::max_redirects).
        max: u32,
    },
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A log line need not be as long as a head may be, nor have tokens in it.
        let location = self.location.split('?').next().unwrap_or_default();
        let location: String = location.chars().take(200).collect();
        write!(f, "redirect to `{}` not followed: ", location.escape_debug())?;
        match &self.fault {
            RedirectFault::Insecure => f.write_str("it leads from `wss` to `ws`"),
            RedirectFault::Location(error) => error.fmt(f),
            RedirectFault::TooMany { max } => {
                write!(f, "it is one more than `max_redirects` of {max}")
            }
        }
    }
}

impl std::error::Error for RedirectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            RedirectFault::Location(error) => Some(error),
            RedirectFault::Insecure | RedirectFault::TooMany { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, locations: &[&str]) -> Response<()> {
        let mut response = Response::builder().status(status);
        for location in locations {
            response = response.header("location", *location);
        }
        response.body(()).unwrap()
    }

    fn target(uri: &str) -> Target {
        uri.parse().unwrap()
    }

    #[test]
    fn five_statuses_send_on_and_only_with_one_location() {
        let follow = |status, locations: &[&str]| {
            let mut redirects = Redirects::new(1);
            redirects.follow(&target("ws://a/"), &answer(status, locations)).unwrap()
        };
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(follow(status, &["/b"]), Some(target("ws://a/b")), "{status}");
            assert_eq!(follow(status, &[]), None, "{status}");
            assert_eq!(follow(status, &["/b", "/c"]), None, "{status}");
        }
        for status in [200, 201, 300, 304, 305, 306, 401, 503] {
            assert_eq!(follow(status, &["/b"]), None, "{status}");
        }
    }

    #[test]
    fn an_origin_once_left_stays_left() {
        let mut redirects = Redirects::new(9);
        let mut at = target("wss://a/");
        for (location, left) in [("/x", false), ("wss://A:443/y", false), ("//b/", true)] {
            at = redirects.follow(&at, &answer(302, &[location])).unwrap().unwrap();
            assert_eq!(redirects.left_origin(), left, "{location}");
        }
        redirects.follow(&at, &answer(302, &["wss://a/"])).unwrap().unwrap();
        assert!(redirects.left_origin());
    }

    #[test]
    fn a_redirect_that_is_not_followed_keeps_its_query_out_of_the_log() {
        let answer = answer(302, &["ws://a/b?token=hunter2"]);
        let error = Redirects::new(1).follow(&target("wss://a/"), &answer).unwrap_err();
        let said = "redirect to `ws://a/b` not followed: it leads from `wss` to `ws`";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        for location in ["wss://a/", "//b/", "//a:81/", "//www.a/"] {
            let mut redirects = Redirects::new(1);
            redirects.follow(&target("ws://a/"), &answer(302, &[location])).unwrap().unwrap();
            assert!(redirects.left_origin(), "{location}");
        }
    }
}
