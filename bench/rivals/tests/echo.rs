//! A rival is one only as long as its answers are right.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use everwire_bench::frame::{Header, client_frame};
use everwire_bench::handshake;

const LIBRARIES: [&str; 5] =
    ["fastwebsockets", "sockudo-ws", "tokio-tungstenite", "tokio-websockets", "yawc"];
const KEY: [u8; 4] = [9, 0, 200, 77];

/// A server that ends with the test.
struct Rival {
    process: Child,
    address: String,
}

impl Rival {
    fn start(library: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rival"))
            .args([library, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
        Self { process, address }
    }

    fn connect(&self, path: &str) -> TcpStream {
        handshake::connect(&format!("ws://{}/{path}", self.address)).unwrap()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
    let mut payload = vec![0; header.payload];
    stream.read_exact(&mut payload).unwrap();
    (header.first, payload)
}

#[test]
fn every_library_echoes_text_and_binary() {
    for library in LIBRARIES {
        let rival = Rival::start(library);
        let mut stream = rival.connect("echo");
        for (opcode, len) in [(1, 0), (1, 5), (2, 125), (2, 20_000), (1, 65_536), (2, 65_536)] {
            let payload = vec![b'x'; len];
            stream.write_all(&client_frame(opcode, &payload, KEY)).unwrap();
            let (first, echo) = read_frame(&mut stream);
            assert_eq!((first, echo.len()), (0x80 | opcode, len), "{library}");
            assert!(echo == payload, "{library}, {len} bytes");
        }
    }
}

#[test]
fn every_library_echoes_all_of_many_messages_at_once() {
    for library in LIBRARIES {
        let rival = Rival::start(library);
        let mut stream = rival.connect("echo");
        let frames: Vec<u8> = (0..200).flat_map(|n| client_frame(2, &[n; 9], KEY)).collect();
        stream.write_all(&frames).unwrap();
        for n in 0..200 {
            assert_eq!(read_frame(&mut stream), (0x82, vec![n; 9]), "{library}");
        }
    }
}

#[test]
fn every_library_publishes_to_everyone() {
    for library in LIBRARIES {
        let rival = Rival::start(library);
        let mut members: Vec<TcpStream> = (0..3).map(|_| rival.connect("broadcast")).collect();
        // A member that has its own message back has joined, and what is said then reaches all.
        for (name, member) in (b'0'..).zip(&mut members) {
            member.write_all(&client_frame(1, &[name], KEY)).unwrap();
            read_until(member, &[name]);
        }
        members[0].write_all(&client_frame(1, b"to all", KEY)).unwrap();
        for member in &mut members {
            read_until(member, b"to all");
        }
    }
}

fn read_until(member: &mut TcpStream, payload: &[u8]) {
    while read_frame(member) != (0x81, payload.to_vec()) {}
}
