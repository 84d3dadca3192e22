//! What all runs have in common: flags, help, servers that are not there, a person who waits.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::process::Stdio;

use everwire::Config;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::runs::{bench, everwire, failure, scripted_with, serve};

#[test]
fn a_url_that_is_none_or_has_no_server_or_no_endpoint_is_said_so() {
    assert!(failure("echo", "everwire", &[]).contains("ws://HOST:PORT/PATH"));

    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
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

#[test]
fn the_help_is_as_it_was() {
    // A file to compare with: after a change that is meant, put the new text there.
    for (run, expected) in [
        (None, include_str!("../help/bench.txt")),
        (Some("echo"), include_str!("../help/bench-echo.txt")),
        (Some("fanout"), include_str!("../help/bench-fanout.txt")),
        (Some("idle"), include_str!("../help/bench-idle.txt")),
        (Some("connect"), include_str!("../help/bench-connect.txt")),
        (Some("jitter"), include_str!("../help/bench-jitter.txt")),
    ] {
        let output = everwire(&["bench"]).args(run).arg("--help").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{run:?}");
    }
}

#[test]
fn no_proxy_of_the_environment_is_asked() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", proxy.local_addr().unwrap());
    // A name that is never found: a proxy would be asked for it.
    for run in ["echo", "fanout", "idle", "connect", "jitter"] {
        let output = everwire(&["bench", run, "ws://everwire.invalid/echo", "--timeout", "5"])
            .envs([("ws_proxy", &at), ("http_proxy", &at), ("all_proxy", &at)])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
    }
    proxy.set_nonblocking(true).unwrap();
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_terminal_sees_a_bar_that_is_wiped_and_a_file_sees_none() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    let flags = ["--connections", "2", "--seconds", "0.5"];

    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = std::fs::File::options().read(true).write(true).open(name).unwrap();
    let output = everwire(&["bench", "echo", &url]).args(flags).stderr(screen).output().unwrap();
    assert!(output.status.success());
    let mut seen = Vec::new();
    // The end of a terminal that nobody holds is an error: what came before it counts.
    let _ = std::fs::File::from(terminal).read_to_end(&mut seen);
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.contains("opening [###") && seen.contains("] 2 of 2 connections"), "{seen:?}");
    assert!(seen.contains("measuring [") && seen.contains(" messages/s"), "{seen:?}");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("["), "it is no bar's place");
    let (_, last) = seen.rsplit_once("messages/s").unwrap();
    assert!(last.starts_with("\r\u{1b}[K"), "{last:?}");

    let output = bench("echo", &url, &flags);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !error.contains("measuring"), "{error}");
}
