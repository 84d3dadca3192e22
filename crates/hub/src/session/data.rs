//! What a session knows about where it came from, and what the application keeps about it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::{Extensions, HeaderMap, HeaderValue, Uri};

use super::head::Head;
use crate::path::Params;

/// The request that a session began with.
pub struct Request {
    head: Head,
    params: Params,
    data: Mutex<Extensions>,
}

impl Request {
    pub(crate) fn new<B>(request: &http::Request<B>, params: Params) -> Self {
        let head = Head::new(request.uri(), request.headers());
        Self { head, params, data: Mutex::default() }
    }

    /// What was asked for.
    pub fn uri(&self) -> Uri {
        self.head.target().parse().expect("it was one")
    }

    /// The headers, put together anew for each call: a session keeps their text only.
    pub fn headers(&self) -> HeaderMap {
        self.head.headers()
    }

    /// A header, such as `user-agent`. The first, if there are several of the name.
    pub fn header(&self, name: &str) -> Option<HeaderValue> {
        let name = name.to_ascii_lowercase();
        let value = self.head.all(&name).next();
        value.and_then(|value| HeaderValue::from_bytes(value).ok())
    }

    /// A parameter of the endpoint's path: of `/chat/{room}`, `param("room")`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// A parameter of the query, decoded: of `?room=a%20b`, `query("room")` is `a b`. The first, if there
    /// are several.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = form_urlencoded::parse(self.head.query()?.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A cookie (RFC 6265 §4.2), without quotes around its value. The first, if there are several of the name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.head.all("cookie");
        let pairs = cookies.flat_map(|header| header.split(|byte| *byte == b';'));
        pairs.filter_map(cookie_pair).find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Keeps something of the application's with the session, in place of what it kept of that type.
    pub fn keep<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).insert(value);
    }

    /// What the application keeps of this type.
    pub fn kept<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).get().cloned()
    }
}

/// One that is not UTF-8 says nothing about the others.
fn cookie_pair(pair: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
    let value = value.trim_ascii();
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some((name.trim_ascii(), bare.unwrap_or(value)))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers: they carry cookies and tokens.
        f.debug_struct("Request").field("path", &self.uri().path()).finish_non_exhaustive()
    }
}
