//! The checks that our client puts a server to.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use everwire::{
    ClientStream, CloseCode, CloseReason, CloseReport, Config, Connector, Kind, Message, Proxy,
    WebSocket,
};
use tokio::time::timeout;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;
type Socket = WebSocket<ClientStream>;

/// The largest message that either side takes by default.
const LIMIT: usize = 16 << 20;

/// How long a connection says nothing, far beyond the 5 s after which the proxies cut.
const QUIET: Duration = Duration::from_secs(12);

/// How often a connection that is kept alive says something, when nothing else is said.
const BEAT: Duration = Duration::from_secs(2);

/// Every check is over within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server under test.
pub(crate) struct Target {
    uri: String,
    ca: Option<Vec<u8>>,
    proxy: Option<Proxy>,
}

impl Target {
    /// `uri` has no path; `ca` is a root certificate to trust, PEM.
    pub(crate) fn new(uri: &str, ca: Option<Vec<u8>>, proxy: Option<Proxy>) -> Self {
        Self { uri: uri.trim_end_matches('/').to_owned(), ca, proxy }
    }

    /// One check, by its name.
    pub(crate) async fn check(&self, name: &str) -> Outcome {
        let check = async {
            match name {
                "messages" => self.messages().await,
                "empty" => self.empty().await,
                "fragments" => self.fragments().await,
                "large" => self.large().await,
                "deflate" => self.deflate().await,
                "takeover" => self.takeover().await,
                "plain" => self.plain().await,
                "ping" => self.ping().await,
                "close" => self.close().await,
                "subprotocol" => self.subprotocol().await,
                "secure" => self.secure().await,
                "quiet" => self.quiet().await,
                _ => Err(format!("no check `{name}`").into()),
            }
        };
        timeout(PATIENCE, check).await.map_err(|_| "it takes too long")?
    }

    async fn messages(&self) -> Outcome {
        let mut socket = self.open("/echo").await?;
        echoes(&mut socket, Message::text("grüße, 世界 👋")).await?;
        echoes(&mut socket, Message::binary((0..=255).collect::<Vec<u8>>())).await?;
        end(socket).await
    }

    async fn empty(&self) -> Outcome {
        let mut socket = self.open("/echo").await?;
        echoes(&mut socket, Message::text("")).await?;
        echoes(&mut socket, Message::binary(Vec::new())).await?;
        echoes(&mut socket, Message::text("something")).await?;
        end(socket).await
    }

    async fn fragments(&self) -> Outcome {
        let mut socket = self.open("/fragments").await?;
        for (kind, text) in [(Kind::Text, "grüße, 世界 👋"), (Kind::Binary, "three fragments")]
        {
            let mut writer = socket.start_message(kind).await?;
            // Through the middle of a code point: the text as a whole is UTF-8.
            for fragment in [&text.as_bytes()[..3], &text.as_bytes()[3..8], &text.as_bytes()[8..]] {
                writer.piece(fragment).await?;
            }
            writer.finish().await?;
            let heard = heard(&mut socket).await?;
            same(heard.kind(), kind)?;
            same(heard.as_bytes(), text.as_bytes())?;
        }
        end(socket).await
    }

    async fn large(&self) -> Outcome {
        let mut socket = self.open("/echo").await?;
        echoes(&mut socket, noise(LIMIT)).await?;
        end(socket).await?;
        // Compressed it is refused by what comes out, otherwise by its header.
        for config in [Config::default(), without_deflate()] {
            let connector = self.connector()?.config(config);
            let mut socket = connector.connect(&self.path("/farewell")).await?;
            socket.send(noise(LIMIT + 1)).await?;
            same(socket.recv().await, None)?;
            same(report(&socket)?.code, CloseCode::MESSAGE_TOO_BIG)?;
            let seen = self.seen().await?;
            if !seen.starts_with("1009 ") {
                return Err(format!("the server saw `{seen}`").into());
            }
        }
        Ok(())
    }

    async fn deflate(&self) -> Outcome {
        let socket = self.open("/echo").await?;
        same(socket.extensions().starts_with("permessage-deflate"), true)?;
        compressible(socket).await
    }

    async fn takeover(&self) -> Outcome {
        let mut config = Config::default();
        if let Some(deflate) = &mut config.deflate {
            deflate.server_no_context_takeover = false;
            deflate.client_no_context_takeover = false;
        }
        let socket = self.connector()?.config(config).connect(&self.path("/echo")).await?;
        let extensions = socket.extensions();
        if !extensions.starts_with("permessage-deflate") || extensions.contains("no_context") {
            return Err(format!("negotiated `{extensions}`").into());
        }
        compressible(socket).await
    }

    async fn plain(&self) -> Outcome {
        let connector = self.connector()?.config(without_deflate());
        let socket = connector.connect(&self.path("/echo")).await?;
        same(socket.extensions().as_str(), "")?;
        compressible(socket).await
    }

    async fn ping(&self) -> Outcome {
        // Ours, which is a heartbeat: the round trip is known once the pong has come.
        let mut socket = self.beating(Duration::from_millis(100)).await?;
        while socket.round_trip().is_none() {
            // Nothing comes but the pong.
            let nothing = timeout(Duration::from_millis(20), socket.recv()).await;
            same(nothing.is_err(), true)?;
        }
        end(socket).await?;
        // Theirs: the server tells of the pong.
        let mut socket = self.open("/ping").await?;
        same(heard(&mut socket).await?, Message::text("pong: are you there"))?;
        end(socket).await
    }

