//! The `everwire` process, and clients that say to it what they are told.
#![allow(clippy::print_stderr, reason = "for a test that fails")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use everwire::Role;
use everwire_testkit::{Frame, Peer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The headers of a legal request beside its `Host`.
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running `everwire serve`; it ends with the test.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub scheme: String,
    /// Reads what it logs, so that it never waits for us.
    log: Option<std::thread::JoinHandle<std::io::Result<String>>>,
}

impl Server {
    /// On a free port of 127.0.0.1, with these further arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", arguments)
    }

    /// On this address.
    pub fn start_on(address: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_everwire"))
            .args(["serve", "--listen", address])
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let (scheme, address) = said.split_once("://").unwrap();
        let mut log = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut said = String::new();
            log.read_to_string(&mut said).map(|_| said)
        });
        let (address, scheme) = (address.parse().unwrap(), scheme.to_owned());
        Self { address, scheme, child, log: Some(log) }
    }

    /// What the process logged, once it has ended.
    pub fn logged(&mut self) -> String {
        self.log.take().unwrap().join().unwrap().unwrap()
    }

    /// Bytes of memory that the process has in use.
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Tells the process to end.
    pub fn terminate(&self) {
        let kill = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        for _ in 0..3000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the process does not end");
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A legal request for `path`, with further headers, each with its CR LF.
    pub fn request(&self, path: &str, further: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{UPGRADE}{further}\r\n", self.address)
    }

    /// A WebSocket on `path`, by hand, whose endpoint is at work: the answer to the handshake comes
    /// a moment earlier. What others say in that moment is passed over.
    pub async fn open(&self, path: &str) -> Peer<TcpStream> {
        self.open_with(path, "").await.1
    }

    /// As `open`, with further headers; also gives the head of the answer.
    pub async fn open_with(&self, path: &str, further: &str) -> (String, Peer<TcpStream>) {
        let mut stream = self.connect().await;
        stream.write_all(self.request(path, further).as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(status(&head), 101, "{head}");
        let mut peer = Peer::new(stream, Role::Client);
        peer.send(Frame::ping("at work?")).await;
        let at_work = async {
            while peer.next().await.expect("a pong before the end").payload != b"at work?" {}
        };
        tokio::time::timeout(PATIENCE, at_work).await.expect("no pong");
        (head, peer)
    }

    /// Sends bytes one at a time, and reads what comes back until the server closes.
    pub async fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        let (mut read, mut write) = self.connect().await.into_split();
        let bytes = bytes.as_ref().to_vec();
        let writing = tokio::spawn(async move {
            let step = if bytes.len() < 4096 { 1 } else { 4096 };
            for chunk in bytes.chunks(step) {
                // The server may have heard enough.
                if write.write_all(chunk).await.is_err() {
                    break;
                }
            }
            write
        });
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = tokio::time::timeout(PATIENCE, read.read(&mut chunk)).await;
            match read.expect("the server neither answers nor closes") {
                Ok(len @ 1..) => answer.extend_from_slice(&chunk[..len]),
                // A reset behind the answer, when it was sent more than it wanted to read.
                Ok(0) | Err(_) => break,
            }
        }
        writing.abort();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() && self.log.is_some() {
            eprint!("{}", self.logged());
        }
    }
}

/// Reads through the blank line and no further.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("no answer");
        head.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&head))));
    }
    String::from_utf8(head).unwrap()
}

pub fn status(answer: &str) -> u16 {
    let line = answer.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("{answer:?}"));
    line[..3].parse().unwrap()
}

/// The value of a header in an answer.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.split("\r\n").skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Somebody who behaves, connected to `/echo` all the time.
pub struct Witness {
    peer: Peer<TcpStream>,
    said: usize,
}

impl Witness {
    pub async fn new(server: &Server) -> Self {
        Self { peer: server.open("/echo").await, said: 0 }
    }

    /// Still served, and so is somebody new.
    pub async fn is_served(&mut self, server: &Server) {
        self.said += 1;
        let text = format!("still here, {}", self.said);
        self.peer.send(Frame::text(&text)).await;
        assert_eq!(self.peer.next_payload().await, text.as_bytes());
        let mut new = server.open("/echo").await;
        new.send_all([Frame::text("new here"), Frame::close(1000, "")]).await;
        assert_eq!(new.next_payload().await, b"new here");
        assert_eq!(new.next_close().await, 1000);
        assert_eq!(new.next().await, None);
    }
}
