//! The program `fault-proxy`, as tests in other languages use it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// For whatever must come.
const SOON: Duration = Duration::from_secs(20);

struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fault-proxy"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").unwrap();
        self.line()
    }
}

#[test]
fn it_prints_its_address_obeys_line_by_line_and_ends_with_its_input() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let mut program = Program::start(&["--to", &to]);
    let addr: SocketAddr =
        program.line().strip_prefix("listening on ").expect("an address").parse().unwrap();

    let mut client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"hi").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    assert_eq!(program.say("stats"), r#"{"accepted":1,"open":1,"to_server":0,"to_client":2}"#);

    assert_eq!(program.say("reset"), "ok");
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    assert_eq!(program.say("refuse 60000"), "ok");
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);

    assert_eq!(program.say("explode"), "error: `explode` is no command");

    let Program { mut child, stdin, .. } = program;
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn without_a_server_it_says_how_it_is_called() {
    for args in [&[][..], &["--from", "127.0.0.1:1"], &["--to"], &["--to", "nowhere"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_fault-proxy")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("usage: fault-proxy --to ADDR:PORT"), "{complaint}");
    }
}
