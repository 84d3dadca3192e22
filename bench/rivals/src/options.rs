//! The command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: rival fastwebsockets|sockudo-ws|tokio-tungstenite|tokio-websockets|yawc
             [--listen ADDR:PORT] [--deflate no-takeover|takeover] [--tls-cert FILE --tls-key FILE]";

/// The longest message that each library is told to take: that of Everwire.
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// How strongly messages are compressed, and from which size: as Everwire does.
pub(crate) const DEFLATE_LEVEL: u32 = 1;
pub(crate) const DEFLATE_THRESHOLD: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    FastWebSockets,
    SockudoWs,
    TokioTungstenite,
    TokioWebSockets,
    Yawc,
}

/// permessage-deflate, for libraries that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deflate {
    NoTakeover,
    Takeover,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) library: Library,
    pub(crate) listen: String,
    pub(crate) deflate: Option<Deflate>,
    /// Certificate chain and key, PEM.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let library = match arguments.next()?.as_str() {
            "fastwebsockets" => Library::FastWebSockets,
            "sockudo-ws" => Library::SockudoWs,
            "tokio-tungstenite" => Library::TokioTungstenite,
            "tokio-websockets" => Library::TokioWebSockets,
            "yawc" => Library::Yawc,
            _ => return None,
        };
        let mut options =
            Self { library, listen: "127.0.0.1:8000".to_owned(), deflate: None, tls: None };
        let (mut cert, mut key) = (None, None);
        while let Some(flag) = arguments.next() {
            let value = arguments.next()?;
            match flag.as_str() {
                "--listen" => options.listen = value,
                "--tls-cert" => cert = Some(value.into()),
                "--tls-key" => key = Some(value.into()),
                "--deflate" => {
                    options.deflate = Some(match value.as_str() {
                        "no-takeover" => Deflate::NoTakeover,
                        "takeover" => Deflate::Takeover,
                        _ => return None,
                    });
                }
                _ => return None,
            }
        }
        options.tls = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return None,
        };
        Some(options)
    }

    /// For libraries without permessage-deflate.
    pub(crate) fn refuse_deflate(&self) -> Result<(), String> {
        match self.deflate {
            None => Ok(()),
            Some(_) => Err(format!("{:?} has no permessage-deflate", self.library)),
        }
    }
}
