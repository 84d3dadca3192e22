//! `everwire bench` against the server that it comes with, and against servers that are broken.
//!
//! # Layout
//! - `runs`: runs of the command, and servers
//! - `echo`, `fanout`, `connect`, `jitter`: each run; `command`: what they have in common

mod command;
mod connect;
mod echo;
mod fanout;
mod jitter;
mod runs;
