//! Time: heartbeat, idle, write and close deadlines, by a clock moved by hand.

use std::time::Duration;

use everwire_testkit::{Frame, Happened, Pair, Side, config, read_frames};
use everwire_wire::{Agreement, CloseCause, CloseCode, Compress, Config, Role, Timeout};

const SECOND: Duration = Duration::from_secs(1);

fn server(config: Config) -> Side {
    Side::new(Role::Server, &Agreement::default(), config)
}

#[track_caller]
fn died_of(side: &Side, timeout: Timeout) {
    let report = side.report().expect("it ended");
    assert_eq!(report.cause, CloseCause::Timeout(timeout));
    assert_eq!((report.code, report.was_clean), (CloseCode::ABNORMAL, false));
    assert_eq!(side.connection.poll_timeout(), None);
}

#[test]
fn a_silent_peer_is_pinged_after_the_interval_and_dead_after_the_timeout() {
    let mut server = server(Config::default());
    server.advance(24 * SECOND);
    assert!(!server.connection.wants_transmit());
    server.advance(SECOND);
    assert!(!server.connection.judges_silence() || server.connection.wants_transmit());
    let frames = read_frames(&server.transmit());
    assert_eq!((frames.len(), frames[0].opcode), (1, 9));
    assert!(server.connection.judges_silence());
    server.advance(9 * SECOND);
    assert_eq!(server.report(), None);
    server.advance(SECOND);
    died_of(&server, Timeout::Heartbeat);
}

#[test]
fn two_idle_peers_keep_each_other_alive_and_measure_the_round_trip() {
    let mut pair = Pair::new(&Agreement::default(), &Config::default());
    pair.advance(3600 * SECOND, SECOND);
    assert!(
        pair.client
            .events
            .iter()
            .chain(&pair.server.events)
            .all(|event| { matches!(event, Happened::Ping(_)) })
    );
    let frames = read_frames(&pair.from_client).len() + read_frames(&pair.from_server).len();
    assert!((250..=600).contains(&frames), "{frames} frames in an hour");
    assert!(pair.client.connection.round_trip().is_some());
}

#[test]
fn the_round_trip_is_the_time_from_the_pings_leaving_to_its_pong() {
    let mut client = Side::new(Role::Client, &Agreement::default(), Config::default());
    assert_eq!(client.connection.round_trip(), None);
    client.advance(25 * SECOND);
    client.now += SECOND;
    let ping = read_frames(&client.transmit()).remove(0);
    client.now += Duration::from_millis(70);
    client.receive(Frame::pong(&ping.payload).encode());
    assert_eq!(client.connection.round_trip(), Some(Duration::from_millis(70)));
    // Pongs that answer the heartbeat are its own affair.
    assert_eq!(client.events, []);
}

#[test]
fn any_bytes_are_life() {
    let byte_by_byte = Frame::text("slow but alive").masked().encode();
    let mut server = server(Config::default());
    for byte in byte_by_byte.iter().cycle().take(200) {
        server.advance(20 * SECOND);
        if server.connection.wants_transmit() {
            break;
        }
        server.receive([*byte]);
    }
    // A message may not take that long; but nobody took the peer for dead.
    assert_eq!(server.close_code_sent(), Some(1008));

    let mut server = self::server(Config::default());
    for _ in 0..100 {
        server.advance(30 * SECOND);
        server.transmit();
        server.advance(4 * SECOND);
        // Not the pong: data.
        server.receive(Frame::text("busy").masked().encode());
    }
    assert_eq!(server.messages().len(), 100);
    assert_eq!(server.report(), None);
}

#[test]
fn bytes_that_wait_unread_are_life() {
    let mut server = server(Config::default());
    server.advance(25 * SECOND);
    server.transmit();
    // The application is slow; the socket sees that bytes are there and says so.
    for _ in 0..10 {
        server.now += 9 * SECOND;
        assert!(server.connection.judges_silence() || server.connection.wants_transmit());
        server.connection.handle_life(server.now);
        server.advance(Duration::ZERO);
        assert_eq!(server.report(), None);
        server.advance(25 * SECOND);
        server.transmit();
    }
}

#[test]
fn a_peer_that_makes_room_for_bytes_is_alive_however_slow_it_is() {
    let mut server = server(Config::default());
    server.connection.send(&[0; 100_000][..], Compress::Auto, &mut server.keys).unwrap();
    for _ in 0..40 {
        server.transmit_at_most(1000);
        server.connection.handle_blocked(server.now);
        server.advance(9 * SECOND);
        assert_eq!(server.report(), None);
    }
    // Then it makes none.
    server.advance(26 * SECOND);
    assert!(server.report().is_some(), "found within interval + timeout");
    died_of(&server, Timeout::Write);
}

#[test]
fn the_pong_clock_starts_when_the_ping_has_left() {
    let mut server = server(Config::default());
    server.advance(25 * SECOND);
    // The network takes nothing for a while; the ping waits.
    server.connection.handle_blocked(server.now);
    server.advance(9 * SECOND);
    server.transmit();
    // That it was taken is life; the next ping is due an interval later.
    server.advance(25 * SECOND);
    server.transmit();
    server.advance(9 * SECOND);
    assert_eq!(server.report(), None);
    server.advance(SECOND);
    died_of(&server, Timeout::Heartbeat);
}

