//! The client's side: make a request, verify the answer (RFC 6455 §4.1).

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version, header,
};

use super::headers::{self, ACCEPT, CONNECTION, MAX_LIST_ITEMS, PROTOCOL, UPGRADE};
use super::uri::{InvalidUri, Target};
use super::{Agreement, HandshakeError, encode, key};
use crate::deflate::{DeflateConfig, DeflateParams, PERMESSAGE_DEFLATE};

/// One opening handshake of a client.
///
/// Send [`encode`](Self::encode), read the response, [`verify`](Self::verify) it.
///
/// ```
/// use everwire_wire::handshake::ClientHandshake;
///
/// // Sixteen bytes that nobody can predict, fresh for each handshake.
/// let key = *b"the sample nonce";
/// let client = ClientHandshake::new("ws://example.org/chat", key)
///     .unwrap()
///     .subprotocols(["chat.v2"])
///     .unwrap()
///     .header("Authorization", "Bearer abc")
///     .unwrap();
/// assert!(client.encode().starts_with(b"GET /chat HTTP/1.1\r\nHost: example.org\r\n"));
///
/// let response = http::Response::builder()
///     .status(101)
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
///     .header("Sec-WebSocket-Protocol", "chat.v2")
///     .body(())
///     .unwrap();
/// assert_eq!(client.verify(&response).unwrap().subprotocol(), Some("chat.v2"));
/// ```
#[derive(Clone)]
pub struct ClientHandshake {
    target: Target,
    key: HeaderValue,
    subprotocols: Vec<String>,
    deflate: Option<DeflateConfig>,
    headers: HeaderMap,
}

impl ClientHandshake {
    /// A handshake with the server that a ws, wss, http or https URI names.
    ///
    /// `key` must be fresh and random (§4.1): this crate draws no randomness.
    ///
    /// # Errors
    /// If the URI cannot be connected to.
    pub fn new(uri: &str, key: [u8; 16]) -> Result<Self, InvalidUri> {
        Ok(Self::with_target(uri.parse()?, key))
    }

    /// The same with a URI that was read already.
    pub fn with_target(target: Target, key: [u8; 16]) -> Self {
        Self {
            target,
            key: key::encode_key(key),
            subprotocols: Vec::new(),
            deflate: None,
            headers: HeaderMap::new(),
        }
    }

