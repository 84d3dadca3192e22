//! A connection that listens, and speaks if it is a sender.

use std::sync::Arc;
use std::time::Duration;

use everwire::{ClientStream, Incoming, Membership, Sender, WebSocket};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::bench::failure::Failure;
use crate::bench::fleet::Stage;
use crate::bench::moment::Moment;
use crate::bench::payload::{Difference, Payload, Payloads};
use crate::bench::tally::Part;

use super::ledger::Ledger;
use super::stamp::{HEADER, Stamp};

/// How long the first message has to be heard by everyone, before it is sent again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Who is counted: senders come first.
#[derive(Debug)]
pub(super) struct Member {
    index: usize,
    ledger: Arc<Ledger>,
    /// What each sender says.
    payloads: Payloads,
    part: Part,
    /// Those that are closed together, by their close frames and not by their tasks.
    _membership: Membership,
}

impl Member {
    pub(super) fn new(
        index: usize,
        ledger: Arc<Ledger>,
        payloads: Payloads,
        part: Part,
        membership: Membership,
    ) -> Self {
        Self { index, ledger, payloads, part, _membership: membership }
    }

    /// Listens until the connection is closed.
    pub(super) async fn run(
        self,
        mut socket: WebSocket<ClientStream>,
        stages: watch::Receiver<Stage>,
    ) -> Result<(), Failure> {
        if !self.ledger.is_sender(self.index) {
            return self.listen(&mut socket).await;
        }
        let sender = socket.sender();
        tokio::select! {
            ended = self.listen(&mut socket) => ended,
            never = self.speak(sender, stages) => match never {},
        }
    }

    async fn listen(&self, socket: &mut WebSocket<ClientStream>) -> Result<(), Failure> {
        let mut visit = Visit::new(self);
        loop {
            let visited = socket.visit(|message, _| visit.on_message(&message)).await;
            visit.end()?;
            if visited.is_none() {
                return self.ledger.ended(socket.close_report());
            }
        }
    }

    /// Asks who is there, and once all are, sends one message for each that everyone has heard. What
    /// may leave at once leaves in one write.
    async fn speak(
        &self,
        sender: Sender<ClientStream>,
        mut stages: watch::Receiver<Stage>,
    ) -> std::convert::Infallible {
        let (payload, mut buffer) = (self.payloads.of_connection(self.index), String::new());
        let mut feed = async |stamp: Stamp| {
            let message = payload.message_with(stamp.number, &stamp.digits(), &mut buffer);
            // If it fails the connection has ended, and `listen` says so.
            let _ = sender.feed(message).await;
        };
        while self.index == 0 && !self.ledger.all_present() {
            feed(Stamp { sender: 0, number: 0 }).await;
            let _ = sender.flush().await;
            sleep(ASK_AGAIN).await;
        }
        let _ = stages.wait_for(|now| *now >= Stage::Running).await;
        while let Some(messages) = self.ledger.room(self.index).await {
            let now = self.ledger.now();
            for _ in 0..messages {
                feed(self.ledger.send(self.index, now)).await;
            }
            let _ = sender.flush().await;
        }
        std::future::pending().await
    }
}

/// The messages that came at once.
#[derive(Debug)]
struct Visit<'a> {
    member: &'a Member,
    /// What each sender says, by its number.
    payloads: Vec<Payload>,
    /// When those came that are shown now.
    now: u64,
    moment: Moment,
    /// How long they took, and how many took as long one after the other.
    latencies: Vec<(Duration, u64)>,
    /// What a visitor cannot return.
    failure: Option<Failure>,
}

impl<'a> Visit<'a> {
    fn new(member: &'a Member) -> Self {
        let payloads = (0..member.ledger.senders())
            .map(|sender| member.payloads.of_connection(sender))
            .collect();
        Self {
            member,
            payloads,
            now: 0,
            moment: Moment::default(),
            latencies: Vec::new(),
            failure: None,
        }
    }

    #[inline]
    fn on_message(&mut self, message: &Incoming<'_>) {
        if self.failure.is_some() {
            return;
        }
        if self.moment.begins_with(message.as_bytes().len()) {
            self.now = self.member.ledger.now();
        }
        match self.check(message) {
            Ok(None) => {}
            Ok(Some(latency)) => match self.latencies.last_mut() {
                // What left in one write came in one read.
                Some((last, messages)) if *last == latency => *messages += 1,
                _ => self.latencies.push((latency, 1)),
            },
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// How long the message took, if it counts.
    fn check(&self, message: &Incoming<'_>) -> Result<Option<Duration>, Failure> {
        let bytes = message.as_bytes();
        let difference = |difference| Failure::NotABroadcast(difference);
        let Some(stamp) = Stamp::of(bytes) else {
            return Err(difference(Difference::Bytes));
        };
        let latency = self.member.ledger.hear(self.member.index, stamp, self.now)?;
        self.payloads[stamp.sender]
            .check_behind(HEADER, stamp.number, message.kind(), bytes)
            .map_err(difference)?;
        Ok(latency)
    }

    /// All that came at once has been shown.
    fn end(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.moment.end();
        if !self.latencies.is_empty() {
            self.member.part.record_all(self.latencies.drain(..));
        }
        Ok(())
    }
}
