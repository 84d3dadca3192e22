//! Many clients, slow clients, clients that vanish: rows R of `bad-inputs.toml`, against a running
//! server.

mod process;

use std::time::Duration;

use everwire::Role;
use everwire_testkit::{Frame, Peer};
use process::{PATIENCE, Server, Witness, read_head, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

/// How many opening handshakes of one address run at once, by default.
const PER_ADDRESS: usize = 64;

/// Connects from another loopback address, which is another client to the server.
async fn connect_from(server: &Server, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Sends RST instead of FIN.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

// row: R1
#[tokio::test]
async fn half_done_handshakes_of_one_address_leave_room_for_others() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    // As many as there may be, and then 20,000 more.
    let mut held = Vec::new();
    for _ in 0..PER_ADDRESS {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        stream.write_all(b"GET /echo HTTP/1.1\r\n").await.unwrap();
        held.push(stream);
    }
    let mut turned_away = 0;
    for _ in 0..20_000 {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        let _ = stream.write_all(b"GET /echo HTTP/1.1\r\n").await;
        let read = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("turned away");
        turned_away += usize::from(read.is_err());
        // No TIME_WAIT: the ports are few.
        reset(stream);
    }
    assert_eq!(turned_away, 20_000);
    // Others are served all the time.
    witness.is_served(&server).await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "memory grew by {grown} bytes");
    // And so is this address when it has finished.
    drop(held);
    let request = server.request("/echo", "");
    let mut served = false;
    for _ in 0..200 {
        let mut stream = connect_from(&server, "127.0.0.2").await;
        let mut byte = [0; 1];
        let asked = stream.write_all(request.as_bytes()).await;
        if asked.is_ok() && matches!(stream.read(&mut byte).await, Ok(1)) {
            served = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(served);
    witness.is_served(&server).await;
}

// row: R8
#[tokio::test]
async fn everybody_may_come_back_at_once_after_a_restart() {
    let mut server = Server::start(&[]);
    let mut visitors = Vec::new();
    for _ in 0..300 {
        visitors.push(server.open("/broadcast").await);
    }
    server.terminate();
    for visitor in &mut visitors {
        // "Going away": they know that they may come back.
        assert_eq!(visitor.next_close().await, 1001);
        visitor.send(Frame::close(1001, "")).await;
    }
    assert!(server.ended().await.success());
    drop(visitors);

    let server = Server::start(&[]);
    let began = Instant::now();
    let returning: Vec<_> = (0..300)
        .map(|n| {
            let (address, request) = (server.address, server.request("/broadcast", ""));
            tokio::spawn(async move {
                // Whoever finds no room tries again a little later, as clients do.
                for attempt in 0..200_u64 {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let mut head = vec![0; 12];
                    let asked = stream.write_all(request.as_bytes()).await;
                    if asked.is_ok() && stream.read_exact(&mut head).await.is_ok() {
                        assert_eq!(&head, b"HTTP/1.1 101");
                        return stream;
                    }
                    tokio::time::sleep(Duration::from_millis(10 + (n + attempt) % 50)).await;
                }
                panic!("never let in");
            })
        })
        .collect();
    let mut back = Vec::new();
    for task in returning {
        back.push(task.await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    Witness::new(&server).await.is_served(&server).await;
}

// row: R2
#[tokio::test]
async fn a_listener_that_never_reads_is_closed_with_1013_while_the_others_hear_everything() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let mut stuck = server.open("/broadcast").await;
    let mut listener = server.open("/broadcast").await;
    let mut speaker = server.open("/broadcast").await;
    const MESSAGES: usize = 400;
    const LEN: usize = 64 << 10;
    let frame = Frame::binary(vec![7; LEN]).masked().encode();
    let mut slowest = Duration::ZERO;
    for _ in 0..MESSAGES {
        let began = Instant::now();
        speaker.send_bytes(&frame).await;
        assert_eq!(speaker.next_payload().await.len(), LEN);
        assert_eq!(listener.next_payload().await.len(), LEN);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "a message took {slowest:?}");
    // Reading at last, it finds a part of it and why there is no more.
    let mut parts = 0;
    let code = loop {
        let frame = stuck.next().await.expect("a close frame before the end");
        match frame.opcode {
            0x8 => break frame.close_code(),
            _ => parts += 1,
        }
    };
    assert_eq!(code, Some(1013));
    assert!(parts < MESSAGES);
    assert!(server.memory() < 200 << 20, "{} bytes in use", server.memory());
    witness.is_served(&server).await;
}

// row: R5, R6
#[tokio::test]
async fn connections_that_are_cut_off_anywhere_harm_nobody() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let request = server.request("/echo", "");
    for cut in [reset, drop] {
        // Before the 101.
        for len in [0, 10, request.len() - 1, request.len()] {
            let mut stream = server.connect().await;
            stream.write_all(&request.as_bytes()[..len]).await.unwrap();
            cut(stream);
        }
        for path in ["/echo", "/broadcast"] {
            // Open, in a frame, while writing, while closing, after FIN.
            cut(server.open(path).await.stream);
            let mut peer = server.open(path).await;
            peer.send_bytes(&Frame::text("in the middle").masked().encode()[..9]).await;
            cut(peer.stream);
            let mut peer = server.open(path).await;
            for _ in 0..20 {
                peer.send(Frame::binary(vec![0; 100_000])).await;
            }
            cut(peer.stream);
            let mut peer = server.open(path).await;
            peer.send(Frame::close(1000, "")).await;
            cut(peer.stream);
            let mut peer = server.open(path).await;
            peer.stream.shutdown().await.unwrap();
            cut(peer.stream);
        }
        witness.is_served(&server).await;
    }
}

// row: R7
#[tokio::test]
async fn readers_of_a_byte_at_a_time_slow_nobody_else() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    let mut slow = Vec::new();
    for _ in 0..20 {
        let (mut read, mut write) = tokio::io::split(server.open("/echo").await.stream);
        // Echoes of far more than it reads.
        slow.push(tokio::spawn(async move {
            let frame = Frame::binary(vec![0; 100_000]).masked().encode();
            while write.write_all(&frame).await.is_ok() {}
        }));
        slow.push(tokio::spawn(async move {
            while read.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        let began = Instant::now();
        witness.is_served(&server).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    // Each holds its queue and one message.
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 20 * (3 << 20), "memory grew by {grown} bytes");
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_thousand_connections_come_and_go_without_a_trace() {
    let server = Server::start(&[]);
    let visit = async || {
        let mut peers = Vec::new();
        for _ in 0..200 {
            let mut stream = server.connect().await;
            let request = server.request("/broadcast", "");
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(status(&read_head(&mut stream).await), 101);
            peers.push(Peer::new(stream, Role::Client));
        }
        peers[0].send(Frame::text("to all")).await;
        for peer in &mut peers {
            assert_eq!(peer.next_payload().await, b"to all");
        }
    };
    visit().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = server.memory();
    for _ in 0..5 {
        visit().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 4 << 20, "memory grew by {grown} bytes");
}