    /// Offers subprotocols, the dearest first. Default none.
    ///
    /// # Errors
    /// If a name is not a token, stands twice, or there are more than 100.
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, InvalidHandshake>
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.subprotocols.clear();
        for name in names {
            let name = name.into();
            if !headers::is_token(&name)
                || self.subprotocols.contains(&name)
                || self.subprotocols.len() == MAX_LIST_ITEMS
            {
                return Err(InvalidHandshake::Subprotocol(name));
            }
            self.subprotocols.push(name);
        }
        Ok(self)
    }

    /// Offers compression. Default `None`: not offered.
    #[must_use]
    pub fn deflate(mut self, config: Option<DeflateConfig>) -> Self {
        self.deflate = config;
        self
    }

    /// Adds a header, such as `Origin`, `Authorization` or `Cookie`.
    ///
    /// # Errors
    /// If the name is not a token, the value has a control byte (CR and LF among them), or the
    /// header is one that the handshake itself says or that would give the request a body.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Result<Self, InvalidHandshake> {
        let name = name.try_into().map_err(|_| InvalidHandshake::HeaderName)?;
        let Ok(value) = value.try_into() else {
            return Err(InvalidHandshake::HeaderValue(name));
        };
        if is_reserved(&name) {
            return Err(InvalidHandshake::ReservedHeader(name));
        }
        match self.headers.try_append(&name, value) {
            Ok(_) => Ok(self),
            Err(_) => Err(InvalidHandshake::HeaderName),
        }
    }

    /// Where to connect to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The request.
    pub fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_11;
        *request.uri_mut() = Uri::from(self.target.path_and_query().clone());
        let fields = request.headers_mut();
        let mut say = |name: HeaderName, value: String| {
            // Each was checked where it came in, so none is left out.
            if let Ok(value) = HeaderValue::try_from(value) {
                fields.insert(name, value);
            }
        };
        say(header::HOST, self.target.authority());
        say(header::UPGRADE, "websocket".to_owned());
        say(header::CONNECTION, "Upgrade".to_owned());
        say(header::SEC_WEBSOCKET_VERSION, "13".to_owned());
        if !self.subprotocols.is_empty() {
            say(header::SEC_WEBSOCKET_PROTOCOL, self.subprotocols.join(", "));
        }
        if let Some(config) = &self.deflate {
            say(header::SEC_WEBSOCKET_EXTENSIONS, config.offers());
        }
        fields.insert(header::SEC_WEBSOCKET_KEY, self.key.clone());
        for (name, value) in &self.headers {
            fields.append(name, value.clone());
        }
        request
    }

    /// The request as bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode::encode_request(&self.request())
    }

    /// Verifies the response: what is agreed by it.
    ///
    /// # Errors
    /// [`HandshakeError::Status`] if the server did not switch protocols: the response says why.
    /// Any other error means that it did so wrongly, and the client must fail the connection.
    pub fn verify<B>(&self, response: &Response<B>) -> Result<Agreement, HandshakeError> {
        let fields = response.headers();
        // §4.1, the numbered list at its end.
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HandshakeError::Status(response.status()));
        }
        if response.version() != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        // RFC 9110 §15.2: a 101 has no body; with one, nobody knows where the frames begin.
        if !headers::has_no_body(fields) {
            return Err(HandshakeError::Body);
        }
        // (2): here the value is the token, not a list with it.
        if !UPGRADE.exactly_one(fields)?.as_bytes().eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::Malformed(UPGRADE.title));
        }
        if !fields.contains_key(CONNECTION.name) {
            return Err(HandshakeError::Missing(CONNECTION.title));
        }
        if !CONNECTION.lists(fields, "upgrade") {
            return Err(HandshakeError::Malformed(CONNECTION.title));
        }
        if ACCEPT.exactly_one(fields)? != key::accept_value(self.key.as_bytes()) {
            return Err(HandshakeError::Accept);
        }
        let deflate = self.verify_extensions(fields)?;
        Ok(Agreement::new(self.verify_subprotocol(fields)?, deflate))
    }

    /// (6): none, or one of ours.
    fn verify_subprotocol(&self, fields: &HeaderMap) -> Result<Option<String>, HandshakeError> {
        let Some(value) = PROTOCOL.at_most_one(fields)? else { return Ok(None) };
        match self.subprotocols.iter().find(|name| value == name.as_str()) {
            Some(name) => Ok(Some(name.clone())),
            None => Err(HandshakeError::SubprotocolNotOffered(
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )),
        }
    }

    /// (5): only what we offered, and only once.
    fn verify_extensions(
        &self,
        fields: &HeaderMap,
    ) -> Result<Option<DeflateParams>, HandshakeError> {
        let mut agreed = None;
        for extension in headers::extensions(fields)? {
            match &self.deflate {
                Some(config)
                    if agreed.is_none()
                        && extension.name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE) =>
                {
                    agreed = Some(config.verify(&extension.params)?);
                }
                _ => return Err(HandshakeError::ExtensionNotOffered(extension.name.to_owned())),
            }
        }
        Ok(agreed)
    }
}

/// What the handshake says itself, and what would give the request a body.
fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("sec-websocket-")
        || matches!(
            *name,
            header::HOST
                | header::UPGRADE
                | header::CONNECTION
                | header::CONTENT_LENGTH
                | header::TRANSFER_ENCODING
                | header::TRAILER
                | header::TE
                | header::EXPECT
        )
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the headers' values: they carry cookies and tokens.
        f.debug_struct("ClientHandshake")
            .field("target", &self.target)
            .field("subprotocols", &self.subprotocols)
            .field("deflate", &self.deflate)
            .finish_non_exhaustive()
    }
}

/// A handshake that the program may not ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHandshake {
    /// The header's name is not a token, or there are too many headers.
    HeaderName,
    /// The header's value has a control byte.
    HeaderValue(HeaderName),
    /// The handshake says this header itself.
    ReservedHeader(HeaderName),
    /// The subprotocol is not a token, stands twice, or is the 101st.
    Subprotocol(String),
}

impl fmt::Display for InvalidHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderName => write!(f, "the header's name is not a token"),
            Self::HeaderValue(name) => write!(f, "the value of header `{name}` has a control byte"),
            Self::ReservedHeader(name) => write!(f, "header `{name}` is the handshake's own"),
            Self::Subprotocol(name) => write!(
                f,
                "subprotocol `{}` is not a token, stands twice, or is one of more than {MAX_LIST_ITEMS}",
                name.escape_debug()
            ),
        }
    }
}

impl std::error::Error for InvalidHandshake {}
