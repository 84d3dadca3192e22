//! SOCKS5 (RFC 1928), with a password or without (RFC 1929).

use std::time::Duration;

use everwire::{ConnectError, Phase, ProxyError, ProxyFault, SocksFault, SocksReply};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::played::{carry, converse, echo_once, hear, play, proxy_error, see_off, send};

const URI: &str = "ws://server.example/chat";

/// What the client asks for without credentials: `URI`'s host and port.
const GREETING: &[u8] = &[5, 1, 0];
const REQUEST: &[u8] = b"\x05\x01\x00\x03\x0eserver.example\x00\x50";

const CONNECTED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// One exchange: how many bytes the client says, and what it is answered.
type Exchange = (usize, Vec<u8>);

/// What a connection fails with, whose proxy has these exchanges and then listens.
async fn played(credentials: &str, exchanges: Vec<Exchange>, split: bool) -> SocksFault {
    let proxy = play(async move |mut stream: TcpStream| {
        for (heard, answer) in exchanges {
            hear(&mut stream, heard).await;
            // The client may have had enough before the end.
            let _ = send(&mut stream, &answer, split).await;
        }
        see_off(stream).await;
    })
    .await;
    let error =
        proxy_error(proxy.connector(&format!("socks5h://{credentials}")).connect(URI).await);
    proxy.end().await;
    socks_fault(&error)
}

fn socks_fault(error: &ProxyError) -> SocksFault {
    match error.fault() {
        ProxyFault::Socks(fault) => *fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tunnel_carries_a_websocket_whatever_address_the_proxy_has() {
    let v6 = [&[5, 0, 0, 4][..], &[0xfe; 16], &[0x12, 0x34]].concat();
    let name = [&[5, 0, 0, 3, 255][..], &[b'x'; 255], &[0x12, 0x34]].concat();
    let no_name = vec![5, 0, 0, 3, 0, 0x12, 0x34];
    for split in [false, true] {
        for reply in [CONNECTED, &v6, &name, &no_name] {
            let (server, served) = echo_once().await;
            let reply = reply.to_vec();
            let proxy = play(async move |mut stream: TcpStream| {
                assert_eq!(hear(&mut stream, 3).await, GREETING);
                send(&mut stream, &[5, 0], split).await.unwrap();
                assert_eq!(hear(&mut stream, REQUEST.len()).await, REQUEST);
                send(&mut stream, &reply, split).await.unwrap();
                carry(stream, server).await;
            })
            .await;
            converse(proxy.connector("socks5h://").connect(URI).await.unwrap()).await;
            let request = served.await.unwrap();
            assert_eq!(
                (request.uri().path(), &request.headers()["host"]),
                ("/chat", &"server.example".parse().unwrap())
            );
            proxy.end().await;
        }
    }
}

#[tokio::test]
async fn a_password_goes_only_to_a_proxy_that_asks() {
    for asks in [false, true] {
        let (server, served) = echo_once().await;
        let proxy = play(async move |mut stream: TcpStream| {
            assert_eq!(hear(&mut stream, 4).await, [5, 2, 0, 2]);
            if asks {
                stream.write_all(&[5, 2]).await.unwrap();
                assert_eq!(hear(&mut stream, 11).await, b"\x01\x04user\x04p@ss");
                stream.write_all(&[1, 0]).await.unwrap();
            } else {
                stream.write_all(&[5, 0]).await.unwrap();
            }
            assert_eq!(hear(&mut stream, REQUEST.len()).await, REQUEST);
            stream.write_all(CONNECTED).await.unwrap();
            carry(stream, server).await;
        })
        .await;
        converse(proxy.connector("socks5h://user:p%40ss@").connect(URI).await.unwrap()).await;
        served.await.unwrap();
        proxy.end().await;
    }
}

#[tokio::test]
async fn what_follows_the_reply_belongs_to_the_tunnel() {
    let proxy = play(async |mut stream: TcpStream| {
        hear(&mut stream, 3).await;
        stream.write_all(&[5, 0]).await.unwrap();
        hear(&mut stream, REQUEST.len()).await;
        // The server's answer, in the same packet as the proxy's.
        let server = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
        stream.write_all(&[CONNECTED, server].concat()).await.unwrap();
        see_off(stream).await;
    })
    .await;
    let error = proxy.connector("socks5h://").connect(URI).await.unwrap_err();
    let response = error.response().expect("the server's answer");
    assert_eq!((response.status().as_u16(), &response.body()[..]), (503, &b"busy"[..]));
    proxy.end().await;
}

#[tokio::test]
async fn an_address_is_told_as_one_and_names_are_looked_up_where_the_scheme_says() {
    for (scheme, host, expected) in [
        ("socks5h", "192.0.2.1:81", &b"\x01\xc0\x00\x02\x01\x00\x51"[..]),
        ("socks5", "192.0.2.1:81", b"\x01\xc0\x00\x02\x01\x00\x51"),
        ("socks5h", "[2001:db8::1]", b"\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50"),
        ("socks5", "[2001:db8::1]", b"\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50"),
        ("socks5h", "localhost", b"\x03\x09localhost\x00\x50"),
    ] {
        let proxy = play(async move |mut stream: TcpStream| {
            hear(&mut stream, 3).await;
            stream.write_all(&[5, 0]).await.unwrap();
            hear(&mut stream, 3 + expected.len()).await
        })
        .await;
        let uri = format!("ws://{host}/");
        proxy_error(proxy.connector(&format!("{scheme}://")).connect(&uri).await);
        assert_eq!(&proxy.end().await[3..], expected, "{scheme} {host}");
    }
    // Looked up here: the first address of the list, never the name.
    let proxy = play(async |mut stream: TcpStream| {
        hear(&mut stream, 3).await;
        stream.write_all(&[5, 0]).await.unwrap();
        hear(&mut stream, 4).await
    })
    .await;
    proxy_error(proxy.connector("socks5://").connect("ws://localhost/").await);
    let request = proxy.end().await;
    assert!(matches!(request[..], [5, 1, 0, 1 | 4]), "{request:?}");
}

#[tokio::test]
async fn a_name_that_is_looked_up_here_and_has_no_address_never_gets_to_the_proxy() {
    let proxy = play(async |_: TcpStream| panic!("somebody connected")).await;
    let error = proxy.connector("socks5://").connect("ws://server.invalid/").await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve(_)), "{error:?}");
}

