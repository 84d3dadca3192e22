//! Reading a head as it arrives.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};

use super::scan::{Kind, Scanner};
use super::{HandshakeError, HandshakeLimits};

/// Reads the head of one request, in whatever pieces it arrives.
///
/// Call [`read`](Self::read) with what came from the network until it yields the request. It takes
/// the bytes through the blank line and no further: what follows is the peer's first frames, or
/// the request's body. Each byte is looked at once, and no more than
/// [`max_size`](HandshakeLimits::max_size) bytes are kept.
///
/// ```
/// use everwire_wire::handshake::{HandshakeLimits, RequestReader};
///
/// let mut reader = RequestReader::new(HandshakeLimits::default());
/// let (used, none) = reader.read(b"GET /chat HTTP/1.1\r\nHost: exam").unwrap();
/// assert_eq!((used, none.is_none()), (30, true));
/// let (used, request) = reader.read(b"ple.org\r\n\r\nfirst frame").unwrap();
/// assert_eq!(used, 11);
/// assert_eq!(request.unwrap().uri(), "/chat");
/// ```
#[derive(Debug)]
pub struct RequestReader {
    head: Head,
}

impl RequestReader {
    /// A reader at the start of a head.
    pub fn new(limits: HandshakeLimits) -> Self {
        Self { head: Head::new(Kind::Request, limits) }
    }

    /// Takes the next bytes; says how many, and yields the request when its head is complete.
    ///
    /// After that, and after an error, it takes nothing more.
    ///
    /// # Errors
    /// As soon as the bytes so far cannot begin a legal head within the limits.
    pub fn read(&mut self, chunk: &[u8]) -> Result<(usize, Option<Request<()>>), HandshakeError> {
        self.head.read(chunk, parse_request)
    }

    /// The bytes of the head so far, as they came.
    pub fn raw(&self) -> &[u8] {
        &self.head.bytes
    }

    /// The bytes of the head, as they came: to replay the request into another HTTP server.
    pub fn into_raw(self) -> Bytes {
        self.head.bytes.into()
    }

    /// How many bytes were looked at, counting each look. Tests hold it to the length of the input.
    #[doc(hidden)]
    pub fn work(&self) -> usize {
        self.head.work()
    }
}

/// Reads the head of the response to an upgrade, in whatever pieces it arrives.
///
/// Like [`RequestReader`]. Interim responses (1xx other than 101, RFC 9110 §15.2) are passed over;
/// together with the final one they may have [`max_size`](HandshakeLimits::max_size) bytes.
#[derive(Debug)]
pub struct ResponseReader {
    head: Head,
}

impl ResponseReader {
    /// A reader at the start of a head.
    pub fn new(limits: HandshakeLimits) -> Self {
        Self { head: Head::new(Kind::Response, limits) }
    }

    /// Takes the next bytes; says how many, and yields the final response when its head is
    /// complete.
    ///
    /// After that, and after an error, it takes nothing more.
    ///
    /// # Errors
    /// As soon as the bytes so far cannot begin a legal head within the limits.
    pub fn read(&mut self, chunk: &[u8]) -> Result<(usize, Option<Response<()>>), HandshakeError> {
        let mut used = 0;
        loop {
            let (taken, response) = self.head.read(&chunk[used..], parse_response)?;
            used += taken;
            match response {
                Some(response) if is_interim(response.status()) => self.head.next_head(),
                response => return Ok((used, response)),
            }
        }
    }

    /// The bytes of the head so far, as they came.
    pub fn raw(&self) -> &[u8] {
        &self.head.bytes
    }

    /// The bytes of the head, as they came.
    pub fn into_raw(self) -> Bytes {
        self.head.bytes.into()
    }

    /// How many bytes were looked at, counting each look. Tests hold it to the length of the input.
    #[doc(hidden)]
    pub fn work(&self) -> usize {
        self.head.work()
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// What both readers do.
struct Head {
    scanner: Scanner,
    bytes: Vec<u8>,
    end: Option<Result<(), HandshakeError>>,
    /// Bytes that were parsed once the head was complete.
    parsed: usize,
}

impl Head {
    fn new(kind: Kind, limits: HandshakeLimits) -> Self {
        Self { scanner: Scanner::new(kind, limits), bytes: Vec::new(), end: None, parsed: 0 }
    }

    fn read<T>(
        &mut self,
        chunk: &[u8],
        parse: fn(&[u8], usize) -> Result<T, HandshakeError>,
    ) -> Result<(usize, Option<T>), HandshakeError> {
        if let Some(end) = &self.end {
            return end.clone().map(|()| (0, None));
        }
        let result = self.read_more(chunk, parse);
        match &result {
            Ok((_, None)) => {}
            Ok((_, Some(_))) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error.clone())),
        }
        result
    }

    fn read_more<T>(
        &mut self,
        chunk: &[u8],
        parse: fn(&[u8], usize) -> Result<T, HandshakeError>,
    ) -> Result<(usize, Option<T>), HandshakeError> {
        let (used, complete) = self.scanner.scan(chunk)?;
        // What is kept was scanned, so it is within `max_size`.
        self.bytes.extend_from_slice(&chunk[..used]);
        if !complete {
            return Ok((used, None));
        }
        self.parsed += self.bytes.len();
        parse(&self.bytes, self.scanner.headers()).map(|head| (used, Some(head)))
    }

    fn next_head(&mut self) {
        self.scanner.next_head();
        self.bytes.clear();
        self.end = None;
    }

    fn work(&self) -> usize {
        self.scanner.size() + self.parsed
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes: heads carry cookies and tokens.
        f.debug_struct("Head").field("size", &self.bytes.len()).field("end", &self.end).finish()
    }
}

fn parse_request(bytes: &[u8], headers: usize) -> Result<Request<()>, HandshakeError> {
    let mut headers = vec![httparse::EMPTY_HEADER; headers];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed.parse(bytes).map_err(|_| HandshakeError::StartLine)?;
    is_whole(status, bytes)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes())
        .map_err(|_| HandshakeError::StartLine)?;
    *request.uri_mut() =
        Uri::try_from(parsed.path.unwrap_or_default()).map_err(|_| HandshakeError::Target)?;
    *request.version_mut() = version(parsed.version);
    *request.headers_mut() = header_map(parsed.headers)?;
    Ok(request)
}

fn parse_response(bytes: &[u8], headers: usize) -> Result<Response<()>, HandshakeError> {
    let mut headers = vec![httparse::EMPTY_HEADER; headers];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = parsed.parse(bytes).map_err(|_| HandshakeError::StartLine)?;
    is_whole(status, bytes)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(parsed.code.unwrap_or_default())
        .map_err(|_| HandshakeError::StartLine)?;
    *response.version_mut() = version(parsed.version);
    *response.headers_mut() = header_map(parsed.headers)?;
    Ok(response)
}

/// Two parsers looked for the end of the head; they must have found the same.
fn is_whole(status: httparse::Status<usize>, bytes: &[u8]) -> Result<(), HandshakeError> {
    match status {
        httparse::Status::Complete(len) if len == bytes.len() => Ok(()),
        _ => Err(HandshakeError::StartLine),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn header_map(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, HandshakeError> {
    let mut headers = HeaderMap::new();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| HandshakeError::HeaderName)?;
        let value =
            HeaderValue::from_bytes(header.value).map_err(|_| HandshakeError::HeaderValue)?;
        headers
            .try_append(name, value)
            .map_err(|_| HandshakeError::TooManyHeaders { max: headers_max() })?;
    }
    Ok(headers)
}

/// What [`HeaderMap`] itself holds at most.
fn headers_max() -> usize {
    1 << 15
}
