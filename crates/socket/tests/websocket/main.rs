//! An open WebSocket, as programs use it.

#[path = "../sockets/mod.rs"]
mod sockets;

mod any_sender;
mod asking;
mod backpressure;
mod closing;
mod confirming;
mod corking;
mod ending;
mod groups;
mod halves;
mod handlers;
mod messages;
mod permits;
mod pieces;
mod sink;
mod text_heartbeat;
mod visiting;
