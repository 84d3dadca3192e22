//! `rival NAME`: what `everwire serve` offers at `/echo` and `/broadcast`, on another library.
//!
//! One thread, because it is measured on one core. Each library is used as its own examples and
//! documentation advise for speed, with its default buffers; see the comment over each module.
//!
//! # Layout
//!
//! - `options`: the command line.
//! - `listen`: accepts connections, with TLS if asked.
//! - `room`: everyone at `/broadcast`.
//! - `sink`: both endpoints for libraries whose sockets are a `Stream` and a `Sink`.
//! - `libraries`: a module for each library.

mod libraries;
mod listen;
mod options;
mod room;
mod sink;

use std::error::Error;
use std::process::ExitCode;

use crate::libraries::{FastWebSockets, SockudoWs, TokioTungstenite, TokioWebSockets, Yawc};
use crate::options::{Library, Options};

/// What a connection's task ends with. Nobody reads it: clients come and go.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{}", options::USAGE);
        return ExitCode::from(2);
    };
    if let Err(error) = run(&options) {
        eprintln!("rival: {error}");
    }
    ExitCode::FAILURE
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    sockudo_ws::init_clock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match options.library {
            Library::FastWebSockets => listen::serve(options, FastWebSockets::new(options)?).await,
            Library::SockudoWs => listen::serve(options, SockudoWs::new(options)).await,
            Library::TokioTungstenite => {
                listen::serve(options, TokioTungstenite::new(options)?).await
            }
            Library::TokioWebSockets => {
                listen::serve(options, TokioWebSockets::new(options)?).await
            }
            Library::Yawc => listen::serve(options, Yawc::new(options)).await,
        }
    })
}
