//! The server's side of the opening handshake: how long a client may take, and how it is seen off.
//!
//! The clock stands still unless everybody waits for it, so the times here are exact to tokio's
//! millisecond.

mod opening;

use std::time::Duration;

use everwire::{AcceptError, Acceptor, CloseCause, Timeout};
use opening::{UPGRADE, accepting, header, read_head, read_to_end, request, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn seconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

// H9
#[tokio::test(start_paused = true)]
async fn a_slow_head_is_told_408_when_the_time_is_over_in_all() {
    let start = Instant::now();
    let (client, server) = accepting(&Acceptor::new());
    let (mut reader, mut writer) = tokio::io::split(client);
    let writing = tokio::spawn(async move {
        // Each byte comes well within 10 s of the one before.
        for byte in request("").bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(3 * SECOND).await;
        }
    });
    let answer = read_to_end(&mut reader).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert!((10.0..10.1).contains(&seconds_since(start)), "{}", seconds_since(start));
    // The client goes on sending; the server does not wait for its end.
    let error = server.await.unwrap().unwrap_err();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert!((11.0..11.1).contains(&seconds_since(start)), "{}", seconds_since(start));
    writing.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_closed_without_an_answer() {
    let start = Instant::now();
    let acceptor = Acceptor::new().handshake_timeout(3 * SECOND);
    let (mut client, server) = accepting(&acceptor);
    assert_eq!(read_to_end(&mut client).await, "");
    assert!((3.0..3.1).contains(&seconds_since(start)), "{}", seconds_since(start));
    assert!(matches!(server.await.unwrap(), Err(AcceptError::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_the_101_is_given_up() {
    let start = Instant::now();
    // A pipe that takes 16 bytes of the answer.
    let (mut client, server) = duplex(16);
    let accept = tokio::spawn(everwire::accept(server));
    client.write_all(request("").as_bytes()).await.unwrap();
    let mut socket = accept.await.unwrap().unwrap();
    assert_eq!(socket.recv().await, None);
    let cause = socket.close_report().unwrap().cause;
    assert_eq!(cause, CloseCause::Timeout(Timeout::Write));
    assert!((30.0..30.2).contains(&seconds_since(start)), "{}", seconds_since(start));
}

#[tokio::test(start_paused = true)]
async fn the_programs_own_time_is_not_the_clients() {
    let (mut client, server) = duplex(1024);
    client.write_all(request("").as_bytes()).await.unwrap();
    let pending = Acceptor::new().read_request(server).await.unwrap();
    // A database that answers late.
    sleep(60 * SECOND).await;
    pending.accept().await.unwrap();
    assert_eq!(status(&read_head(&mut client).await), 101);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_left_after_a_second() {
    let start = Instant::now();
    let (mut client, server) = accepting(&Acceptor::new());
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_to_end(&mut client).await), 400);
    server.await.unwrap().unwrap_err();
    assert!((1.0..1.1).contains(&seconds_since(start)), "{}", seconds_since(start));
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_floods_is_left_after_64_kib() {
    let (mut client, server) = duplex(1024);
    let accept = tokio::spawn(everwire::accept(server));
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut sent = 0;
    while client.write_all(&[b'x'; 1024]).await.is_ok() {
        sent += 1;
        assert!(sent < 1024, "the flood is read for ever");
    }
    assert!((64..80).contains(&sent), "{sent} KiB were taken");
    accept.await.unwrap().unwrap_err();
}

// H12, R5
#[tokio::test]
async fn an_answer_is_not_lost_to_the_bytes_behind_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        for _ in 0..20 {
            let (stream, _) = everwire::next_stream(&listener).await;
            everwire::accept(stream).await.unwrap_err();
        }
    });
    for _ in 0..20 {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}\r\n");
        // The body is sent after the refusal: without a linger, RST would overtake the answer.
        client.write_all(head.as_bytes()).await.unwrap();
        client.peek(&mut [0; 1]).await.unwrap();
        client.write_all(&[b'x'; 32 << 10]).await.unwrap();
        sleep(Duration::from_millis(5)).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(status(&answer), 405);
    }
    server.await.unwrap();
}

// R5
#[tokio::test]
async fn a_reset_before_the_request_is_complete_is_one_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut stream, _) = everwire::next_stream(&listener).await;
    // Closing with bytes unread sends RST.
    stream.write_all(b"unread").await.unwrap();
    client.peek(&mut [0; 6]).await.unwrap();
    drop(client);
    let error = everwire::accept(stream).await.unwrap_err();
    assert!(matches!(error, AcceptError::Io(_)), "{error:?}");
}
