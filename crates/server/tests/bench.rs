//! `everwire bench` against the server that it comes with, and against servers that do not echo.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use everwire::{Acceptor, CloseCode, CloseReason, Config, Message, WebSocket};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with each WebSocket.
trait Script<F>: Fn(WebSocket<TcpStream>) -> F + Copy + Send + 'static {}

impl<F, S: Fn(WebSocket<TcpStream>) -> F + Copy + Send + 'static> Script<F> for S {}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn everwire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everwire"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// `everwire serve` on a free port, and its address.
fn serve() -> (Process, String) {
    let mut server = Process(everwire(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
    (server, address)
}

/// A server that does this with each WebSocket, as long as the test's process lives; its URL.
fn scripted<F>(script: impl Script<F>) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    scripted_with(Config::default(), script)
}

fn scripted_with<F>(config: Config, script: impl Script<F>) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let acceptor = Acceptor::new().config(config);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(socket) = acceptor.accept(stream).await {
                        script(socket).await;
                    }
                });
            }
        });
    });
    url
}

fn bench(run: &str, url: &str, flags: &[&str]) -> Output {
    let mut command = everwire(&["bench", run, url]);
    command.args(flags).stderr(Stdio::piped()).output().unwrap()
}

/// What a run on two connections says when it fails.
fn failure(run: &str, url: &str, flags: &[&str]) -> String {
    let output = bench(run, url, &[&["--connections", "2"], flags].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

fn lines(output: Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The number that a line of JSON gives for a name.
fn number(line: &str, name: &str) -> f64 {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).expect(line);
    rest[..rest.find([',', '}']).expect(line)].parse().expect(line)
}

#[test]
fn echoes_are_counted_whatever_is_sent() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let kinds: [&[&str]; 5] = [
        &["--connections", "5"],
        &["--connections", "100", "--size", "0"],
        &["--connections", "5", "--text", "--in-flight", "32"],
        &["--connections", "2", "--size", "20000", "--in-flight", "3", "--deflate"],
        &["--connections", "1", "--size", "100000", "--in-flight", "12"],
    ];
    for flags in kinds {
        let flags = [flags, &["--seconds", "0.3", "--json"]].concat();
        let lines = lines(bench("echo", &url, &flags));
        assert_eq!(lines[0], r#"{"event":"measuring"}"#);
        assert!(lines[1].starts_with(r#"{"event":"done","#) && lines.len() == 2, "{lines:?}");
        let done = |name| number(&lines[1], name);
        assert!(done("messages") >= 1.0 && done("seconds") >= 0.3, "{flags:?} {lines:?}");
        // Both are rounded.
        let rate = done("messages") / done("seconds");
        assert!((done("messages_per_second") / rate - 1.0).abs() < 0.001, "{lines:?}");
        let percentiles = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(done);
        assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{lines:?}");
    }
}

#[test]
fn people_get_a_table_with_units() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let table = lines(bench("echo", &url, &["--connections", "1", "--seconds", "0.1"])).join("\n");
    for expected in ["1 connection × 20 B binary × 1 in flight", "messages/s", "p99.9", "µs"] {
        assert!(table.contains(expected), "{expected} is not in\n{table}");
    }
}

#[test]
fn idle_connections_are_held_for_the_time() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let flags = ["--connections", "100", "--hold", "0.1"];
    let held = lines(bench("idle", &url, &flags));
    assert_eq!(held[0], "holding 100 connections for 100ms");
    assert_eq!(held[1], "100 connections, none of which ended within 100ms");
    let held = lines(bench("idle", &url, &[&flags[..], &["--json"]].concat()));
    assert_eq!(held, [r#"{"event":"holding","connections":100}"#]);
}

#[test]
fn more_connections_than_the_server_admits_handshakes_are_opened() {
    let (_server, address) = serve();
    let flags = ["--connections", "500", "--size", "1", "--hold", "0.01"];
    lines(bench("idle", &format!("ws://{address}/echo"), &flags));
}

#[test]
fn a_url_that_is_none_or_has_no_server_or_no_endpoint_is_said_so() {
    assert!(failure("echo", "everwire", &[]).contains("ws://HOST:PORT/PATH"));

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/echo", closed.local_addr().unwrap());
    drop(closed);
    for run in ["echo", "idle"] {
        let error = failure(run, &url, &[]);
        assert!(error.contains(&url) && error.contains("is a server listening there?"), "{error}");
    }

    let (_server, address) = serve();
    let error = failure("echo", &format!("ws://{address}/nowhere"), &[]);
    assert!(error.contains("404") && error.contains("/echo"), "{error}");
    let error = failure("echo", &format!("wss://{address}/echo"), &[]);
    assert!(error.contains("ws:// does without"), "{error}");
}

#[test]
fn servers_that_do_not_echo_are_found_out() {
    let answering = scripted(async |mut socket| {
        while socket.recv().await.is_some() {
            let _ = socket.send("hello").await;
        }
    });
    assert!(failure("echo", &answering, &[]).contains("sent binary, and text came back"));
    let error = failure("idle", &answering, &["--text"]);
    assert!(error.contains("sent 1024 bytes, and 5 came back"), "{error}");

    let shouting = scripted(async |mut socket| {
        while let Some(Message::Text(text)) = socket.recv().await {
            let _ = socket.send(text.to_uppercase()).await;
        }
    });
    assert!(failure("echo", &shouting, &["--text"]).contains("differs"));

    let doubling = scripted(async |mut socket| {
        while let Some(message) = socket.recv().await {
            let _ = socket.feed(message.clone()).await;
            let _ = socket.send(message).await;
        }
    });
    assert!(failure("echo", &doubling, &[]).contains("does not echo"));

    let silent = scripted(async |mut socket| while socket.recv().await.is_some() {});
    let error = failure("echo", &silent, &["--timeout", "2"]);
    assert!(error.contains("no echo within 2s") && error.contains("--timeout"), "{error}");
}

#[test]
fn a_server_that_stops_echoing_or_closes_ends_the_run() {
    let stopping = scripted(async |mut socket| {
        let first = socket.recv().await.unwrap();
        let _ = socket.send(first).await;
        while socket.recv().await.is_some() {}
    });
    assert!(failure("echo", &stopping, &["--seconds", "0.1"]).contains("no message came back"));

    let closing = scripted(async |mut socket| {
        let first = socket.recv().await.unwrap();
        let _ = socket.send(first).await;
        socket.recv().await;
        socket.close(CloseReason::from_code(CloseCode::MESSAGE_TOO_BIG).ok()).await;
    });
    let error = failure("echo", &closing, &[]);
    assert!(error.contains("1009") && error.contains("--size"), "{error}");
}

#[test]
fn compression_that_was_asked_for_must_be_agreed_to() {
    let mut config = Config::default();
    config.deflate = None;
    let url = scripted_with(config, async |mut socket| while socket.recv().await.is_some() {});
    let error = failure("echo", &url, &["--deflate"]);
    assert!(error.contains("permessage-deflate") && error.contains("--deflate"), "{error}");
}

#[test]
fn values_out_of_range_are_refused_before_anything_is_opened() {
    for flags in [["--connections", "0"], ["--in-flight", "0"], ["--seconds", "0"]] {
        let output = bench("echo", "ws://127.0.0.1:1/", &flags);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(flags[0]), "{error}");
    }
}
