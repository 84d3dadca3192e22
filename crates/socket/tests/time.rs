//! What time does to an open WebSocket. The clock is tokio's, paused: it moves when nobody has
//! anything left to do, so hours pass in a moment and to the millisecond.

#[path = "sockets/mod.rs"]
mod sockets;

use std::time::Duration;

use everwire::{
    CloseCause, CloseCode, CloseReport, Config, Message, ProtocolError, ReadyState, Role, Stream,
    Timeout, WebSocket,
};
use everwire_testkit::{Frame, Peer, Step};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use sockets::{end, pair, quiet, reason, rigged_server, server, settle, socket};

/// Deadlines are looked at this often.
const TICK: Duration = Duration::from_millis(50);

const SECOND: Duration = Duration::from_secs(1);

/// Heartbeats as they are by default: after 25 s a ping, after 10 s more the end.
fn beating() -> Config {
    let config = Config::default();
    assert_eq!(config.heartbeat_interval, Some(25 * SECOND));
    assert_eq!(config.heartbeat_timeout, 10 * SECOND);
    config
}

/// Receives until the end, however long that takes; says how it ended and after how long.
async fn outlive<S: Stream>(socket: &mut WebSocket<S>) -> (CloseReport, Duration) {
    let began = Instant::now();
    while socket.recv().await.is_some() {}
    (socket.close_report().unwrap(), began.elapsed())
}

/// Answers pings and counts them, until the end of the stream.
async fn answer_pings(peer: &mut Peer<DuplexStream>) -> usize {
    peer.patience = Duration::from_secs(1 << 20);
    let mut pings = 0;
    while let Some(frame) = peer.next().await {
        if frame.opcode == 0x9 {
            pings += 1;
            peer.send(Frame::pong(frame.payload)).await;
        }
    }
    pings
}

fn assert_between(took: Duration, least: Duration, most: Duration) {
    assert!(least <= took && took <= most, "{took:?} is not within {least:?} and {most:?}");
}

