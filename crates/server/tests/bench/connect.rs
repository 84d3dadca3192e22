//! `bench connect`.

use std::path::PathBuf;

use super::runs::{
    Process, assert_rate, bench, done, failure, lines, number, scripted, serve, serve_with,
};

/// A certificate for `localhost`, as a file that ends with the test.
struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("everwire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// `everwire serve` with it, and the URL of its `/echo`.
    fn serve(&self) -> (Process, String) {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let (server, address) = serve_with(&["--tls-cert", &cert, "--tls-key", &key]);
        let (_, port) = address.rsplit_once(':').unwrap();
        (server, format!("wss://localhost:{port}/echo"))
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn connections_are_opened_and_closed_and_counted() {
    let (_server, address) = serve();
    let url = format!("ws://{address}/echo");
    for flags in [&["--connections", "1"][..], &["--connections", "20", "--threads", "2"]] {
        let done = done("connect", &url, &[flags, &["--seconds", "0.5"]].concat());
        let (opened, closed) = (number(&done, "opened"), number(&done, "closed"));
        assert!(closed >= 1.0 && (opened - closed).abs() <= 20.0, "{done}");
        assert_rate(&done, "connections_per_second", "closed");
    }
    let table = lines(bench("connect", &url, &["--connections", "1", "--seconds", "0.2"]));
    let table = table.join("\n");
    for expected in ["1 connection at once, opened and closed", "connections/s", "p99.9", "µs"] {
        assert!(table.contains(expected), "{expected} is not in\n{table}");
    }
}

#[test]
fn tls_wants_a_certificate_that_is_trusted_or_no_look_at_it() {
    let certificate = Certificate::new("bench-tls");
    let (_server, url) = certificate.serve();
    let ca = certificate.path("cert.pem");
    for flags in [["--insecure", "--connections=3"], [&*format!("--ca={ca}"), "--connections=3"]] {
        let done = done("connect", &url, &[&flags[..], &["--seconds", "0.5"]].concat());
        assert!(number(&done, "closed") >= 1.0, "{done}");
    }
    for run in ["connect", "echo"] {
        let error = failure(run, &url, &[]);
        assert!(error.contains("--ca") && error.contains("--insecure"), "{error}");
    }
    let other = Certificate::new("bench-other-tls");
    let error = failure("connect", &url, &["--ca", &other.path("cert.pem")]);
    assert!(error.contains("certificate"), "{error}");
    let error = failure("connect", &url, &["--ca", &certificate.path("nothing.pem")]);
    assert!(error.contains("--ca") && error.contains("nothing.pem"), "{error}");
    let error = failure("connect", &url, &["--ca", &certificate.path("key.pem")]);
    assert!(error.contains("--ca") && error.contains("key.pem"), "{error}");
}

#[test]
fn a_server_that_does_not_close_cleanly_is_found_out() {
    let url = scripted(async |_socket| std::future::pending().await);
    let error = failure("connect", &url, &[]);
    assert!(error.contains("did not close cleanly"), "{error}");
}
