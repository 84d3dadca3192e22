//! Header values: tokens, lists of tokens, and the grammar of extensions (RFC 9110 §5.6, RFC 6455 §9.1).

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::HandshakeError;

/// How many elements a list may have, over all headers of its name. Browsers send one or two.
pub(super) const MAX_LIST_ITEMS: usize = 100;

/// A header by its name on the wire and its name in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static HeaderName,
    pub(super) title: &'static str,
}

macro_rules! fields {
    ($($field:ident = $name:ident, $title:expr;)*) => {
        $(pub(super) const $field: Field = Field { name: &http::header::$name, title: $title };)*
    };
}

fields! {
    ACCEPT = SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept";
    CONNECTION = CONNECTION, "Connection";
    CONTENT_LENGTH = CONTENT_LENGTH, "Content-Length";
    EXTENSIONS = SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions";
    HOST = HOST, "Host";
    KEY = SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key";
    PROTOCOL = SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol";
    UPGRADE = UPGRADE, "Upgrade";
    VERSION = SEC_WEBSOCKET_VERSION, super::error::VERSION;
}

impl Field {
    /// The one value, if the header is there.
    pub(super) fn at_most_one(
        self,
        headers: &HeaderMap,
    ) -> Result<Option<&HeaderValue>, HandshakeError> {
        let mut values = headers.get_all(self.name).iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(HandshakeError::Repeated(self.title)),
        }
    }

    /// The one value.
    pub(super) fn exactly_one(self, headers: &HeaderMap) -> Result<&HeaderValue, HandshakeError> {
        self.at_most_one(headers)?.ok_or(HandshakeError::Missing(self.title))
    }

    /// Whether a list has `token` among its elements, whatever its case; several headers are one
    /// list, and empty elements are ignored (RFC 9110 §5.3, §5.6.1.2).
    pub(super) fn lists(self, headers: &HeaderMap, token: &str) -> bool {
        headers
            .get_all(self.name)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|element| element.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    fn text(self, value: &HeaderValue) -> Result<&str, HandshakeError> {
        value.to_str().map_err(|_| HandshakeError::Malformed(self.title))
    }

    fn malformed(self) -> HandshakeError {
        HandshakeError::Malformed(self.title)
    }

    fn count(self, items: &mut usize) -> Result<(), HandshakeError> {
        *items += 1;
        if *items > MAX_LIST_ITEMS {
            return Err(HandshakeError::TooManyItems { header: self.title, max: MAX_LIST_ITEMS });
        }
        Ok(())
    }
}

/// Whether the body is none: `Content-Length` absent or one `0`, and no `Transfer-Encoding`.
pub(super) fn has_no_body(headers: &HeaderMap) -> bool {
    !headers.contains_key(http::header::TRANSFER_ENCODING)
        && match CONTENT_LENGTH.at_most_one(headers) {
            Ok(None) => true,
            Ok(Some(length)) => length == "0",
            Err(_) => false,
        }
}

/// The offered subprotocols, in the client's order: tokens, all different (RFC 6455 §4.1).
pub(super) fn subprotocols(headers: &HeaderMap) -> Result<Vec<&str>, HandshakeError> {
    let mut offered = Vec::new();
    let mut items = 0;
    for value in headers.get_all(PROTOCOL.name) {
        for element in PROTOCOL.text(value)?.split(',') {
            PROTOCOL.count(&mut items)?;
            let element = element.trim_matches(is_ows);
            // §4.1: unique, non-empty, and each a token. At most MAX_LIST_ITEMS are compared.
            if !is_token(element) || offered.contains(&element) {
                return Err(PROTOCOL.malformed());
            }
            offered.push(element);
        }
    }
    Ok(offered)
}

/// One element of `Sec-WebSocket-Extensions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    /// Names and values, the quotes of a quoted value taken off.
    pub(super) params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The extensions in their order; several headers are one list (RFC 6455 §9.1).
pub(super) fn extensions(headers: &HeaderMap) -> Result<Vec<Extension<'_>>, HandshakeError> {
    let mut extensions = Vec::new();
    let mut items = 0;
    for value in headers.get_all(EXTENSIONS.name) {
        let mut cursor = Cursor { rest: EXTENSIONS.text(value)? };
        loop {
            EXTENSIONS.count(&mut items)?;
            extensions.push(cursor.extension(&mut items)?);
            if !cursor.skip(',') {
                break;
            }
        }
        if !cursor.rest.is_empty() {
            return Err(EXTENSIONS.malformed());
        }
    }
    Ok(extensions)
}

/// What of a header is still unread; it only moves forward, so a value is read in linear time.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// `extension = extension-token *( ";" extension-param )`
    fn extension(&mut self, items: &mut usize) -> Result<Extension<'a>, HandshakeError> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.skip(';') {
            EXTENSIONS.count(items)?;
            let name = self.token()?;
            let value = if self.skip('=') { Some(self.value()?) } else { None };
            params.push((name, value));
        }
        Ok(Extension { name, params })
    }

    /// `token | quoted-string`; what was quoted MUST be a token, too (§9.1).
    fn value(&mut self) -> Result<Cow<'a, str>, HandshakeError> {
        if !self.skip('"') {
            return self.token().map(Cow::Borrowed);
        }
        let end = self.rest.find(['"', '\\']).ok_or_else(|| EXTENSIONS.malformed())?;
        let value = if self.rest.as_bytes()[end] == b'"' {
            let value = &self.rest[..end];
            self.rest = &self.rest[end + 1..];
            Cow::Borrowed(value)
        } else {
            Cow::Owned(self.unescape()?)
        };
        if is_token(&value) { Ok(value) } else { Err(EXTENSIONS.malformed()) }
    }

    /// The rest of a quoted string that has backslashes.
    fn unescape(&mut self) -> Result<String, HandshakeError> {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => value.push(chars.next().ok_or_else(|| EXTENSIONS.malformed())?),
                Some(char) => value.push(char),
                None => return Err(EXTENSIONS.malformed()),
            }
        }
        self.rest = chars.as_str();
        Ok(value)
    }

    fn token(&mut self) -> Result<&'a str, HandshakeError> {
        self.skip_ows();
        let end = self.rest.bytes().position(|byte| !is_tchar(byte)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(EXTENSIONS.malformed());
        }
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(token)
    }

    /// Takes the sign if it is next, with the white space around it (RFC 2616 §2.1, implied LWS,
    /// which RFC 6455 §2.1 builds on). Inside quotes, white space counts.
    fn skip(&mut self, sign: char) -> bool {
        self.skip_ows();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_ows(&mut self) {
        self.rest = self.rest.trim_start_matches(is_ows);
    }
}

/// Whether this is a token (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// Whether a token may have this byte (RFC 9110 §5.6.2).
pub(super) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn is_ows(char: char) -> bool {
    matches!(char, ' ' | '\t')
}
