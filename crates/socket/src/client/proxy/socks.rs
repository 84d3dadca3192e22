//! A tunnel through a SOCKS5 proxy (RFC 1928), with a password or without (RFC 1929).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::url::Credentials;
use super::{ProxyFault, SocksFault, SocksReply};

const VERSION: u8 = 5;
/// RFC 1929 §2: "The VER field contains the current version of the subnegotiation".
const AUTH_VERSION: u8 = 1;

// RFC 1928 §3.
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;

// RFC 1928 §4.
const CONNECT: u8 = 1;

// RFC 1928 §5.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Where the proxy is to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination<'a> {
    /// The proxy looks it up.
    Name(&'a str),
    Address(IpAddr),
}

/// Has the proxy at the other end of `stream` connect to a server. When it is done, the stream ends
/// there.
///
/// Each answer is read to its last byte and no further: what follows belongs to the tunnel.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    destination: Destination<'_>,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyFault> {
    let request = encode_request(destination, port)?;
    authenticate(stream, credentials).await?;
    say(stream, &request).await?;
    read_reply(stream).await
}

/// RFC 1928 §3: a proxy that asks for no password is not told one.
async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyFault> {
    match credentials {
        None => say(stream, &[VERSION, 1, NO_AUTHENTICATION]).await?,
        Some(_) => say(stream, &[VERSION, 2, NO_AUTHENTICATION, PASSWORD]).await?,
    }
    let [version, method] = hear(stream).await?;
    if version != VERSION {
        return Err(SocksFault::Version(version).into());
    }
    match (method, credentials) {
        (NO_AUTHENTICATION, _) => Ok(()),
        (PASSWORD, Some(credentials)) => log_in(stream, credentials).await,
        (NO_ACCEPTABLE_METHOD, _) => Err(SocksFault::NoMethod.into()),
        (method, _) => Err(SocksFault::MethodNotOffered(method).into()),
    }
}

/// RFC 1929 §2.
async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    Credentials { user, password }: &Credentials,
) -> Result<(), ProxyFault> {
    // `Proxy` has no longer ones.
    let (Ok(user_len), Ok(password_len)) = (user.len().try_into(), password.len().try_into())
    else {
        return Err(SocksFault::Credentials.into());
    };
    let message = [&[AUTH_VERSION, user_len][..], user, &[password_len], password].concat();
    say(stream, &message).await?;
    match hear(stream).await? {
        [AUTH_VERSION, 0] => Ok(()),
        [AUTH_VERSION, _] => Err(SocksFault::Credentials.into()),
        [version, _] => Err(SocksFault::AuthVersion(version).into()),
    }
}

/// RFC 1928 §4.
fn encode_request(destination: Destination<'_>, port: u16) -> Result<Vec<u8>, SocksFault> {
    let mut request = vec![VERSION, CONNECT, 0];
    match destination {
        Destination::Address(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Destination::Address(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Destination::Name(name) => {
            let len = name.len().try_into().map_err(|_| SocksFault::NameTooLong)?;
            request.extend_from_slice(&[NAME, len]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

/// RFC 1928 §6. The address that the proxy connected from is read and means nothing to us.
async fn read_reply<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), ProxyFault> {
    let [version, code] = hear(stream).await?;
    if version != VERSION {
        return Err(SocksFault::Version(version).into());
    }
    // A proxy that says no may leave the rest out.
    if let Some(reply) = SocksReply::from_code(code) {
        return Err(SocksFault::Reply(reply).into());
    }
    let [reserved, kind] = hear(stream).await?;
    if reserved != 0 {
        return Err(SocksFault::Reserved(reserved).into());
    }
    match kind {
        IPV4 => drop(hear::<4, _>(stream).await?),
        IPV6 => drop(hear::<16, _>(stream).await?),
        NAME => {
            let [len] = hear(stream).await?;
            for _ in 0..len {
                hear::<1, _>(stream).await?;
            }
        }
        kind => return Err(SocksFault::AddressType(kind).into()),
    }
    hear::<2, _>(stream).await.map(drop)
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), ProxyFault> {
    stream.write_all(bytes).await.map_err(ProxyFault::Io)?;
    stream.flush().await.map_err(ProxyFault::Io)
}

/// The next `N` bytes.
async fn hear<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> Result<[u8; N], ProxyFault> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ProxyFault::Closed),
        Err(error) => Err(ProxyFault::Io(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_address_or_the_name() {
        let encode = |destination| encode_request(destination, 0x1234).unwrap();
        assert_eq!(
            encode(Destination::Address([192, 0, 2, 1].into())),
            [5, 1, 0, 1, 192, 0, 2, 1, 0x12, 0x34]
        );
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(
            encode(Destination::Address(v6)),
            [5, 1, 0, 4, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x12, 0x34]
        );
        assert_eq!(encode(Destination::Name("a.b")), b"\x05\x01\x00\x03\x03a.b\x12\x34");
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        let name = "x".repeat(256);
        assert!(encode_request(Destination::Name(&name[..255]), 80).is_ok());
        let error = encode_request(Destination::Name(&name), 80).unwrap_err();
        assert_eq!(error, SocksFault::NameTooLong);
    }
}
