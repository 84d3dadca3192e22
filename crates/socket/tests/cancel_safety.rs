//! Every future may be dropped at every point: nothing is lost, nothing happens twice.
//!
//! Two sockets talk over a pipe that reads and writes one byte at a time, so that every call waits
//! often. One method at a time is disturbed: its future is dropped after its first poll, in another
//! run after its second, and so on, and in one run after each of them; and then it is called again.
//! What both ends hear, and every frame on the wire, must be as in the run that nobody disturbed.

#[path = "sockets/mod.rs"]
mod sockets;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use everwire::{
    CloseCode, CloseReport, Compress, Config, Kind, Message, Role, SendError, Stream, WebSocket,
};
use everwire_testkit::{Rig, Rigged, Seen, read_frames};
use tokio::io::duplex;

use sockets::{deflate, end, open_agreed, quiet, reason, soon};

/// What is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Recv,
    ReceiverRecv,
    Visit,
    NextMessage,
    Send,
    SendWith,
    Feed,
    Flush,
    Reserve,
    StartMessage,
    Piece,
    Close,
}

/// When the futures of the disturbed method are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drops {
    Never,
    /// Once, after this many polls in all.
    After(usize),
    /// After each poll that waits.
    Always,
}

/// Counts the polls of the disturbed method.
struct Plan {
    method: Method,
    drops: Drops,
    polls: Cell<usize>,
    /// How many of them had to wait.
    waits: Cell<usize>,
}

impl Plan {
    /// Polls until the future is ready or to be dropped.
    async fn poll<F: Future>(&self, method: Method, mut future: Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            if method != self.method {
                return polled.map(Some);
            }
            self.polls.set(self.polls.get() + 1);
            self.waits.set(self.waits.get() + usize::from(polled.is_pending()));
            match (polled, self.drops) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, Drops::Always) => Poll::Ready(None),
                (Poll::Pending, Drops::After(polls)) if polls == self.polls.get() => {
                    Poll::Ready(None)
                }
                (Poll::Pending, _) => Poll::Pending,
            }
        })
        .await
    }
}

/// Awaits a call; where the plan drops its future, calls again.
macro_rules! call {
    ($plan:expr, $method:ident, $future:expr) => {
        loop {
            let ready = { $plan.poll(Method::$method, pin!($future)).await };
            match ready {
                Some(output) => break output,
                None => tokio::task::yield_now().await,
            }
        }
    };
}

/// Everything that can be seen of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    heard: [Vec<Message>; 2],
    data: [Vec<Seen>; 2],
    control: [Vec<Seen>; 2],
    reports: [CloseReport; 2],
}

/// Small, so that senders wait; and everything is negotiated that can be in the way.
fn config() -> Config {
    let mut config = quiet();
    config.max_queued_bytes = 40;
    config
}

/// How often we send our messages.
const ROUNDS: usize = 3;

fn messages(of: &str, rounds: usize) -> Vec<Message> {
    let round = [
        Message::text(format!("{of} one")),
        Message::binary(vec![0xE5; 30]),
        Message::text(""),
        Message::text(format!("{of} four, which is compressed, compressed, compressed")),
    ];
    std::iter::repeat_n(round, rounds).flatten().collect()
}

/// One run, in which the end of this role is disturbed; also gives the plan with what it counted.
async fn run(method: Method, role: Role, drops: Drops) -> (Outcome, Plan) {
    let (near, far) = duplex(8);
    let (near, near_rig) = Rigged::byte_by_byte(near);
    let (far, far_rig) = Rigged::byte_by_byte(far);
    let mut agreed_config = config();
    if let Some(deflate) = &mut agreed_config.deflate {
        deflate.threshold = 40;
    }
    let mut ours = open_agreed(near, role, deflate(), &agreed_config);
    let mut theirs = open_agreed(far, role.peer(), deflate(), &agreed_config);

    let peer = tokio::spawn(async move {
        theirs.ping(b"are you there?").unwrap();
        for message in messages("theirs", 1) {
            theirs.send(message).await.unwrap();
        }
        let mut heard = Vec::new();
        while let Some(message) = theirs.recv().await {
            heard.push(message);
        }
        (heard, theirs.close_report().unwrap())
    });
    let plan = Plan { method, drops, polls: Cell::new(0), waits: Cell::new(0) };
    let heard = receive(&mut ours, &plan).await;
    send(&ours, &plan).await;
    let report = if method == Method::ReceiverRecv {
        let (sender, mut receiver) = ours.split();
        sender.start_close(reason(CloseCode::NORMAL, "done"));
        assert_eq!(call!(plan, ReceiverRecv, receiver.recv()), None);
        receiver.close_report().unwrap()
    } else {
        call!(plan, Close, ours.close(reason(CloseCode::NORMAL, "done")))
    };
    let (their_heard, their_report) = peer.await.unwrap();
    let (ours, theirs) = (frames(&near_rig), frames(&far_rig));
    let outcome = Outcome {
        heard: [heard, their_heard],
        data: [ours.0, theirs.0],
        control: [ours.1, theirs.1],
        reports: [report, their_report],
    };
    (outcome, plan)
}

