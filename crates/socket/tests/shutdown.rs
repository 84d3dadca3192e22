//! A whole server goes down. The clock is tokio's, paused.

#[path = "sockets/mod.rs"]
mod sockets;

use std::time::Duration;

use everwire::{CloseCode, Group, Membership, Message, Role, Shutdown, ShutdownReport, WebSocket};
use everwire_testkit::{Frame, Peer};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use sockets::{end, next, open, quiet, rigged_server, server, settle};

const SECOND: Duration = Duration::from_secs(1);

/// The members are looked at this often.
const LOOK: Duration = Duration::from_millis(50);

fn plan(window: Duration, deadline: Duration) -> Shutdown {
    let mut plan = Shutdown::default();
    (plan.window, plan.deadline) = (window, deadline);
    plan
}

/// An application that receives until the end.
fn serve(group: &Group, mut socket: WebSocket<DuplexStream>) -> JoinHandle<()> {
    let membership = group.join(&socket);
    tokio::spawn(async move {
        while socket.recv().await.is_some() {}
        drop(membership);
    })
}

/// A client that is served, waits for the close frame and answers it. Gives when it came, and what
/// it said.
fn client(group: &Group) -> JoinHandle<(Instant, String)> {
    let (socket, mut peer) = server(&quiet());
    serve(group, socket);
    tokio::spawn(async move { be_closed(&mut peer).await })
}

async fn be_closed(peer: &mut Peer<DuplexStream>) -> (Instant, String) {
    peer.patience = Duration::from_secs(3600);
    loop {
        let frame = peer.next().await.expect("a close frame");
        if frame.opcode == 0x8 {
            let came = Instant::now();
            assert_eq!(frame.payload[..2], 1001_u16.to_be_bytes());
            assert!(frame.payload.len() <= 125);
            peer.send(Frame::close(1001, "")).await;
            return (came, String::from_utf8(frame.payload[2..].to_vec()).unwrap());
        }
    }
}

/// The milliseconds that a close reason asks for.
fn hint(reason: &str) -> u64 {
    let (_, hint) = reason.rsplit_once(" retry-after-ms=").unwrap_or_else(|| panic!("{reason:?}"));
    hint.parse().unwrap()
}

fn counts(report: &ShutdownReport) -> (usize, usize, usize) {
    (report.closed_clean, report.closed_unclean, report.aborted)
}

