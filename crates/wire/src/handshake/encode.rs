//! Heads as bytes.

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};

/// The bytes of the response that switches protocols; frames follow.
pub fn encode_accept(response: &Response<()>) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    status_line(&mut bytes, response.status());
    headers(&mut bytes, response.headers());
    bytes.into()
}

/// The bytes of a response that refuses the handshake, after which the connection is closed.
///
/// Whatever the response says, it goes out with `Connection: close` and with the length that its
/// body has, so that no byte the peer sent along becomes another request (RFC 9112 §11). A status
/// that is no refusal (1xx) goes out as 500.
pub fn encode_refusal(response: &Response<Bytes>) -> Bytes {
    let mut status = response.status();
    if status.is_informational() {
        status = StatusCode::INTERNAL_SERVER_ERROR;
    }
    let mut fields = response.headers().clone();
    fields.remove(header::TRANSFER_ENCODING);
    fields.remove(header::CONTENT_LENGTH);
    let connection = if fields.contains_key(header::UPGRADE) { "close, Upgrade" } else { "close" };
    fields.insert(header::CONNECTION, header::HeaderValue::from_static(connection));
    // RFC 9110 §6.4.1: these have no body.
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        fields.insert(header::CONTENT_LENGTH, response.body().len().into());
    }
    let mut bytes = Vec::with_capacity(256 + response.body().len());
    status_line(&mut bytes, status);
    headers(&mut bytes, &fields);
    if has_body {
        bytes.extend_from_slice(response.body());
    }
    bytes.into()
}

/// The bytes of a request without a body.
pub(super) fn encode_request(request: &Request<()>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let _ = write!(bytes, "{} {target} HTTP/1.1\r\n", request.method());
    headers(&mut bytes, request.headers());
    bytes
}

fn status_line(bytes: &mut Vec<u8>, status: StatusCode) {
    let reason = status.canonical_reason().unwrap_or_default();
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", status.as_str());
}

fn headers(bytes: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        title_case(bytes, name.as_str());
        bytes.extend_from_slice(b": ");
        // A `HeaderValue` has neither CR nor LF.
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
}

/// Names have no case, but some peers believe that they look as in the RFC.
fn title_case(bytes: &mut Vec<u8>, name: &str) {
    for (index, part) in name.split('-').enumerate() {
        if index > 0 {
            bytes.push(b'-');
        }
        match part.as_bytes() {
            b"websocket" => bytes.extend_from_slice(b"WebSocket"),
            [first, rest @ ..] => {
                bytes.push(first.to_ascii_uppercase());
                bytes.extend_from_slice(rest);
            }
            [] => {}
        }
    }
}
