//! A request's target and headers, as a session keeps them: many sessions, seldom asked.

use std::str;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// The target and a line for each header, in one piece of memory of just their length: a fifth of what a map
/// takes. Neither has a line feed in it (RFC 9110 §5.5).
pub(super) struct Head(Box<[u8]>);

impl Head {
    pub(super) fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let target = uri.to_string();
        let lens = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2);
        let mut bytes = Vec::with_capacity(target.len() + lens.sum::<usize>());
        bytes.extend_from_slice(target.as_bytes());
        for (name, value) in headers {
            bytes.push(b'\n');
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(value.as_bytes());
        }
        Self(bytes.into())
    }

    pub(super) fn target(&self) -> &str {
        let target = self.0.split(|byte| *byte == b'\n').next().unwrap_or_default();
        str::from_utf8(target).expect("it was a text")
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The values of a header, which is named in lower case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.lines().filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&[u8], &[u8])| {
            let name = HeaderName::from_bytes(name).expect("it was a name");
            (name, HeaderValue::from_bytes(value).expect("it was a value"))
        };
        let mut headers = HeaderMap::new();
        self.lines().map(header).for_each(|(name, value)| _ = headers.append(name, value));
        headers
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.0.split(|byte| *byte == b'\n').skip(1);
        lines.map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("each has a name");
            (&line[..colon], &line[colon + 1..])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_known_as_it_was() {
        let request = http::Request::get("/chat/blue?a=1&b=?")
            .header("Cookie", "a=b: c")
            .header("X-Odd", HeaderValue::from_bytes(b"\xff\x09:").unwrap())
            .header("Cookie", "")
            .body(())
            .unwrap();
        let head = Head::new(request.uri(), request.headers());
        assert_eq!(head.target(), "/chat/blue?a=1&b=?");
        assert_eq!(head.query(), Some("a=1&b=?"));
        assert_eq!(head.all("cookie").collect::<Vec<_>>(), [&b"a=b: c"[..], b""]);
        assert_eq!(head.headers(), *request.headers());
    }

    #[test]
    fn a_request_without_headers_and_query_has_neither() {
        let head = Head::new(&Uri::from_static("http://example.org"), &HeaderMap::new());
        assert_eq!(head.target(), "http://example.org/");
        assert_eq!(head.query(), None);
        assert!(head.headers().is_empty());
    }
}
