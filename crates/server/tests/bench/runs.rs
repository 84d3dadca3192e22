//! Runs of `everwire bench`, and servers to run it against.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use everwire::{Acceptor, Config, WebSocket};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// What a server does with each WebSocket.
pub(crate) trait Script<F>: Fn(WebSocket<TcpStream>) -> F + Copy + Send + 'static {}

impl<F, S: Fn(WebSocket<TcpStream>) -> F + Copy + Send + 'static> Script<F> for S {}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn everwire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everwire"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// `everwire serve` on a free port, and its address.
pub(crate) fn serve() -> (Process, String) {
    serve_with(&[])
}

/// The same with further arguments.
pub(crate) fn serve_with(arguments: &[&str]) -> (Process, String) {
    let mut server = everwire(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Process(server.args(arguments).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().split_once("://").expect(&line).1.to_owned();
    (server, address)
}

/// A server that does this with each WebSocket, as long as the test's process lives; its URL.
pub(crate) fn scripted<F>(script: impl Script<F>) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    scripted_with(Config::default(), script)
}

pub(crate) fn scripted_with<F>(config: Config, script: impl Script<F>) -> String
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

pub(crate) fn bench(run: &str, url: &str, flags: &[&str]) -> Output {
    let mut command = everwire(&["bench", run, url]);
    command.args(flags).stderr(Stdio::piped()).output().unwrap()
}

/// What a run on two connections says when it fails.
pub(crate) fn failure(run: &str, url: &str, flags: &[&str]) -> String {
    let output = bench(run, url, &[&["--connections", "2"], flags].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

pub(crate) fn lines(output: Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What a run in JSON found.
pub(crate) fn done(run: &str, url: &str, flags: &[&str]) -> Value {
    let lines = lines(bench(run, url, &[flags, &["--json"]].concat()));
    assert_eq!(lines[0], r#"{"event":"measuring"}"#);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let done: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(done["event"], "done");
    let percentiles = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
    let percentiles = percentiles.map(|name| number(&done, name));
    assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{done}");
    let (busy, waited) = (number(&done, "client_busy"), number(&done, "client_waited"));
    assert!(busy > 0.0 && waited >= 0.0, "{done}");
    assert_eq!(done["limited_by_client"], busy + waited >= 0.95, "{done}");
    done
}

pub(crate) fn number(done: &Value, name: &str) -> f64 {
    done[name].as_f64().unwrap_or_else(|| panic!("no number {name}: {done}"))
}

/// Whether a rate is so many in the time.
pub(crate) fn assert_rate(done: &Value, rate: &str, count: &str) {
    let expected = number(done, count) / number(done, "seconds");
    assert!((number(done, rate) / expected - 1.0).abs() < 0.001, "{rate}: {done}");
}
