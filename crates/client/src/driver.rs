//! The task that has the connection.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use everwire::reconnect::Messenger;
use everwire::{CloseReason, Session as Link, Sessions, Stream};
use everwire_proto::session::Then;
use everwire_proto::{CloseCode, Encoding};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::core::{Command, Core};

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a link that is given up may take, before another one is opened.
const PARTING: Duration = Duration::from_millis(200);

/// Runs a client until it has ended.
pub(crate) async fn run<S: Stream>(
    mut sessions: Sessions<S>,
    mut core: Core,
    mut commands: mpsc::Receiver<Command>,
) {
    let messenger = sessions.messenger();
    let mut not_before = Instant::now();
    while !core.is_ended() {
        let link = tokio::select! {
            link = connect(&mut sessions, not_before) => link,
            command = commands.recv() => {
                core.handle(command);
                continue;
            }
            () = at(core.deadline()) => {
                core.tick();
                continue;
            }
        };
        let Some(mut link) = link else { break };
        let Some(encoding) = Encoding::from_subprotocol(link.protocol()) else {
            tracing::error!("the server is no hub: it chose no subprotocol of ours");
            break;
        };
        core.opened(encoding);
        let closed = serve(&mut link, &messenger, &mut core, &mut commands).await;
        let Some((code, then)) = closed else { continue };
        // Beyond that it goes on in the background.
        let patience = if then == Then::Stop { FAREWELL } else { PARTING };
        let _ = timeout(patience, link.close(reason(code))).await;
        match then {
            Then::Stop => break,
            Then::ReturnAfter(after) => not_before = Instant::now() + Duration::from_millis(after),
            _ => {}
        }
    }
    core.finish();
}

/// The next live connection, not before a time that the hub asked for.
async fn connect<S: Stream>(
    sessions: &mut Sessions<S>,
    not_before: Instant,
) -> Option<Link<'_, S>> {
    sleep_until(not_before).await;
    sessions.next().await
}

/// A message on its way into the connection's queue.
type Sending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a connection until it ends, or the session wants it closed.
async fn serve<S: Stream>(
    link: &mut Link<'_, S>,
    messenger: &Messenger<S>,
    core: &mut Core,
    commands: &mut mpsc::Receiver<Command>,
) -> Option<(CloseCode, Then)> {
    // Kept from turn to turn: a message whose future is dropped may have been sent or not.
    let mut sending: Option<Sending> = None;
    loop {
        if sending.is_none() {
            sending = core.outgoing.pop_front().map(|message| send(messenger, message));
        }
        if sending.is_none()
            && let Some(close) = core.close.take()
        {
            return Some(close);
        }
        tokio::select! {
            () = finished(&mut sending) => sending = None,
            message = link.recv() => match message {
                Some(message) => core.received(message),
                None => {
                    let code = link.close_report().map(|report| CloseCode(report.code.get()));
                    core.lost(code.filter(|code| code.0 != 1006));
                    return None;
                }
            },
            command = commands.recv() => core.handle(command),
            () = at(core.deadline()) => core.tick(),
        }
    }
}

fn send<S: Stream>(messenger: &Messenger<S>, message: everwire::Message) -> Sending {
    let messenger = messenger.clone();
    Box::pin(async move {
        // If the connection is gone, that is told where messages are received.
        let _ = messenger.send(message).await;
    })
}

async fn finished(sending: &mut Option<Sending>) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn reason(code: CloseCode) -> Option<CloseReason> {
    CloseReason::new(everwire::CloseCode::try_from(code.0).ok()?, "").ok()
}
