//! Which web pages may connect (RFC 6455 §10.2). All of it is row H14.

use everwire_wire::handshake::{HandshakeError, OriginPolicy, is_loopback_host};
use http::{HeaderMap, HeaderValue};

fn check(
    policy: &OriginPolicy,
    origins: &[&str],
    host: &str,
    secure: bool,
) -> Result<(), HandshakeError> {
    let mut headers = HeaderMap::new();
    for origin in origins {
        headers.append("origin", HeaderValue::from_bytes(origin.as_bytes()).unwrap());
    }
    policy.check(&headers, host, secure)
}

#[track_caller]
fn assert_refused(policy: &OriginPolicy, origins: &[&str], host: &str, secure: bool) {
    let error = check(policy, origins, host, secure).expect_err(&format!("{origins:?} at {host}"));
    assert!(matches!(error, HandshakeError::Origin(_)));
    assert_eq!(error.status(), 403);
}

#[track_caller]
fn assert_let_in(policy: &OriginPolicy, origins: &[&str], host: &str, secure: bool) {
    check(policy, origins, host, secure).unwrap();
}

// row: H14
#[test]
fn by_default_only_pages_of_the_same_host_connect() {
    let policy = OriginPolicy::default();
    assert_eq!(policy, OriginPolicy::same_host());
    for (origin, host) in [
        ("http://good", "good"),
        ("http://good", "good:80"),
        ("http://good:80", "good"),
        ("http://good:8080", "good:8080"),
        ("https://good", "good"),
        ("https://good:443", "good"),
        ("https://good", "good:443"),
        ("HTTPS://GOOD", "Good"),
        ("http://127.0.0.1:9001", "127.0.0.1:9001"),
        ("http://[::1]:9001", "[0:0:0:0:0:0:0:1]:9001"),
    ] {
        assert_let_in(&policy, &[origin], host, false);
    }
}

// row: H14
#[test]
fn a_foreign_origin_is_refused() {
    let policy = OriginPolicy::default();
    for origin in [
        "https://evil",
        "https://good.evil",
        "https://evil.good",
        "https://good:444",
        "https://good:80",
        "http://good:443",
        "https://good.",
        "https://good@evil",
        "https://good/",
        "https://good/path",
        "https://good?q",
        "https://good#f",
        "https://good evil",
        "https://good https://good",
        "https://good, https://evil",
        "https://",
        "https:good",
        "good",
        "//good",
        "null",
        "NULL",
        "",
        "file://good",
        "chrome-extension://good",
        "1://good",
        "https://good\u{e9}",
        "https://93.184.216.34",
        "https://[::1]",
        "https://[good]",
    ] {
        assert_refused(&policy, &[origin], "good", false);
        assert_refused(&policy, &[origin], "good", true);
    }
}

// row: H14
#[test]
fn two_origins_are_refused() {
    for origins in [["https://good", "https://evil"], ["https://good", "https://good"]] {
        assert_refused(&OriginPolicy::same_host(), &origins, "good", false);
        assert_refused(&OriginPolicy::allow_list(["https://good"]).unwrap(), &origins, "x", false);
    }
}

// row: H14
#[test]
fn over_tls_an_unencrypted_page_of_the_same_host_is_refused() {
    let policy = OriginPolicy::same_host();
    assert_let_in(&policy, &["https://good"], "good", true);
    assert_let_in(&policy, &["https://good:8443"], "good:8443", true);
    assert_refused(&policy, &["http://good"], "good", true);
    assert_refused(&policy, &["http://good:443"], "good", true);
    assert_refused(&policy, &["http://good:8443"], "good:8443", true);
}

// row: H14
#[test]
fn programs_without_origin_are_served_unless_one_is_required() {
    let list = OriginPolicy::allow_list(["https://good"]).unwrap();
    for policy in [OriginPolicy::same_host(), list, OriginPolicy::any()] {
        assert_let_in(&policy, &[], "good", false);
        let policy = policy.require_origin(true);
        let error = check(&policy, &[], "good", false).unwrap_err();
        assert_eq!((error.status().as_u16(), error), (403, HandshakeError::Origin(None)));
        assert_let_in(&policy, &["https://good"], "good", false);
    }
}

// row: H14
#[test]
fn an_allow_list_compares_scheme_host_and_port() {
    let policy = OriginPolicy::allow_list([
        "https://app.example",
        "http://localhost:3000",
        "chrome-extension://abcdefgh",
    ])
    .unwrap();
    for origin in [
        "https://app.example",
        "https://app.example:443",
        "HTTPS://App.Example",
        "http://localhost:3000",
        "chrome-extension://abcdefgh",
    ] {
        assert_let_in(&policy, &[origin], "other", false);
    }
    for origin in [
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil",
        "https://sub.app.example",
        "http://localhost",
        "https://localhost:3000",
        "chrome-extension://other",
        "null",
        // The server's own host is in only if it is listed.
        "https://other",
    ] {
        assert_refused(&policy, &[origin], "other", false);
    }
}

#[test]
fn a_list_with_something_that_is_no_origin_is_refused() {
    for entry in ["app.example", "https://app.example/", "*", "https://*.example", "null", ""] {
        let error = OriginPolicy::allow_list([entry]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{entry}` is not an origin")), "{error}");
    }
}

// row: H14
#[test]
fn any_lets_in_everything_and_has_to_be_chosen() {
    for origin in ["https://evil", "null", "", "x"] {
        assert_let_in(&OriginPolicy::any(), &[origin], "good", true);
    }
}

#[test]
fn loopback_hosts_are_this_machine_and_nothing_else() {
    for host in ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1"] {
        assert!(is_loopback_host(host), "{host}");
    }
    for host in
        ["localhost.evil", "evillocalhost", "127.0.0.1.evil", "0.0.0.0", "::", "10.0.0.1", ""]
    {
        assert!(!is_loopback_host(host), "{host}");
    }
}