#[tokio::test]
async fn every_reply_has_its_name() {
    let replies = [
        (1, SocksReply::General, "general failure"),
        (2, SocksReply::NotAllowed, "not allowed by its rules"),
        (3, SocksReply::NetworkUnreachable, "network unreachable"),
        (4, SocksReply::HostUnreachable, "host unreachable"),
        (5, SocksReply::ConnectionRefused, "connection refused"),
        (6, SocksReply::TtlExpired, "TTL expired"),
        (7, SocksReply::CommandNotSupported, "it does not support the command CONNECT"),
        (8, SocksReply::AddressTypeNotSupported, "it does not support this type of address"),
        (9, SocksReply::Unassigned(9), "reply 9, which has no meaning"),
        (255, SocksReply::Unassigned(255), "reply 255, which has no meaning"),
    ];
    for split in [false, true] {
        for (code, reply, text) in replies {
            let exchanges =
                vec![(3, vec![5, 0]), (REQUEST.len(), vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0])];
            let fault = played("", exchanges, split).await;
            assert_eq!(fault, SocksFault::Reply(reply));
            assert_eq!(fault.to_string(), format!("did not connect: {text}"));
        }
    }
}

#[tokio::test]
async fn every_wrong_answer_is_told_apart() {
    let hello = |answer: &[u8]| vec![(3, answer.to_vec())];
    let reply = |answer: &[u8]| vec![(3, vec![5, 0]), (REQUEST.len(), answer.to_vec())];
    let cases = [
        (hello(&[4, 0]), SocksFault::Version(4)),
        (hello(b"HTTP/1.1 400 Bad Request\r\n\r\n"), SocksFault::Version(b'H')),
        (hello(&[5, 0xff]), SocksFault::NoMethod),
        (hello(&[5, 1]), SocksFault::MethodNotOffered(1)),
        // A password was not offered, so none is asked for.
        (hello(&[5, 2]), SocksFault::MethodNotOffered(2)),
        (reply(&[4, 0, 0, 1]), SocksFault::Version(4)),
        (reply(&[5, 0, 7, 1]), SocksFault::Reserved(7)),
        (reply(&[5, 0, 0, 0]), SocksFault::AddressType(0)),
        (reply(&[5, 0, 0, 2]), SocksFault::AddressType(2)),
        (reply(&[5, 0, 0, 255]), SocksFault::AddressType(255)),
    ];
    for split in [false, true] {
        for (exchanges, expected) in cases.clone() {
            assert_eq!(played("", exchanges, split).await, expected);
        }
    }
}