#[test]
fn the_applications_own_pings_do_not_keep_a_dead_peer_alive() {
    let mut server = server(Config::default());
    let mut passed = 0;
    while server.report().is_none() {
        server.connection.ping(b"anyone?").unwrap();
        server.transmit();
        server.advance(SECOND);
        passed += 1;
        assert!(passed <= 36, "found within interval + timeout");
    }
    died_of(&server, Timeout::Heartbeat);
}

#[test]
fn a_ping_of_the_application_is_not_lost_to_the_heartbeat() {
    let mut server = server(Config::default());
    server.advance(24 * SECOND);
    server.connection.ping(b"mine").unwrap();
    server.advance(2 * SECOND);
    let pings = read_frames(&server.transmit());
    assert!(pings.iter().any(|frame| frame.payload == b"mine"), "{pings:?}");
    // It asks for a sign of life as well as any other.
    server.advance(11 * SECOND);
    died_of(&server, Timeout::Heartbeat);
}

#[test]
fn a_peer_that_takes_no_bytes_is_given_up_after_the_write_timeout() {
    let mut server = server(config());
    server.connection.send("x".repeat(1000), Compress::Auto, &mut server.keys).unwrap();
    server.connection.handle_blocked(server.now);
    server.advance(29 * SECOND);
    // One byte is progress.
    server.transmit_at_most(1);
    server.connection.handle_blocked(server.now);
    server.advance(29 * SECOND);
    assert_eq!(server.report(), None);
    server.advance(SECOND);
    died_of(&server, Timeout::Write);
    assert_eq!(server.report().unwrap().unsent.messages, 1);
}

#[test]
fn a_network_that_was_blocked_and_took_everything_has_no_deadline() {
    let mut server = server(config());
    server.connection.send("x", Compress::Auto, &mut server.keys).unwrap();
    server.connection.handle_blocked(server.now);
    assert!(server.connection.poll_timeout().is_some());
    server.transmit();
    assert_eq!(server.connection.poll_timeout(), None);
    // Nothing waits, so nothing can be blocked.
    server.connection.handle_blocked(server.now);
    assert_eq!(server.connection.poll_timeout(), None);
}

#[test]
fn without_heartbeats_silence_both_ways_closes_with_1001() {
    let mut config = config();
    config.idle_timeout = Some(60 * SECOND);
    let mut pair = Pair::new(&Agreement::default(), &config);
    pair.client.advance(59 * SECOND);
    pair.client.receive(Frame::pong("still here").encode());
    pair.client.advance(59 * SECOND);
    pair.client.connection.ping(b"me too").unwrap();
    pair.client.transmit();
    pair.client.advance(59 * SECOND);
    assert_eq!(pair.client.report(), None);
    pair.client.advance(SECOND);
    pair.deliver();
    let report = pair.client.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::GOING_AWAY, true));
    assert_eq!(report.cause, CloseCause::Timeout(Timeout::Idle));
    let report = pair.server.report().unwrap();
    assert_eq!((report.code, report.was_clean), (CloseCode::GOING_AWAY, true));
}

#[test]
fn idle_is_off_while_heartbeats_are_on() {
    let mut config = Config::default();
    config.idle_timeout = Some(SECOND);
    let mut pair = Pair::new(&Agreement::default(), &config);
    pair.advance(100 * SECOND, SECOND);
    assert_eq!((pair.client.report(), pair.server.report()), (None, None));
}

#[test]
fn a_closing_connection_has_one_deadline_whatever_else_was_due() {
    let mut server = server(Config::default());
    server.receive(Frame::text("half").unfinished().masked().encode());
    server.advance(24 * SECOND);
    server.connection.close(server.now, None);
    server.transmit();
    assert_eq!(server.connection.poll_timeout(), Some(server.now + 5 * SECOND));
    server.advance(5 * SECOND);
    assert!(server.report().is_some());
}

#[test]
fn a_call_before_the_deadline_does_nothing() {
    let mut server = server(Config::default());
    for _ in 0..24 {
        server.now += SECOND;
        server.connection.handle_timeout(server.now);
        assert!(!server.connection.wants_transmit());
    }
    server.advance(SECOND);
    assert!(server.connection.wants_transmit());
}

#[test]
fn times_without_end_are_legal_in_the_configuration() {
    let mut config = Config::default();
    config.heartbeat_interval = Some(Duration::MAX);
    config.heartbeat_timeout = Duration::MAX;
    config.idle_timeout = Some(Duration::MAX);
    config.write_timeout = Duration::MAX;
    config.close_timeout = Duration::MAX;
    config.max_assembly_time = Duration::MAX;
    for heartbeat in [true, false] {
        if !heartbeat {
            config.heartbeat_interval = None;
        }
        let mut server = server(config.clone());
        server.receive(Frame::text("half").unfinished().masked().encode());
        server.connection.send("x", Compress::Auto, &mut server.keys).unwrap();
        server.connection.handle_blocked(server.now);
        server.advance(100_000 * SECOND);
        server.connection.close(server.now, None);
        server.advance(100_000 * SECOND);
        assert_eq!(server.report(), None);
    }
}
