//! The floor is a yardstick only as long as its echoes are right.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use everwire_bench::client::Client;
use everwire_bench::floor::{BUFFER, DIRECT, Floor};
use everwire_bench::frame::{Header, client_frame};
use everwire_bench::handshake;
use everwire_bench::load::{self, ConnectPlan, EchoPlan, IdlePlan};
use everwire_bench::script::{Content, Deflate, Plan, Script};
use everwire_bench::transport::Dialer;

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

fn echo_plan(messages: Plan, in_flight: usize) -> EchoPlan {
    EchoPlan {
        dialer: Dialer::new(&floor(), None).unwrap(),
        connections: 5,
        messages,
        in_flight,
        warm_up: Duration::from_millis(50),
        measure: Duration::from_millis(200),
    }
}

#[test]
fn the_load_counts_what_comes_back_with_its_latency() {
    for (size, in_flight) in [(20, 1), (20, 32), (0, 4), (70_000, 3), (2 << 20, 1)] {
        let mut measuring = false;
        let plan = echo_plan(Plan::binary(size), in_flight);
        let report = load::echo(&plan, || measuring = true).unwrap();
        assert!(measuring);
        assert!(report.messages > 0, "{size} × {in_flight}");
        assert_eq!(report.latency.count(), report.messages);
    }
}

#[test]
fn the_load_counts_messages_not_their_fragments() {
    let plan = Plan { content: Content::Text, fragments: 64, ..Plan::binary(64 * 1024) };
    let report = load::echo(&echo_plan(plan, 2), || {}).unwrap();
    assert!(report.messages > 0);
    let of_whole_messages = report.messages * 64 * 1024;
    assert!(report.payload.abs_diff(of_whole_messages) <= 10 * 64 * 1024);
}

#[test]
fn the_load_notices_that_a_server_does_not_compress() {
    let plan = Plan { deflate: Deflate::Takeover, content: Content::Json, ..Plan::binary(300) };
    let error = load::echo(&echo_plan(plan, 1), || {}).unwrap_err();
    assert_eq!(error.to_string(), "asked for Takeover, the server agreed to ``");
}

#[test]
fn the_load_holds_idle_connections() {
    for untouched in [false, true] {
        let mut holding = false;
        let plan = IdlePlan {
            dialer: Dialer::new(&floor(), None).unwrap(),
            connections: 50,
            message: Plan::binary(1024),
            untouched,
            hold: Some(Duration::from_millis(100)),
        };
        load::idle(&plan, || holding = true).unwrap();
        assert!(holding);
    }
}

#[test]
fn the_load_counts_connections() {
    let plan = ConnectPlan {
        dialer: Dialer::new(&floor(), None).unwrap(),
        in_flight: 4,
        warm_up: Duration::from_millis(50),
        measure: Duration::from_millis(200),
    };
    let report = load::connect(&plan, || {}).unwrap();
    assert!(report.messages > 0);
    assert_eq!(report.latency.count(), report.messages);
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
    let error =
        Client::open(&Dialer::new(&url, None).unwrap(), &Script::new(&Plan::binary(8), 1), true)
            .unwrap_err();
    assert_eq!(error.to_string(), "the echo differs from what was sent");
}

#[test]
fn fragments_come_back_as_fragments() {
    let mut stream = handshake::connect(&floor()).unwrap();
    let plan = Plan { fragments: 3, ..Plan::binary(3000) };
    stream.write_all(Script::new(&plan, 1).message(0)).unwrap();
    for first in [0x02, 0x00, 0x80] {
        let (echo, payload) = read_frame(&mut stream);
        assert_eq!((echo, payload.len()), (first, 1000));
    }
}
