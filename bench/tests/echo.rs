//! The floor is a yardstick only as long as its echoes are right.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use everwire_bench::client::{Client, Script};
use everwire_bench::floor::{BUFFER, DIRECT, Floor};
use everwire_bench::frame::{Header, client_frame};
use everwire_bench::handshake;
use everwire_bench::load::{self, EchoPlan};

const KEY: [u8; 4] = [9, 0, 200, 77];

/// Starts a floor that lives as long as the test's process.
fn floor() -> String {
    let floor = Floor::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/echo", floor.local_addr().unwrap());
    thread::spawn(|| floor.run());
    url
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 253) as u8).collect()
}

fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = vec![0; 2];
    stream.read_exact(&mut head).unwrap();
    while Header::decode(&head).is_none() {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let header = Header::decode(&head).unwrap();
    assert!(!header.masked, "a server does not mask");
    let mut payload = vec![0; header.payload];
    stream.read_exact(&mut payload).unwrap();
    (header.first, payload)
}

#[test]
fn messages_of_every_kind_of_length_come_back() {
    let mut stream = handshake::connect(&floor()).unwrap();
    let lengths = [0, 1, 125, 126, DIRECT - 14, DIRECT, 65_536, BUFFER, BUFFER + 1, 5 << 20];
    for (opcode, len) in [1, 2].into_iter().flat_map(|opcode| lengths.map(|len| (opcode, len))) {
        let frame = client_frame(opcode, &payload(len), KEY);
        let mut writer = stream.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&frame).unwrap());
        let (first, echo) = read_frame(&mut stream);
        writing.join().unwrap();
        assert_eq!(first, 0x80 | opcode);
        assert!(echo == payload(len), "{len} bytes");
    }
}

#[test]
fn frames_that_arrive_in_pieces_are_put_together() {
    let mut stream = handshake::connect(&floor()).unwrap();
    let frames = [
        client_frame(1, b"hello", KEY),
        client_frame(2, &payload(300), KEY),
        client_frame(9, b"ping", KEY),
        client_frame(2, &payload(40_000), KEY),
        client_frame(1, b"", KEY),
    ]
    .concat();
    for size in [1, 7, 1000, 39_000] {
        for piece in frames.chunks(size) {
            stream.write_all(piece).unwrap();
        }
        assert_eq!(read_frame(&mut stream), (0x81, b"hello".to_vec()));
        assert_eq!(read_frame(&mut stream), (0x82, payload(300)));
        assert_eq!(read_frame(&mut stream), (0x8a, b"ping".to_vec()));
        assert_eq!(read_frame(&mut stream), (0x82, payload(40_000)));
        assert_eq!(read_frame(&mut stream), (0x81, vec![]));
    }
}

#[test]
fn a_client_that_does_not_read_gets_all_of_it_later() {
    let mut stream = handshake::connect(&floor()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let frame = client_frame(2, &payload(100_000), KEY);
    let mut sent = 0_usize;
    let mut at = 0;
    let mut stalled = 0;
    // Until both directions are full, which is when the server has stopped reading.
    while stalled < 20 {
        match stream.write(&frame[at..]) {
            Ok(written) => {
                at = (at + written) % frame.len();
                sent += usize::from(at == 0);
                stalled = 0;
            }
            Err(_) => {
                stalled += 1;
                thread::sleep(Duration::from_millis(10));
            }
        }
        assert!(sent < 1000, "the server reads without end");
    }
    stream.set_nonblocking(false).unwrap();
    for _ in 0..sent {
        assert!(read_frame(&mut stream) == (0x82, payload(100_000)));
    }
    if at > 0 {
        stream.write_all(&frame[at..]).unwrap();
        assert!(read_frame(&mut stream) == (0x82, payload(100_000)));
    }
}

#[test]
fn a_close_is_echoed_and_ends_the_connection() {
    let mut stream = handshake::connect(&floor()).unwrap();
    stream.write_all(&client_frame(8, &[3, 232], KEY)).unwrap();
    assert_eq!(read_frame(&mut stream), (0x88, vec![3, 232]));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn the_load_counts_what_comes_back_with_its_latency() {
    for (size, in_flight) in [(20, 1), (20, 32), (0, 4), (70_000, 3), (2 << 20, 1)] {
        let plan = EchoPlan {
            url: floor(),
            connections: 5,
            size,
            in_flight,
            warm_up: Duration::from_millis(50),
            measure: Duration::from_millis(200),
        };
        let mut measuring = false;
        let report = load::echo(&plan, || measuring = true).unwrap();
        assert!(measuring);
        assert!(report.messages > 0, "{size} × {in_flight}");
        assert_eq!(report.latency.count(), report.messages);
    }
}

#[test]
fn the_load_holds_idle_connections() {
    let mut holding = false;
    let hold = Some(Duration::from_millis(100));
    load::idle(&floor(), 50, 1024, hold, || holding = true).unwrap();
    assert!(holding);
}

#[test]
fn the_load_does_not_take_a_wrong_echo() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).unwrap();
        let handshake::Response::Accept { response, .. } = handshake::respond(&request[..read])
        else {
            panic!("the request came in one piece")
        };
        stream.write_all(response.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 6 + 8]).unwrap();
        stream.write_all(b"\x82\x08everwide").unwrap();
    });
    let error = Client::open(&url, &Script::new(8, 1)).unwrap_err();
    assert_eq!(error.to_string(), "the echo differs from what was sent");
}
