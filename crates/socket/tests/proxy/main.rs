//! Client proxies: which one is taken, what it is told, and how its answers are judged.

mod choosing;
mod dropping;
mod http_connect;
#[path = "../opening/mod.rs"]
mod opening;
mod played;
mod real;
mod socks;
#[cfg(feature = "tls")]
mod tls;
