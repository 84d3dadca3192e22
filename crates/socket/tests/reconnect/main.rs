//! The reconnecting client against real servers that restart, refuse, hang and break.

mod dropping;
mod endings;
mod fates;
mod own_streams;
mod returning;
mod server;
#[path = "../sockets/mod.rs"]
mod sockets;
