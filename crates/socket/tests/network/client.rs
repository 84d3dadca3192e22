//! A reconnecting client that sends, and writes down what it is told.

use std::time::Duration;

use everwire::reconnect::outbox::Fate;
use everwire::reconnect::retry::Why;
use everwire::reconnect::{Messenger, Receipt};
use everwire::{Config, Connector, OutboxLimits, Reconnector, RetryPolicy};
use everwire_testkit::{Dice, FaultProxy};
use tokio::task::JoinHandle;

use crate::judge::{Report, Told};
use crate::sockets::soon;

/// Silence is found soon.
pub fn watchful() -> Config {
    let mut config = Config::default();
    config.heartbeat_interval = Some(Duration::from_millis(100));
    config.heartbeat_timeout = Duration::from_millis(300);
    config
}

/// A client of whatever is behind the proxy. Its sessions are received from until it is closed.
pub struct Client {
    pub messenger: Messenger,
    receiving: JoinHandle<Option<Why>>,
}

impl Client {
    pub fn start(proxy: &FaultProxy, config: Config) -> Self {
        let mut policy = RetryPolicy::default();
        policy.min_delay = Duration::from_millis(50);
        policy.max_delay = Duration::from_millis(200);
        let mut limits = OutboxLimits::default();
        limits.max_messages = 40;
        limits.max_age = Duration::from_millis(500);
        let mut sessions = Reconnector::new(format!("ws://{}", proxy.addr()))
            .connector(Connector::new().config(config))
            .policy(policy)
            .queue(limits)
            .sessions();
        let messenger = sessions.messenger();
        let receiving = tokio::spawn(async move {
            while let Some(mut session) = sessions.next().await {
                while session.recv().await.is_some() {}
            }
            sessions.ended()
        });
        Self { messenger, receiving }
    }

    /// Ends it for good.
    pub async fn close(self) {
        self.messenger.close(None);
        assert_eq!(soon(self.receiving).await.unwrap(), Some(Why::Closed));
    }
}

/// The messages of one sender.
pub struct Book {
    messenger: Messenger,
    dice: Dice,
    mark: u64,
    taken: Vec<(u64, Fated)>,
    refused: Vec<u64>,
}

/// The fate of a message, asked for at once or in the end.
enum Fated {
    Asked(JoinHandle<Fate>),
    Later(Receipt),
}

impl Book {
    pub fn new(messenger: Messenger, seed: u64) -> Self {
        let dice = Dice::new(seed);
        Self { messenger, dice, mark: 0, taken: Vec::new(), refused: Vec::new() }
    }

    /// Sends a message with so many bytes of noise, which compression hardly makes smaller.
    ///
    /// # Cancel safety
    /// As [`Messenger::send`]: a message that was waiting for room was not taken.
    pub async fn send(&mut self, len: usize) {
        self.mark += 1;
        let noise: String =
            self.dice.bytes(len).into_iter().map(|byte| char::from(b' ' + byte % 64)).collect();
        let message = format!("{} {noise}", self.mark);
        let Ok(receipt) = self.messenger.send(message).await else {
            self.refused.push(self.mark);
            return;
        };
        assert_eq!(receipt.number(), self.taken.len() as u64 + 1, "numbers have no gaps");
        let fated = if self.dice.one_in(3) {
            Fated::Asked(tokio::spawn(receipt))
        } else {
            Fated::Later(receipt)
        };
        self.taken.push((self.mark, fated));
    }

    /// Every fate, once it is known.
    pub async fn report(self) -> Report {
        let mut taken = Vec::new();
        for (mark, fated) in self.taken {
            let fate = match fated {
                Fated::Asked(fate) => soon(fate).await.unwrap(),
                Fated::Later(receipt) => soon(receipt).await,
            };
            taken.push((mark, told(fate)));
        }
        Report { taken, refused: self.refused }
    }
}

fn told(fate: Fate) -> Told {
    match fate {
        Fate::Sent => Told::Sent,
        Fate::Unsure => Told::Unsure,
        Fate::NotSent(_) => Told::NotSent,
        other => panic!("{other:?} is a new fate"),
    }
}