#[tokio::test]
async fn every_wrong_answer_to_a_password_is_told_apart() {
    let login = |answer: &[u8]| vec![(4, vec![5, 2]), (11, answer.to_vec())];
    for split in [false, true] {
        for (exchanges, expected) in [
            (login(&[1, 1]), SocksFault::Credentials),
            (login(&[1, 0xff]), SocksFault::Credentials),
            (login(&[5, 0]), SocksFault::AuthVersion(5)),
            (vec![(4, vec![5, 0xff])], SocksFault::NoMethod),
            (vec![(4, vec![5, 1])], SocksFault::MethodNotOffered(1)),
        ] {
            assert_eq!(played("user:p%40ss@", exchanges, split).await, expected);
        }
    }
}

#[tokio::test]
async fn a_proxy_that_leaves_is_an_error_wherever_it_does() {
    let script = [(3, vec![5, 0]), (REQUEST.len(), CONNECTED.to_vec())];
    let whole = 2 + CONNECTED.len();
    for cut in 0..whole {
        let script = script.clone();
        let proxy = play(async move |mut stream: TcpStream| {
            let mut left = cut;
            for (heard, answer) in script {
                hear(&mut stream, heard).await;
                let part = left.min(answer.len());
                stream.write_all(&answer[..part]).await.unwrap();
                left -= part;
                if part < answer.len() {
                    return;
                }
            }
        })
        .await;
        let error = proxy_error(proxy.connector("socks5h://").connect(URI).await);
        assert!(matches!(error.fault(), ProxyFault::Closed), "{cut}: {error:?}");
        assert!(error.to_string().ends_with(": closed the connection without an answer"));
    }
}

#[tokio::test]
async fn a_silent_proxy_is_given_up_in_time() {
    for (heard, answer) in [(3, &[][..]), (3, &[5]), (3, &[5, 0])] {
        let proxy = play(async move |mut stream: TcpStream| {
            hear(&mut stream, heard).await;
            stream.write_all(answer).await.unwrap();
            see_off(stream).await;
        })
        .await;
        let connector = proxy.connector("socks5h://").open_timeout(Duration::from_millis(200));
        let error = connector.connect(URI).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(Phase::Proxy)), "{error:?}");
        proxy.end().await;
    }
}

#[tokio::test]
async fn a_name_that_socks_cannot_say_is_refused_before_anything_is_sent() {
    let host = vec!["x".repeat(60); 5].join(".");
    let proxy = play(async |stream: TcpStream| see_off(stream).await).await;
    let uri = format!("ws://{host}/");
    let error = proxy_error(proxy.connector("socks5h://").connect(&uri).await);
    assert_eq!(socks_fault(&error), SocksFault::NameTooLong);
    proxy.end().await;
}
