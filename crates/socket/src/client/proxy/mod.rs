//! Proxies: which one leads to a server, and how it is asked for a tunnel.
//!
//! ```text
//!  Proxies ──► Proxy ──► tunnel ──┬── connect   HTTP CONNECT
//!  variables,   url               └── socks     SOCKS5
//!  exempt
//! ```
//!
//! # Layout
//! - `choice`: what a program or its environment says about proxies, [`Proxies`]
//! - `variables`: the environment variables that name a proxy; `exempt`: what `no_proxy` lists
//! - `url`: [`Proxy`], out of its URL
//! - `tunnel`: connects to the proxy and has it connect to the server
//! - `connect`: HTTP CONNECT (RFC 9110 §9.3.6); `socks`: SOCKS5 (RFC 1928, RFC 1929)
//! - `error`: what a proxy did wrong, [`ProxyError`]

mod choice;
mod connect;
mod error;
mod exempt;
mod socks;
mod tunnel;
mod url;
mod variables;

pub(super) use choice::Proxies;
pub(super) use tunnel::tunnel;

pub use error::{ProxyError, ProxyFault, SocksFault, SocksReply};
pub use url::{InvalidProxy, Proxy};
pub use variables::InvalidProxyVariable;
