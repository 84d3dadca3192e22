//! `wire LIBRARY`: what a library does by itself, without a network or a system call.
//!
//! A server's socket reads from a stream in memory that always has more, and writes to one that takes
//! everything. `everwire-wire` is the protocol's value alone, without socket and runtime. One JSON object
//! with everything that was measured goes to standard output.
//!
//! # Layout
//!
//! - `measure`: nanoseconds, bytes per nanosecond, allocations.
//! - `library`: what is asked of a library; `libraries`: how each does it.
//! - `endless`: the stream.
//! - `payload`: what messages carry.

mod endless;
mod libraries;
mod library;
mod measure;
mod payload;

use std::process::ExitCode;

use everwire_testkit::Counting;

use crate::libraries::{
    Everwire, EverwireWire, FastWebSockets, SockudoWs, TokioTungstenite, TokioWebSockets, Yawc,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    sockudo_ws::init_clock();
    let figures = match std::env::args().nth(1).as_deref() {
        Some("everwire") => measure::all::<Everwire>(),
        Some("everwire-wire") => measure::all::<EverwireWire>(),
        Some("fastwebsockets") => measure::all::<FastWebSockets>(),
        Some("sockudo-ws") => measure::all::<SockudoWs>(),
        Some("tokio-tungstenite") => measure::all::<TokioTungstenite>(),
        Some("tokio-websockets") => measure::all::<TokioWebSockets>(),
        Some("yawc") => measure::all::<Yawc>(),
        _ => {
            eprintln!(
                "usage: wire everwire|everwire-wire|fastwebsockets|sockudo-ws|tokio-tungstenite|\
                 tokio-websockets|yawc"
            );
            return ExitCode::from(2);
        }
    };
    let figures: Vec<String> =
        figures.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    println!("{{{}}}", figures.join(","));
    ExitCode::SUCCESS
}