// Heartbeats.

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_dead_within_interval_and_timeout() {
    for role in [Role::Server, Role::Client] {
        let (mut socket, _peer) = socket(role, &beating());
        let (report, took) = outlive(&mut socket).await;
        assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
        assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
        assert_between(took, 35 * SECOND, 35 * SECOND + 2 * TICK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_dead_while_the_application_does_something_else() {
    let (mut server, mut peer) = server(&beating());
    sleep(34 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Open);
    sleep(SECOND + 2 * TICK).await;
    assert_eq!(server.ready_state(), ReadyState::Closed);
    assert!(server.send("late").await.is_err());
    // The stream is let go without waiting for anybody.
    assert_eq!(peer.next().await.unwrap().opcode, 0x9);
    assert_eq!(peer.next().await, None);
    assert_eq!(end(&mut server).await.cause, CloseCause::Timeout(Timeout::Heartbeat));
}

#[tokio::test(start_paused = true)]
async fn two_live_ends_stay_connected_for_a_day_without_a_message() {
    let (mut client, mut server) = pair(&beating());
    let day = Duration::from_secs(24 * 3600);
    let both = async { tokio::join!(client.recv(), server.recv()) };
    assert!(timeout(day, both).await.is_err(), "one of them gave the other up");
    assert_eq!(client.ready_state(), ReadyState::Open);
    assert_eq!(server.ready_state(), ReadyState::Open);
}

#[tokio::test(start_paused = true)]
async fn any_bytes_are_a_sign_of_life_and_spare_the_ping() {
    let mut config = beating();
    config.max_assembly_time = 3600 * SECOND;
    let (mut server, mut peer) = server(&config);
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    // One byte of a frame every 20 s.
    let frame = Frame::text("slowly").masked().encode();
    for byte in &frame {
        peer.send_bytes([*byte]).await;
        sleep(20 * SECOND).await;
    }
    assert!(!receiving.is_finished());
    drop(receiving);
    let mut nothing = [0; 1];
    let pinged = timeout(SECOND, peer.stream.read(&mut nothing)).await;
    assert!(pinged.is_err(), "a ping went to a peer that spoke all the time");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_data_instead_of_pongs_is_alive() {
    let (mut server, mut peer) = server(&beating());
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    for _ in 0..20 {
        sleep(34 * SECOND).await;
        peer.send(Frame::text("no pong")).await;
    }
    assert!(!receiving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_slow_application_is_no_dead_peer_and_its_peer_is_not_found_dead_afterwards() {
    let (mut server, mut peer) = server(&beating());
    peer.send(Frame::binary(vec![7; 50_000])).await;
    // Ten minutes in which nobody receives: what came waits unread.
    sleep(600 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Open);
    assert_eq!(sockets::next(&mut server).await.len(), 50_000);
    // From now on the peer has its time again.
    assert!(timeout(24 * SECOND, server.recv()).await.is_err());
    peer.send(Frame::text("here")).await;
    assert_eq!(sockets::next(&mut server).await, Message::text("here"));
    let (report, took) = outlive(&mut server).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
    assert_between(took, 35 * SECOND, 35 * SECOND + 2 * TICK);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_on_while_the_application_sleeps() {
    let (server, mut peer) = server(&beating());
    let answering = tokio::spawn(async move { answer_pings(&mut peer).await });
    sleep(600 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Open);
    server.abort();
    let pings = answering.await.unwrap();
    assert!((10..=24).contains(&pings), "{pings} pings in ten minutes");
}

/// Such as behind a proxy that cuts soon.
#[tokio::test(start_paused = true)]
async fn an_interval_that_is_shorter_than_the_timeout_is_kept() {
    let mut config = Config::default();
    config.heartbeat_interval = Some(2 * SECOND);
    config.heartbeat_timeout = 10 * SECOND;
    for role in [Role::Server, Role::Client] {
        let (mut socket, mut peer) = socket(role, &config);
        let answering = tokio::spawn(async move { answer_pings(&mut peer).await });
        assert!(timeout(21 * SECOND, socket.recv()).await.is_err());
        socket.abort();
        let pings = answering.await.unwrap();
        assert!((9..=10).contains(&pings), "{pings} pings in 21 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_behind_a_full_queue_is_found_within_interval_and_timeout() {
    let mut config = beating();
    config.max_queued_bytes = 10_000;
    config.write_timeout = 3600 * SECOND;
    let (mut server, rig, _peer) = rigged_server(&config);
    rig.stall_writes();
    rig.stall_reads();
    server.send(vec![0; 10_000]).await.unwrap();
    let sender = server.sender();
    let waiting = tokio::spawn(async move { sender.send("never").await });
    let (report, took) = outlive(&mut server).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
    assert_between(took, 35 * SECOND, 35 * SECOND + 2 * TICK);
    assert!(waiting.await.unwrap().is_err(), "and who waited to send is told");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_bytes_slowly_is_alive() {
    let (mut server, rig, _peer) = rigged_server(&beating());
    rig.write_like(&[Step::AtMost(1)]);
    rig.stall_writes();
    server.send(vec![0; 200]).await.unwrap();
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    // A byte every nine seconds, for half an hour.
    for _ in 0..200 {
        sleep(9 * SECOND).await;
        take_one_byte(&rig).await;
        assert!(!receiving.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_pong_starts_when_the_ping_has_left() {
    let (mut server, rig, mut peer) = rigged_server(&beating());
    rig.stall_writes();
    let began = Instant::now();
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    // The ping is due at 25 s and leaves at 34 s: the peer made room for it, so it is alive then.
    sleep(34 * SECOND).await;
    rig.resume_writes();
    assert_eq!(peer.next().await.unwrap().opcode, 0x9);
    assert_between(began.elapsed(), 34 * SECOND, 34 * SECOND + TICK);
    assert_eq!(peer.next().await.unwrap().opcode, 0x9);
    assert_between(began.elapsed(), 59 * SECOND, 59 * SECOND + 2 * TICK);
    let (report, took) = receiving.await.unwrap();
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
    assert_between(took, 69 * SECOND, 69 * SECOND + 3 * TICK);
}

/// Lets a stalled stream that moves one byte with each write take one.
async fn take_one_byte(rig: &everwire_testkit::Rig) {
    let before = rig.written().len();
    rig.write_like(&[Step::AtMost(1), Step::Stall]);
    rig.resume_writes();
    while rig.written().len() == before {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(rig.written().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_that_of_the_last_ping() {
    let (mut server, mut peer) = server(&beating());
    assert_eq!(server.round_trip(), None);
    for delay in [300, 40] {
        let delay = Duration::from_millis(delay);
        let answer = async {
            let ping = peer.next().await.unwrap();
            assert_eq!(ping.opcode, 0x9);
            sleep(delay).await;
            peer.send(Frame::pong(ping.payload)).await;
        };
        tokio::select! {
            _ = server.recv() => panic!("no message was sent"),
            () = async { answer.await; sleep(SECOND).await } => {}
        }
        assert_eq!(server.round_trip(), Some(delay));
    }
}

#[tokio::test(start_paused = true)]
async fn one_ping_asks_and_no_second_one_follows_before_it_is_answered() {
    let mut config = beating();
    config.heartbeat_timeout = 600 * SECOND;
    let (mut server, mut peer) = server(&config);
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    assert_eq!(peer.next().await.unwrap().opcode, 0x9);
    peer.patience = 3600 * SECOND;
    assert_eq!(peer.next().await, None, "the end, after ten minutes");
    receiving.await.unwrap();
}

// row: R9
#[tokio::test(start_paused = true)]
async fn a_process_that_was_suspended_sends_no_storm_of_pings() {
    let mut answering = Vec::new();
    let mut receiving = Vec::new();
    for _ in 0..10 {
        let (mut server, mut peer) = server(&beating());
        answering.push(tokio::spawn(async move { answer_pings(&mut peer).await }));
        receiving.push(tokio::spawn(async move {
            let _ = timeout(3605 * SECOND, server.recv()).await;
            assert_eq!(server.ready_state(), ReadyState::Open);
            server.abort();
        }));
    }
    let (mut silent, _peer) = server(&beating());
    settle().await;
    // An hour at once, as after SIGCONT.
    tokio::time::advance(3600 * SECOND).await;
    let (report, took) = outlive(&mut silent).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Heartbeat));
    assert_between(took, 10 * SECOND, 10 * SECOND + 2 * TICK);
    for task in receiving {
        task.await.unwrap();
    }
    for task in answering {
        assert_eq!(task.await.unwrap(), 1, "one ping, however many were missed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_pong_waited_out_a_suspension_is_alive() {
    let (mut server, mut peer) = server(&beating());
    sleep(25 * SECOND + 2 * TICK).await;
    let ping = peer.next().await.unwrap();
    peer.send(Frame::pong(ping.payload)).await;
    // Stopped before the pong was read.
    tokio::time::advance(3600 * SECOND).await;
    assert!(timeout(5 * SECOND, server.recv()).await.is_err());
    assert_eq!(server.ready_state(), ReadyState::Open);
}

// Without heartbeats.

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_with_1001_where_there_are_no_heartbeats() {
    let mut config = beating();
    config.heartbeat_interval = None;
    let (mut server, mut peer) = server(&config);
    peer.patience = 3600 * SECOND;
    let began = Instant::now();
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    assert_eq!(peer.next_close().await, 1001);
    assert_between(began.elapsed(), 120 * SECOND, 120 * SECOND + 2 * TICK);
    peer.send(Frame::close(1001, "")).await;
    let (report, _) = receiving.await.unwrap();
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Idle));
    assert!(report.was_clean);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_only_sends_is_not_idle() {
    let mut config = beating();
    config.heartbeat_interval = None;
    let (server, mut peer) = server(&config);
    for _ in 0..20 {
        sleep(100 * SECOND).await;
        server.send("still here").await.unwrap();
        assert_eq!(peer.next_payload().await, b"still here");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_only_receives_is_not_idle() {
    let mut config = beating();
    config.heartbeat_interval = None;
    let (mut server, mut peer) = server(&config);
    for _ in 0..20 {
        let (message, ()) = tokio::join!(server.recv(), async {
            sleep(100 * SECOND).await;
            peer.send(Frame::text("still here")).await;
        });
        assert_eq!(message, Some(Message::text("still here")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_bytes_wait_unread_is_not_idle() {
    let mut config = beating();
    config.heartbeat_interval = None;
    let (mut server, mut peer) = server(&config);
    sleep(100 * SECOND).await;
    peer.send(Frame::text("unread")).await;
    sleep(100 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Open);
    assert_eq!(sockets::next(&mut server).await, Message::text("unread"));
}

// Writing.

// row: R3
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up_after_write_timeout() {
    let (mut server, rig, mut peer) = rigged_server(&quiet());
    rig.stall_writes();
    // It talks all the time, and reads nothing.
    let talking = tokio::spawn(async move {
        loop {
            sleep(SECOND).await;
            peer.send(Frame::text("I am alive")).await;
        }
    });
    sleep(100 * SECOND).await;
    server.send("stuck").await.unwrap();
    let (report, took) = outlive(&mut server).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Write));
    assert_eq!((report.code, report.unsent.messages), (CloseCode::ABNORMAL, 1));
    assert_between(took, 30 * SECOND, 30 * SECOND + 2 * TICK);
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn every_byte_that_is_taken_gives_write_timeout_again() {
    let (mut server, rig, _peer) = rigged_server(&quiet());
    rig.write_like(&[Step::AtMost(1)]);
    rig.stall_writes();
    server.send(vec![0; 100]).await.unwrap();
    for _ in 0..50 {
        sleep(29 * SECOND).await;
        take_one_byte(&rig).await;
        assert_eq!(server.ready_state(), ReadyState::Open);
    }
    let (report, took) = outlive(&mut server).await;
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Write));
    assert_between(took, 30 * SECOND, 30 * SECOND + 2 * TICK);
}

#[tokio::test(start_paused = true)]
async fn a_send_that_moves_a_stuck_queue_gives_write_timeout_again() {
    let (server, rig, _peer) = rigged_server(&quiet());
    rig.stall_writes();
    server.send(vec![0; 100]).await.unwrap();
    sleep(25 * SECOND).await;
    // It is the application's call that finds out that bytes are taken again, a few.
    rig.write_like(&[Step::AtMost(10), Step::Stall]);
    rig.unstall_writes_silently();
    server.send("more").await.unwrap();
    assert_eq!(rig.written().len(), 10);
    sleep(25 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Open);
    sleep(6 * SECOND).await;
    assert_eq!(server.ready_state(), ReadyState::Closed);
}

// Messages.

#[tokio::test(start_paused = true)]
async fn a_message_that_is_begun_and_left_fails_with_1008() {
    let (mut server, mut peer) = server(&quiet());
    peer.patience = 3600 * SECOND;
    peer.send(Frame::text("begun").unfinished()).await;
    let receiving = tokio::spawn(async move { outlive(&mut server).await });
    for _ in 0..11 {
        sleep(10 * SECOND).await;
        peer.send(Frame::ping("not idle")).await;
        assert_eq!(peer.next().await.unwrap().opcode, 0xA);
    }
    assert_eq!(peer.next_close().await, 1008);
    let (report, took) = receiving.await.unwrap();
    assert_eq!(report.cause, CloseCause::Violation(ProtocolError::MessageTooSlow));
    assert_between(took, 120 * SECOND, 120 * SECOND + 2 * TICK);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_may_take_as_long_as_it_likes() {
    let (mut server, mut peer) = server(&quiet());
    peer.send(Frame::text("begun").unfinished()).await;
    let mut reader = server.next_message().await.unwrap();
    for _ in 0..10 {
        assert!(reader.piece().await.unwrap().is_some());
        sleep(200 * SECOND).await;
        peer.send(Frame::continuation("more").unfinished()).await;
    }
}

// Closing.

#[tokio::test(start_paused = true)]
async fn closing_ends_within_close_timeout_if_the_peer_never_answers() {
    let (mut server, mut peer) = server(&quiet());
    let began = Instant::now();
    let report = server.close(reason(CloseCode::GOING_AWAY, "")).await;
    assert_between(began.elapsed(), 5 * SECOND, 5 * SECOND + 2 * TICK);
    assert!(!report.was_clean);
    assert_eq!(peer.next_close().await, 1001);
    assert_eq!(peer.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_within_close_timeout_if_the_peer_takes_no_bytes() {
    let (mut server, rig, _peer) = rigged_server(&quiet());
    rig.stall_writes();
    server.send("stuck").await.unwrap();
    let began = Instant::now();
    let report = server.close(None).await;
    assert_between(began.elapsed(), 5 * SECOND, 5 * SECOND + 2 * TICK);
    assert_eq!((report.was_clean, report.unsent.messages), (false, 1));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_within_close_timeout_if_the_peer_talks_on() {
    let (mut server, mut peer) = server(&quiet());
    let talking = tokio::spawn(async move {
        loop {
            peer.send(Frame::text("and another thing")).await;
            sleep(Duration::from_millis(100)).await;
        }
    });
    let began = Instant::now();
    assert!(!server.close(None).await.was_clean);
    assert_between(began.elapsed(), 5 * SECOND, 5 * SECOND + 2 * TICK);
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_awaits_ends_in_time_too() {
    let (mut server, mut peer) = server(&quiet());
    server.start_close(None);
    sleep(5 * SECOND + 2 * TICK).await;
    assert_eq!(server.ready_state(), ReadyState::Closed);
    assert_eq!(peer.next().await.unwrap().opcode, 0x8);
    assert_eq!(peer.next().await, None, "the stream was let go");
    assert!(!end(&mut server).await.was_clean);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_socket_is_gone_within_close_timeout_and_a_linger() {
    let (server, mut peer) = server(&quiet());
    drop(server);
    let began = Instant::now();
    assert_eq!(peer.next_close().await, 1000);
    assert_eq!(peer.next().await, None);
    assert_between(began.elapsed(), Duration::ZERO, 5 * SECOND + 2 * TICK);
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_its_server_to_end_the_stream_for_a_bounded_time() {
    let (mut client, mut peer) = socket(Role::Client, &quiet());
    client.start_close(None);
    assert_eq!(peer.next().await.unwrap().opcode, 0x8);
    peer.send(Frame::close_with("")).await;
    assert!(end(&mut client).await.was_clean);
    let began = Instant::now();
    assert_eq!(peer.next().await, None);
    assert_between(began.elapsed(), SECOND, 2 * SECOND + 2 * TICK);
}