/// Takes the peer's messages by the method that is disturbed, or by `recv`.
async fn receive<S: Stream>(ours: &mut WebSocket<S>, plan: &Plan) -> Vec<Message> {
    let mut heard = Vec::new();
    while heard.len() < 4 {
        match plan.method {
            Method::Visit => {
                let seen = Cell::new(Vec::new());
                call!(
                    plan,
                    Visit,
                    ours.visit(|message, _| {
                        let mut all = seen.take();
                        all.push(message.into_message());
                        seen.set(all);
                    })
                );
                heard.extend(seen.take());
            }
            Method::NextMessage => {
                let mut reader = call!(plan, NextMessage, ours.next_message()).unwrap();
                let mut bytes = Vec::new();
                while let Some(piece) = call!(plan, NextMessage, reader.piece()).unwrap() {
                    bytes.extend_from_slice(&piece);
                }
                heard.push(match reader.kind() {
                    Kind::Text => Message::text(String::from_utf8(bytes).unwrap()),
                    Kind::Binary => Message::binary(bytes),
                });
            }
            _ => heard.push(call!(plan, Recv, ours.recv()).unwrap()),
        }
    }
    heard
}

/// Sends our messages by the method that is disturbed, or by `send`.
async fn send<S: Stream>(ours: &WebSocket<S>, plan: &Plan) {
    for message in messages("ours", ROUNDS) {
        match plan.method {
            Method::SendWith => {
                call!(plan, SendWith, ours.send_with(message.clone(), Compress::Never)).unwrap();
            }
            Method::Feed => call!(plan, Feed, ours.feed(message.clone())).unwrap(),
            Method::Flush => {
                ours.send(message).await.unwrap();
                call!(plan, Flush, ours.flush()).unwrap();
            }
            Method::Reserve => {
                let permit = call!(plan, Reserve, ours.reserve(message.len())).unwrap();
                permit.send(message).unwrap();
            }
            Method::StartMessage | Method::Piece => {
                let mut writer =
                    call!(plan, StartMessage, ours.start_message(message.kind())).unwrap();
                for piece in message.as_bytes().chunks(20) {
                    call!(plan, Piece, writer.piece(piece)).unwrap();
                }
                writer.finish().await.unwrap();
            }
            _ => call!(plan, Send, ours.send(message.clone())).unwrap(),
        }
    }
}

/// What was written, data and control frames apart: which of them overtakes which depends on when
/// the network takes bytes. Masking keys are random.
fn frames(rig: &Rig) -> (Vec<Seen>, Vec<Seen>) {
    let mut frames = read_frames(&rig.written());
    for frame in &mut frames {
        frame.key = None;
    }
    frames.into_iter().partition(|frame| frame.opcode < 0x8)
}

async fn disturb(method: Method) {
    for role in [Role::Server, Role::Client] {
        let (undisturbed, plan) = soon(run(method, role, Drops::Never)).await;
        assert_eq!(undisturbed.heard[0], messages("theirs", 1));
        assert_eq!(undisturbed.heard[1], messages("ours", ROUNDS));
        assert!(undisturbed.reports.iter().all(|report| report.was_clean));
        assert!(plan.waits.get() > 0, "{method:?} never waits");
        let (disturbed, _) = soon(run(method, role, Drops::Always)).await;
        assert_eq!(disturbed, undisturbed, "{method:?} of a {role:?} dropped at each poll");
        for poll in 1..=plan.polls.get() {
            let (disturbed, _) = soon(run(method, role, Drops::After(poll))).await;
            assert_eq!(disturbed, undisturbed, "{method:?} of a {role:?} dropped at poll {poll}");
        }
    }
}

macro_rules! disturbed {
    ($($name:ident: $method:ident;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                disturb(Method::$method).await;
            }
        )*
    };
}

disturbed! {
    recv_loses_nothing: Recv;
    recv_of_a_half_loses_nothing: ReceiverRecv;
    visit_shows_every_message_once: Visit;
    next_message_and_piece_lose_nothing: NextMessage;
    send_queues_a_message_once_or_not_at_all: Send;
    send_with_queues_a_message_once_or_not_at_all: SendWith;
    feed_queues_a_message_once_or_not_at_all: Feed;
    flush_loses_nothing: Flush;
    reserve_holds_no_room_that_it_did_not_hand_out: Reserve;
    start_message_sends_nothing: StartMessage;
    a_piece_is_queued_once_or_not_at_all: Piece;
    close_goes_on_in_the_background: Close;
}

#[tokio::test]
async fn finishing_a_message_in_pieces_is_documented_not_to_be_safe() {
    let (near, far) = duplex(64);
    let (near, rig) = Rigged::new(near);
    let mut ours = open_agreed(near, Role::Server, Default::default(), &config());
    let mut theirs = open_agreed(far, Role::Client, Default::default(), &config());
    rig.stall_writes();
    let mut writer = ours.start_message(Kind::Text).await.unwrap();
    writer.piece(&[b'a'; 39]).await.unwrap();
    {
        let finish = pin!(writer.finish());
        let plan = Plan {
            method: Method::Piece,
            drops: Drops::Always,
            polls: Cell::new(0),
            waits: Cell::new(0),
        };
        // The queue is full, and then the future is gone, and the writer in it.
        let _: Option<Result<(), SendError>> = plan.poll(Method::Piece, finish).await;
    }
    rig.resume_writes();
    let (report, _) = tokio::join!(end(&mut theirs), end(&mut ours));
    // Complete or given up, never a message that ends where it should not.
    assert_eq!(report.code, CloseCode::INTERNAL_ERROR);
}
