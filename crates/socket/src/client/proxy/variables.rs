//! The environment variables that name a proxy.

use std::fmt;
use std::net::IpAddr;

use everwire_wire::handshake::{Target, is_loopback_host};

use super::exempt::is_exempt;
use super::{InvalidProxy, Proxy};

/// The proxy that the variables name for `target`; each is tried in lower case, then in upper case,
/// and an empty one counts as absent.
///
/// 1. This machine is never reached through a proxy, nor is what `no_proxy` lists.
/// 2. `ws_proxy`, then `http_proxy`; for `wss`, `wss_proxy`, then `https_proxy`.
/// 3. `all_proxy`.
pub(super) fn proxy_to(
    target: &Target,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, InvalidProxyVariable> {
    let lookup = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
    let either = |name: &str| lookup(name).or_else(|| lookup(&name.to_ascii_uppercase()));
    if is_this_machine(target.host())
        || either("no_proxy").is_some_and(|list| is_exempt(&list, target.host(), target.port()))
    {
        return Ok(None);
    }
    let names = if target.secure() {
        ["wss_proxy", "https_proxy", "all_proxy"]
    } else {
        ["ws_proxy", "http_proxy", "all_proxy"]
    };
    for lower in names {
        for name in [lower.to_owned(), lower.to_ascii_uppercase()] {
            // A CGI script finds the header `Proxy` of its client there ("httpoxy").
            if name == "HTTP_PROXY" && lookup("REQUEST_METHOD").is_some() {
                continue;
            }
            if let Some(value) = lookup(&name) {
                return match Proxy::parse(value.trim()) {
                    Ok(proxy) => Ok(Some(proxy)),
                    Err(error) => Err(InvalidProxyVariable { name, error }),
                };
            }
        }
    }
    Ok(None)
}

fn is_this_machine(host: &str) -> bool {
    let mapped =
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_loopback_host(host.strip_suffix('.').unwrap_or(host)) || mapped()
}

/// An environment variable whose value is no proxy. Its value is not said: it may have a password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidProxyVariable {
    /// The variable.
    pub name: String,
    /// What is wrong with it.
    pub error: InvalidProxy,
}

impl fmt::Display for InvalidProxyVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable `{}`: {}", self.name, self.error)
    }
}

impl std::error::Error for InvalidProxyVariable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host of the proxy that leads to `uri`, if any.
    fn proxy(uri: &str, variables: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = proxy_to(&uri.parse().unwrap(), &lookup).unwrap();
        proxy.map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn the_nearest_name_wins_and_lower_case_before_upper_case() {
        let mut variables = vec![
            ("ws_proxy", "a"),
            ("WS_PROXY", "b"),
            ("http_proxy", "c"),
            ("HTTP_PROXY", "d"),
            ("all_proxy", "e"),
            ("ALL_PROXY", "f"),
        ];
        while let Some(&(_, first)) = variables.first() {
            assert_eq!(proxy("ws://example.org/", &variables).as_deref(), Some(first));
            variables.remove(0);
        }
        assert_eq!(proxy("ws://example.org/", &[]), None);
    }

    #[test]
    fn wss_has_variables_of_its_own() {
        let variables = [("http_proxy", "plain"), ("ws_proxy", "plain")];
        assert_eq!(proxy("wss://example.org/", &variables), None);
        let mut variables = vec![
            ("wss_proxy", "a"),
            ("WSS_PROXY", "b"),
            ("https_proxy", "c"),
            ("HTTPS_PROXY", "d"),
            ("all_proxy", "e"),
            ("ALL_PROXY", "f"),
        ];
        while let Some(&(_, first)) = variables.first() {
            assert_eq!(proxy("wss://example.org/", &variables).as_deref(), Some(first));
            variables.remove(0);
        }
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        let variables = [("ws_proxy", ""), ("http_proxy", " "), ("all_proxy", "a")];
        assert_eq!(proxy("ws://example.org/", &variables).as_deref(), Some("a"));
    }

    #[test]
    fn a_header_of_a_cgi_request_names_no_proxy() {
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(proxy("ws://example.org/", &[("HTTP_PROXY", "evil"), cgi]), None);
        let variables = [("HTTP_PROXY", "evil"), ("all_proxy", "a"), cgi];
        assert_eq!(proxy("ws://example.org/", &variables).as_deref(), Some("a"));
        // No header becomes a variable in lower case, or one without `HTTP_`.
        for name in ["http_proxy", "WS_PROXY", "ALL_PROXY"] {
            assert_eq!(proxy("ws://example.org/", &[(name, "a"), cgi]).as_deref(), Some("a"));
        }
        let variables = [("HTTPS_PROXY", "a"), cgi];
        assert_eq!(proxy("wss://example.org/", &variables).as_deref(), Some("a"));
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy() {
        for host in
            ["localhost", "LOCALHOST:81", "app.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]
        {
            assert_eq!(proxy(&format!("ws://{host}/"), &[("all_proxy", "a")]), None, "{host}");
        }
        for host in ["localhost.example.org", "128.0.0.1", "[::2]", "[::ffff:128.0.0.1]"] {
            assert!(proxy(&format!("ws://{host}/"), &[("all_proxy", "a")]).is_some(), "{host}");
        }
    }

    #[test]
    fn no_proxy_makes_exceptions_in_either_case() {
        let variables = [("all_proxy", "a"), ("no_proxy", "example.org"), ("NO_PROXY", "*")];
        assert_eq!(proxy("ws://www.example.org/", &variables), None);
        assert!(proxy("ws://example.com/", &variables).is_some(), "lower case is first");
        let variables = [("all_proxy", "a"), ("NO_PROXY", "example.org:443")];
        assert_eq!(proxy("wss://example.org/", &variables), None);
        assert!(proxy("ws://example.org/", &variables).is_some(), "another port");
    }

    #[test]
    fn a_variable_that_is_no_proxy_is_an_error_with_its_name_and_without_its_value() {
        let lookup = |name: &str| {
            (name == "HTTPS_PROXY").then(|| "gopher://user:hunter2@example.org".to_owned())
        };
        let error = proxy_to(&"wss://example.org/".parse().unwrap(), &lookup).unwrap_err();
        assert_eq!((&*error.name, error.error), ("HTTPS_PROXY", InvalidProxy::Scheme));
        assert!(error.to_string().starts_with("environment variable `HTTPS_PROXY`: "), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(proxy_to(&"ws://example.org/".parse().unwrap(), &lookup), Ok(None));
    }
}
