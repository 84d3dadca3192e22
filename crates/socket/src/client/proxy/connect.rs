//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use everwire_wire::handshake::{HandshakeLimits, ResponseReader};
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ProxyFault;
use super::url::Credentials;
use crate::client::body;
use crate::countdown::Countdown;

/// Has the proxy at the other end of `stream` connect to `authority`, `host:port`. When it is done,
/// the stream ends at the server.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    authority: &str,
    credentials: Option<&Credentials>,
    limits: HandshakeLimits,
    countdown: &Countdown,
) -> Result<(), ProxyFault> {
    let request = encode(authority, credentials);
    stream.write_all(request.as_bytes()).await.map_err(ProxyFault::Io)?;
    stream.flush().await.map_err(ProxyFault::Io)?;
    let response = read_response(stream, limits).await?;
    // Whatever it says of a body: a 2xx has none, what follows is the tunnel's.
    if response.status().is_success() {
        return Ok(());
    }
    let body = body::read(stream, &response, Vec::new(), countdown).await;
    Err(ProxyFault::Refused(Box::new(response.map(|()| body))))
}

/// Nothing of what is said to the server: the proxy could read it.
fn encode(authority: &str, credentials: Option<&Credentials>) -> String {
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(Credentials { user, password }) = credentials {
        // RFC 7617 §2.
        let basic = STANDARD.encode([user, &b":"[..], password].concat());
        head.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
    }
    head.push_str("\r\n");
    head
}

/// The head of the final response, and not a byte more.
///
/// It is read byte by byte, once for each connection: what follows belongs to the tunnel, and the
/// stream has no room to put it back.
async fn read_response<S: AsyncRead + Unpin>(
    stream: &mut S,
    limits: HandshakeLimits,
) -> Result<Response<()>, ProxyFault> {
    let mut reader = ResponseReader::new(limits);
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.map_err(ProxyFault::Io)? == 0 {
            return Err(ProxyFault::Closed);
        }
        if let (_, Some(response)) = reader.read(&byte).map_err(ProxyFault::Response)? {
            return Ok(response);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_the_server_and_the_credentials() {
        assert_eq!(
            encode("[2001:db8::1]:443", None),
            "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"
        );
        // The example of RFC 7617 §2.
        let credentials =
            Credentials { user: b"Aladdin".to_vec(), password: b"open sesame".to_vec() };
        assert_eq!(
            encode("example.org:80", Some(&credentials)),
            "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\
            Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }
}
