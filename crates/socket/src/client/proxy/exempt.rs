//! What `no_proxy` lists: servers that are connected to directly.

use std::net::IpAddr;

use everwire_wire::handshake::HostPort;

/// Whether the list has the server.
///
/// Its elements are separated by commas or white space:
/// - `*`: every server;
/// - `example.org`, `.example.org`, `*.example.org`: the host of that name and all below it;
/// - `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`: an address, `192.0.2.0/24`: a network. Names are
///   not looked up to be compared with them;
/// - any of them but a network with `:port`: only there.
///
/// What is none of them is passed over.
pub(super) fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let host = Host::new(host);
    list.split(|sign: char| sign == ',' || sign.is_whitespace())
        .any(|element| element == "*" || host.is_in(element, port))
}

/// What the elements are compared with.
enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

impl<'a> Host<'a> {
    /// `text` in lower case and without brackets.
    fn new(text: &'a str) -> Self {
        match text.parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Name(text.strip_suffix('.').unwrap_or(text)),
        }
    }

    fn is_in(&self, element: &str, port: u16) -> bool {
        if let Some((network, bits)) = element.split_once('/') {
            return self.is_in_network(network, bits);
        }
        if let Ok(address) = element.parse::<IpAddr>() {
            return self.is_host(Self::Address(address.to_canonical()));
        }
        let below = element.strip_prefix("*.").or_else(|| element.strip_prefix('.'));
        let element = below.unwrap_or(element);
        element.parse::<HostPort>().is_ok_and(|at| {
            at.port().is_none_or(|only| only == port) && self.is_host(Host::new(at.host()))
        })
    }

    fn is_host(&self, listed: Host<'_>) -> bool {
        match (self, listed) {
            (Self::Address(one), Host::Address(other)) => *one == other,
            (Self::Name(name), Host::Name(parent)) => match name.strip_suffix(parent) {
                Some(below) => !parent.is_empty() && (below.is_empty() || below.ends_with('.')),
                None => false,
            },
            _ => false,
        }
    }

    /// RFC 4632 §3.1, RFC 4291 §2.3.
    fn is_in_network(&self, network: &str, bits: &str) -> bool {
        let (Self::Address(address), Ok(network), Ok(bits)) =
            (self, network.parse::<IpAddr>(), bits.parse::<u32>())
        else {
            return false;
        };
        match (address, network) {
            (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
                let differing = address.to_bits() ^ network.to_bits();
                differing.leading_zeros() >= bits
            }
            (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
                let differing = address.to_bits() ^ network.to_bits();
                differing.leading_zeros() >= bits
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements with which a server is exempt, out of those given.
    fn hits<'a>(host: &str, port: u16, elements: &[&'a str]) -> Vec<&'a str> {
        elements.iter().copied().filter(|element| is_exempt(element, host, port)).collect()
    }

    #[test]
    fn a_name_exempts_itself_and_what_is_below() {
        let elements = [
            "example.org",
            ".example.org",
            "*.example.org",
            "EXAMPLE.org.",
            "org",
            "*",
            "example.org:80",
        ];
        for host in ["example.org", "www.example.org", "a.b.example.org", "example.org."] {
            assert_eq!(hits(host, 80, &elements), elements, "{host}");
        }
        let others = ["badexample.org", "example.org.evil.com", "example.com", "10.0.0.1"];
        for host in others {
            let by = hits(host, 80, &elements);
            assert!(by.iter().all(|element| matches!(*element, "org" | "*")), "{host}: {by:?}");
        }
    }

    #[test]
    fn a_port_exempts_only_itself() {
        let elements = ["example.org:443", ".example.org:443", "[2001:db8::1]:443"];
        assert_eq!(hits("www.example.org", 443, &elements), &elements[..2]);
        assert_eq!(hits("2001:db8::1", 443, &elements), &elements[2..]);
        assert!(hits("www.example.org", 80, &elements).is_empty());
        assert!(hits("2001:db8::1", 80, &elements).is_empty());
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let elements = ["192.0.2.1", "192.0.2.1:80", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]"];
        assert_eq!(hits("192.0.2.1", 80, &elements), elements);
        assert_eq!(hits("::ffff:192.0.2.1", 80, &elements), elements);
        let elements = ["2001:db8::1", "2001:DB8:0:0::1", "[2001:db8::1]"];
        assert_eq!(hits("2001:db8::1", 80, &elements), elements);
        assert!(hits("192.0.2.11", 80, &["192.0.2.1", "0.2.11", ".2.11", "2.11"]).is_empty());
    }

    #[test]
    fn a_network_exempts_its_addresses() {
        let elements =
            ["10.0.0.0/8", "10.1.2.3/8", "10.1.2.2/31", "10.1.2.3/32", "0.0.0.0/0", "10.1.3.0/24"];
        assert_eq!(hits("10.1.2.3", 80, &elements), &elements[..5]);
        let elements = ["2001:db8::/32", "2001:db8::5/128", "::/0", "2001:db9::/32", "10.0.0.0/0"];
        assert_eq!(hits("2001:db8::5", 80, &elements), &elements[..3]);
        assert!(hits("ten.example", 80, &["0.0.0.0/0", "::/0"]).is_empty());
    }

    #[test]
    fn lists_have_commas_and_white_space() {
        for list in ["a.example,b.example", "a.example , b.example", "a.example\tb.example,,"] {
            assert!(is_exempt(list, "a.example", 80) && is_exempt(list, "b.example", 80), "{list}");
            assert!(!is_exempt(list, "c.example", 80), "{list}");
        }
    }

    #[test]
    fn what_is_no_element_exempts_nobody() {
        let junk = [
            "",
            ".",
            "..",
            "*.",
            "*example.org",
            ":",
            ":80",
            "/",
            "/8",
            "10.0.0.0/33",
            "10.0.0.0/x",
            "[::",
            "%",
            "::/129",
        ];
        for host in ["example.org", "10.0.0.1", "2001:db8::1", "a."] {
            assert!(hits(host, 80, &junk).is_empty(), "{host}: {:?}", hits(host, 80, &junk));
        }
    }
}