    async fn close(&self) -> Outcome {
        // From us.
        let mut socket = self.open("/farewell").await?;
        echoes(&mut socket, Message::text("hello")).await?;
        let reason = CloseReason::new(CloseCode::try_from(3001)?, "done for today, tschüß")?;
        same(socket.close(reason).await.was_clean, true)?;
        same(self.seen().await?.as_str(), "3001 done for today, tschüß")?;
        // From the server.
        let mut socket = self.open("/close").await?;
        same(socket.recv().await, None)?;
        let report = report(&socket)?;
        same((report.code.get(), &*report.reason), (4001, "enough of that, tschüß"))?;
        same(report.was_clean, true)
    }

    async fn subprotocol(&self) -> Outcome {
        let connector = self.connector()?.subprotocols(["superchat", "chat.v1"])?;
        let mut socket = connector.connect(&self.path("/echo")).await?;
        same(socket.protocol(), "chat.v1")?;
        echoes(&mut socket, Message::text("hello")).await?;
        end(socket).await
    }

    async fn secure(&self) -> Outcome {
        let stranger = Connector::new().connect(&self.path("/echo")).await;
        same(stranger.is_err(), true)?;
        self.messages().await
    }

    /// Behind a proxy that cuts what is idle for 5 s: a silent connection does not last, one with
    /// heartbeats does.
    async fn quiet(&self) -> Outcome {
        let (mut silent, mut beating) = (self.silent().await?, self.beating(BEAT).await?);
        let (cut, kept) = tokio::join!(
            timeout(QUIET, silent.recv()),
            timeout(QUIET, beating.recv()), // Drives the heartbeats' answers, too.
        );
        same(cut.map_err(|_| "the proxy did not cut the silent connection")?, None)?;
        if kept.is_ok() {
            return Err(format!("heartbeats did not keep it: {:?}", report(&beating)?).into());
        }
        echoes(&mut beating, Message::text("still here")).await?;
        end(beating).await
    }

    // Opening.

    async fn open(&self, path: &str) -> Outcome<Socket> {
        Ok(self.connector()?.connect(&self.path(path)).await?)
    }

    /// A connection that pings when nothing has come for so long.
    async fn beating(&self, interval: Duration) -> Outcome<Socket> {
        self.with_heartbeat(Some(interval)).await
    }

    /// A connection without heartbeats.
    async fn silent(&self) -> Outcome<Socket> {
        self.with_heartbeat(None).await
    }

    async fn with_heartbeat(&self, interval: Option<Duration>) -> Outcome<Socket> {
        let mut config = Config::default();
        config.heartbeat_interval = interval;
        Ok(self.connector()?.config(config).connect(&self.path("/echo")).await?)
    }

    fn connector(&self) -> Outcome<Connector> {
        let mut connector = Connector::new();
        if let Some(proxy) = &self.proxy {
            connector = connector.proxy(proxy.clone());
        }
        Ok(match &self.ca {
            Some(pem) => connector.root_certificates_pem(pem)?,
            None => connector,
        })
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.uri)
    }

    /// How the last client of `/farewell` closed, as the server saw it: `CODE REASON`.
    async fn seen(&self) -> Outcome<String> {
        let mut socket = self.open("/seen").await?;
        let seen = heard(&mut socket).await?;
        end(socket).await?;
        Ok(seen.as_text().ok_or("the server answers in binary")?.to_owned())
    }
}

fn without_deflate() -> Config {
    let mut config = Config::default();
    config.deflate = None;
    config
}

/// Large enough for every peer to compress it, and answered as it is.
async fn compressible(mut socket: Socket) -> Outcome {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(1000);
    for _ in 0..3 {
        echoes(&mut socket, Message::text(text.clone())).await?;
        echoes(&mut socket, Message::binary(text.clone().into_bytes())).await?;
        echoes(&mut socket, Message::text("short")).await?;
    }
    echoes(&mut socket, noise(100_000)).await?;
    end(socket).await
}

async fn echoes(socket: &mut Socket, message: Message) -> Outcome {
    socket.send(message.clone()).await?;
    same(heard(socket).await?, message)
}

async fn heard(socket: &mut Socket) -> Outcome<Message> {
    match socket.recv().await {
        Some(message) => Ok(message),
        None => Err(format!("no message: {}", report(socket)?).into()),
    }
}

/// Closes, and expects the server to play its part.
async fn end(mut socket: Socket) -> Outcome {
    let report = socket.close(CloseReason::from_code(CloseCode::NORMAL)?).await;
    if report.was_clean { Ok(()) } else { Err(format!("not closed cleanly: {report}").into()) }
}

fn report(socket: &Socket) -> Outcome<CloseReport> {
    Ok(socket.close_report().ok_or("no report of the end")?)
}

/// Bytes that no codec can shorten: a multiplicative generator's, the same in every run.
fn noise(len: usize) -> Message {
    let mut state = 1_u64;
    let bytes: Vec<u8> = (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    Message::binary(bytes)
}

fn same<T: PartialEq + Debug>(actual: T, expected: T) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    let short = |value: T| format!("{value:?}").chars().take(200).collect::<String>();
    Err(format!("{} instead of {}", short(actual), short(expected)).into())
}
