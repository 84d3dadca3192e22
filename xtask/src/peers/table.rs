//! Who is there, what is checked, and what cannot be.

/// Other people's software in one of its roles: a row.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) program: Program,
    /// Checks that it has no means for, and why.
    cannot: &'static [(&'static str, &'static str)],
}

/// What the peer is; ours is the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// What runs it: a script in `conformance/peers`, or the compiled class.
#[derive(Debug, Clone, Copy)]
pub(super) enum Program {
    Node(&'static str),
    Python(&'static str),
    Java(&'static str),
}

impl Program {
    /// Its script or class, which names its logs.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Node(file) | Self::Python(file) | Self::Java(file) => file,
        }
    }
}

pub(super) static PEERS: &[Peer] = &[
    Peer {
        name: "Node `ws`",
        role: Role::Server,
        program: Program::Node("server.js"),
        cannot: &[],
    },
    Peer {
        name: "Python `websockets`",
        role: Role::Server,
        program: Program::Python("websockets_server.py"),
        cannot: &[],
    },
    Peer {
        name: "`pywebsocket3`",
        role: Role::Server,
        program: Program::Python("pywebsocket3_server.py"),
        cannot: &[],
    },
    Peer {
        name: "Node `ws`",
        role: Role::Client,
        program: Program::Node("client.js"),
        cannot: &[],
    },
    Peer {
        name: "Python `websockets`",
        role: Role::Client,
        program: Program::Python("websockets_client.py"),
        cannot: &[],
    },
    Peer {
        name: "Java `java.net.http`",
        role: Role::Client,
        program: Program::Java("Client"),
        cannot: &[
            ("deflate", "it knows no extensions"),
            ("takeover", "it knows no extensions"),
            ("socks", "its `HttpClient` speaks to HTTP proxies only"),
        ],
    },
];

/// What is checked: a column.
pub(super) struct Check {
    /// What the clients call it, see conformance/peers/README.md.
    pub(super) name: &'static str,
    /// The column's head.
    pub(super) title: &'static str,
    pub(super) way: Way,
    /// Which of our servers it is put to.
    pub(super) ours: Ours,
}

/// How the client gets to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By `ws`.
    Direct,
    /// By `wss`.
    Secure,
    /// By both, through an HTTP proxy that wants a password.
    Connect,
    /// By both, through a SOCKS5 proxy that wants a password.
    Socks,
    /// By `ws`, to a reverse proxy that cuts what is idle for 5 s.
    Nginx,
    /// The same.
    Haproxy,
}

impl Way {
    /// Waiting is most of what it does.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Self::Nginx | Self::Haproxy)
    }
}

/// A server of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ours {
    /// `everwire serve`, as people run it.
    Serve,
    /// The example `interop`, which does what `serve` has no reason to.
    Interop,
}

pub(super) static CHECKS: &[Check] = &[
    check("messages", "text, binary", Way::Direct, Ours::Serve),
    check("empty", "empty", Way::Direct, Ours::Serve),
    check("fragments", "fragments", Way::Direct, Ours::Interop),
    check("large", "16 MiB", Way::Direct, Ours::Serve),
    check("plain", "no deflate", Way::Direct, Ours::Serve),
    check("deflate", "deflate", Way::Direct, Ours::Serve),
    check("takeover", "deflate, takeover", Way::Direct, Ours::Interop),
    check("ping", "ping", Way::Direct, Ours::Interop),
    check("close", "close", Way::Direct, Ours::Interop),
    check("subprotocol", "subprotocol", Way::Direct, Ours::Interop),
    check("broadcast", "broadcast", Way::Direct, Ours::Serve),
    check("secure", "wss", Way::Secure, Ours::Serve),
    check("connect", "CONNECT proxy", Way::Connect, Ours::Serve),
    check("socks", "SOCKS5 proxy", Way::Socks, Ours::Serve),
    check("nginx", "nginx", Way::Nginx, Ours::Interop),
    check("haproxy", "HAProxy", Way::Haproxy, Ours::Interop),
];

/// One for each thing that can break as a whole; the two that wait take turns.
pub(super) fn is_smoke(peer: &Peer, check: &Check) -> bool {
    match check.name {
        "messages" | "deflate" | "close" | "secure" | "connect" | "socks" => true,
        "nginx" => peer.role == Role::Server,
        "haproxy" => peer.role == Role::Client,
        _ => false,
    }
}

const fn check(name: &'static str, title: &'static str, way: Way, ours: Ours) -> Check {
    Check { name, title, way, ours }
}

impl Check {
    /// What the client is told to do.
    pub(super) fn task(&self) -> &'static str {
        match self.way {
            Way::Direct | Way::Secure => self.name,
            Way::Connect | Way::Socks => "messages",
            Way::Nginx | Way::Haproxy => "quiet",
        }
    }
}

impl Peer {
    /// Its name and role, for people.
    pub(super) fn title(&self) -> String {
        match self.role {
            Role::Server => format!("our client, server {}", self.name),
            Role::Client => format!("our server, client {}", self.name),
        }
    }

    /// Why it is not put to the check, if it is not.
    pub(super) fn cannot(&self, check: &Check) -> Option<&'static str> {
        if check.name == "broadcast" && self.role == Role::Server {
            return Some("it is a feature of our server");
        }
        let found = self.cannot.iter().find(|(name, _)| *name == check.name);
        found.map(|(_, why)| *why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_smoke_and_every_kind_of_way_is_in_one() {
        for peer in PEERS {
            assert!(CHECKS.iter().any(|check| is_smoke(peer, check)), "{}", peer.title());
        }
        for check in CHECKS.iter().filter(|check| check.way != Way::Direct) {
            assert!(PEERS.iter().any(|peer| is_smoke(peer, check)), "{}", check.name);
        }
    }

    #[test]
    fn what_a_peer_cannot_do_names_checks_that_exist() {
        for (name, _) in PEERS.iter().flat_map(|peer| peer.cannot) {
            assert!(CHECKS.iter().any(|check| check.name == *name), "no check `{name}`");
        }
    }
}