#[tokio::test(start_paused = true)]
async fn closes_are_spread_over_the_window_in_no_order_with_hints_that_differ() {
    let group = Group::new();
    let clients: Vec<_> = (0..500).map(|_| client(&group)).collect();
    settle().await;
    let began = Instant::now();
    let report = group.shut_down(&plan(10 * SECOND, 20 * SECOND)).await;
    assert_eq!(counts(&report), (500, 0, 0), "{report}");
    assert_eq!((report.unsent.messages, report.unsent.bytes), (0, 0));
    assert!(report.took >= 10 * SECOND - 2 * LOOK && report.took <= 10 * SECOND + 2 * LOOK);

    let mut times = Vec::new();
    let mut hints = Vec::new();
    for client in clients {
        let (came, reason) = client.await.unwrap();
        times.push(came - began);
        assert!(reason.starts_with("server is shutting down "), "{reason}");
        hints.push(hint(&reason));
    }
    assert!(!times.is_sorted(), "those who joined first are not told first");
    for second in 0..10 {
        let range = second * SECOND..(second + 1) * SECOND;
        let count = times.iter().filter(|time| range.contains(time)).count();
        assert!((45..=55).contains(&count), "{count} of 500 in second {second}");
    }
    assert!(hints.iter().all(|hint| (100..=3000).contains(hint)));
    let early = hints.iter().filter(|hint| **hint < 1550).count();
    assert!((150..=350).contains(&early), "{early} of 500 in the first half of the range");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_reader_is_aborted_at_the_deadline_and_holds_nobody_up() {
    let mut config = quiet();
    config.close_timeout = 60 * SECOND;
    config.write_timeout = 60 * SECOND;
    let group = Group::new();
    let (mut stuck, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    let _membership = group.join(&stuck);
    for _ in 0..3 {
        stuck.send(vec![0; 1000]).await.unwrap();
    }
    let others: Vec<_> = (0..20).map(|_| client(&group)).collect();
    settle().await;

    let began = Instant::now();
    let report = group.shut_down(&plan(SECOND, 5 * SECOND)).await;
    assert_eq!(began.elapsed(), 5 * SECOND);
    assert_eq!(report.took, 5 * SECOND);
    assert_eq!(counts(&report), (20, 0, 1), "{report}");
    for other in others {
        assert!(other.await.unwrap().0 - began <= SECOND);
    }
    let of_stuck = end(&mut stuck).await;
    assert_eq!(report.unsent, of_stuck.unsent);
    assert_eq!(report.unsent.messages, 3);
    // Each with a header of four bytes.
    assert_eq!(report.unsent.bytes, 3 * 1004);
    assert!(report.to_string().contains("1 aborted; 3 messages"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_ends_unclean_with_its_closing_handshake() {
    let group = Group::new();
    let (socket, _peer) = server(&quiet());
    serve(&group, socket);
    let began = Instant::now();
    let report = group.shut_down(&plan(Duration::ZERO, 60 * SECOND)).await;
    assert_eq!(counts(&report), (0, 1, 0));
    let close_timeout = quiet().close_timeout;
    assert!(began.elapsed() >= close_timeout && began.elapsed() <= close_timeout + 2 * LOOK);
}

#[tokio::test(start_paused = true)]
async fn an_empty_group_ends_at_once() {
    let group = Group::new();
    let began = Instant::now();
    assert_eq!(group.shut_down(&Shutdown::default()).await, ShutdownReport::default());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn members_that_end_by_themselves_are_not_waited_for() {
    let group = Group::new();
    let mut peers = Vec::new();
    for _ in 0..10 {
        let (socket, peer) = server(&quiet());
        serve(&group, socket);
        peers.push(peer);
    }
    let leaving = tokio::spawn(async move {
        sleep(3 * SECOND).await;
        for mut peer in peers {
            peer.send(Frame::close(1000, "")).await;
            while peer.next().await.is_some() {}
        }
    });
    let report = group.shut_down(&plan(100 * SECOND, 200 * SECOND)).await;
    assert_eq!(counts(&report), (10, 0, 0));
    assert!(report.took <= 3 * SECOND + 2 * LOOK, "{:?}", report.took);
    leaving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_application_has_gone_is_waited_for_until_it_has_closed() {
    let group = Group::new();
    let (socket, mut peer) = server(&quiet());
    let membership = group.join(&socket);
    let running = {
        let group = group.clone();
        tokio::spawn(async move { group.shut_down(&plan(SECOND, 20 * SECOND)).await })
    };
    settle().await;
    drop((socket, membership));
    assert!(group.is_empty());
    sleep(2 * SECOND).await;
    assert!(!running.is_finished(), "its close frame is not answered yet");
    be_closed(&mut peer).await;
    assert_eq!(counts(&running.await.unwrap()), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_second_call_makes_haste_and_reports_the_same() {
    let mut config = quiet();
    config.close_timeout = 60 * SECOND;
    let group = Group::new();
    let mut silent = Vec::new();
    for _ in 0..10 {
        let (near, far) = duplex(4096);
        serve(&group, open(near, Role::Server, &config));
        silent.push(Peer::new(far, Role::Client));
    }
    let first = {
        let group = group.clone();
        tokio::spawn(async move { group.shut_down(&plan(10 * SECOND, 50 * SECOND)).await })
    };
    sleep(5 * SECOND + LOOK / 2).await;
    // Half of them were told: they answer and are done.
    let mut told = 0;
    for peer in &mut silent {
        if let Ok(frame) = timeout(Duration::ZERO, peer.next()).await {
            assert_eq!(frame.unwrap().opcode, 0x8);
            peer.send(Frame::close(1001, "")).await;
            peer.stream.shutdown().await.unwrap();
            told += 1;
        }
    }
    assert!((5..=6).contains(&told), "{told} of 10 were told after half of the window");
    sleep(2 * LOOK).await;

    let began = Instant::now();
    let second = group.shut_down(&Shutdown::at_once()).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(counts(&second), (told, 0, 10 - told), "{second}");
    assert_eq!(first.await.unwrap(), second);
    assert_eq!(began.elapsed(), LOOK / 2, "the first call ends with its next look");
    // A later one has nothing to do, and cannot slow anything down.
    assert_eq!(group.shut_down(&plan(9 * SECOND, 9 * SECOND)).await, second);
    // Even who was not waited for was told.
    for mut peer in silent {
        while let Some(frame) = peer.next().await {
            assert_eq!(frame.opcode, 0x8);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_joins_meanwhile_or_afterwards_is_closed_at_once() {
    let group = Group::new();
    let _earlier = client(&group);
    let (late_to_the_window, stays) = server(&quiet());
    let stays_in = serve(&group, late_to_the_window);
    let running = {
        let group = group.clone();
        tokio::spawn(async move { group.shut_down(&plan(10 * SECOND, 20 * SECOND)).await })
    };
    sleep(SECOND).await;
    let began = Instant::now();
    let (came, reason) = client(&group).await.unwrap();
    assert_eq!(came, began);
    assert!((100..=3000).contains(&hint(&reason)), "{reason}");
    let mut stays = stays;
    be_closed(&mut stays).await;
    let report = running.await.unwrap();
    assert_eq!(counts(&report), (3, 0, 0), "the latecomer is counted: {report}");
    stays_in.await.unwrap();

    let began = Instant::now();
    let (came, reason) = client(&group).await.unwrap();
    assert_eq!(came, began);
    hint(&reason);
}

#[tokio::test(start_paused = true)]
async fn messages_reach_those_whose_turn_has_not_come() {
    let group = Group::new();
    let mut clients = Vec::new();
    let mut served: Vec<(WebSocket<DuplexStream>, Membership)> = Vec::new();
    for _ in 0..2 {
        let (near, far) = duplex(4096);
        let socket = open(near, Role::Server, &quiet());
        let membership = group.join(&socket);
        served.push((socket, membership));
        clients.push(open(far, Role::Client, &quiet()));
    }
    let running = {
        let group = group.clone();
        tokio::spawn(async move { group.shut_down(&plan(10 * SECOND, 20 * SECOND)).await })
    };
    sleep(SECOND).await;
    let delivery = group.send("we go down");
    assert_eq!((delivery.queued, delivery.closed), (1, 1), "one of two was told");
    let mut heard = 0;
    for client in &mut clients {
        if let Ok(Some(message)) = timeout(LOOK, client.recv()).await {
            assert_eq!(message, Message::text("we go down"));
            heard += 1;
        }
    }
    assert_eq!(heard, 1);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_stops_and_another_goes_on_from_there() {
    let group = Group::new();
    let clients: Vec<_> = (0..100).map(|_| client(&group)).collect();
    settle().await;
    let plan = plan(10 * SECOND, 20 * SECOND);
    assert!(timeout(5 * SECOND, group.shut_down(&plan)).await.is_err());
    sleep(SECOND).await;
    let told = clients.iter().filter(|client| client.is_finished()).count();
    assert!((50..=52).contains(&told), "{told} of 100 after half of the window");
    let report = group.shut_down(&plan).await;
    assert_eq!(counts(&report), (100, 0, 0), "{report}");
    assert!(report.took >= 9 * SECOND && report.took <= 10 * SECOND + 2 * LOOK);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_refused_as_soon_as_the_group_shuts_down() {
    let group = Group::new();
    assert!(group.refusal().is_none());
    group.shut_down(&Shutdown::default()).await;
    let refusal = group.refusal().unwrap();
    assert_eq!(refusal.response().status(), 503);
    let after = refusal.response().headers()["retry-after"].to_str().unwrap();
    assert!((1..=3).contains(&after.parse().unwrap()), "{after}");
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_members_only_a_few_go_in_each_turn() {
    const MEMBERS: usize = 10_000;
    let group = Group::new();
    let mut held = Vec::new();
    for _ in 0..MEMBERS {
        let (near, far) = duplex(256);
        let socket = open(near, Role::Server, &quiet());
        let membership = group.join(&socket);
        held.push((socket, membership, far));
    }
    let running = {
        let group = group.clone();
        tokio::spawn(async move { group.shut_down(&Shutdown::at_once()).await })
    };
    let mut turns = 0;
    while !running.is_finished() {
        turns += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(counts(&running.await.unwrap()), (0, 0, MEMBERS));
    // To tell them, and to abort them: 64 in a turn.
    assert!(turns > 2 * MEMBERS / 64, "others had {turns} turns");
    // Nothing is kept of them.
    drop(held);
    assert!(group.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_of_ours_hears_the_code_and_the_hint() {
    let group = Group::new();
    let (near, far) = duplex(4096);
    serve(&group, open(near, Role::Server, &quiet()));
    let mut client = open(far, Role::Client, &quiet());
    group.send("first");
    let closing = async {
        assert_eq!(next(&mut client).await, Message::text("first"));
        end(&mut client).await
    };
    let plan = Shutdown::default();
    let (report, seen) = tokio::join!(group.shut_down(&plan), closing);
    assert_eq!(counts(&report), (1, 0, 0));
    assert_eq!(seen.code, CloseCode::GOING_AWAY);
    hint(seen.reason.as_str());
}
