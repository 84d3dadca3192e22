//! How many opening handshakes run at once.

mod opening;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use everwire::{Acceptor, Admission, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_address_has_its_share_and_all_together_have_theirs() {
    let admission = Admission::new(5, 2);
    let mut tickets = Vec::new();
    for host in ["192.0.2.1", "192.0.2.2"] {
        tickets.extend([(); 3].map(|()| admission.enter(address(host))));
    }
    let entered: Vec<_> = tickets.iter().map(Option::is_some).collect();
    assert_eq!(entered, [true, true, false, true, true, false]);
    tickets.push(admission.enter(address("192.0.2.3")));
    assert_eq!(admission.in_flight(), 5);
    assert!(admission.enter(address("192.0.2.4")).is_none(), "no room for anybody");
    tickets.clear();
    assert_eq!(admission.in_flight(), 0);
    assert!(admission.enter(address("192.0.2.1")).is_some());
}

#[test]
fn an_ipv6_network_is_one_subscriber() {
    let admission = Admission::new(100, 1);
    let _ticket = admission.enter(address("2001:db8:1:2::1")).unwrap();
    assert!(admission.enter(address("2001:db8:1:2:ffff::9")).is_none());
    assert!(admission.enter(address("2001:db8:1:3::1")).is_some());
    // A dual-stack listener dresses IPv4 as IPv6; they must not all be one subscriber.
    let _ticket = admission.enter(address("::ffff:192.0.2.1")).unwrap();
    assert!(admission.enter(address("192.0.2.1")).is_none());
    assert!(admission.enter(address("::ffff:192.0.2.2")).is_some());
}

#[test]
fn a_limit_of_nothing_lets_nobody_in() {
    assert!(Admission::new(0, 5).enter(address("192.0.2.1")).is_none());
    let admission = Admission::new(5, 0);
    assert!(admission.enter(address("192.0.2.1")).is_none());
    assert_eq!(admission.in_flight(), 0);
}

#[test]
fn a_ticket_may_come_back_from_another_thread() {
    let admission = Admission::new(64, 64);
    let threads: Vec<_> = (0..8)
        .map(|host| {
            let admission = admission.clone();
            std::thread::spawn(move || {
                for _ in 0..1_000 {
                    drop(admission.enter(Ipv4Addr::new(192, 0, 2, host).into()));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(admission.in_flight(), 0);
}

/// Serves echoes as a server should: admission, then the handshake, then the connection.
async fn serve(listener: TcpListener, admission: Admission) {
    let acceptor = Acceptor::new();
    loop {
        let (stream, peer) = everwire::next_stream(&listener).await;
        let Some(ticket) = admission.enter(peer.ip()) else { continue };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let accepted = acceptor.accept(stream).await;
            drop(ticket);
            let Ok(mut websocket) = accepted else { return };
            while let Some(message) = websocket.recv().await {
                if websocket.send(message).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn connect_from(host: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((host, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

// R1
#[tokio::test]
async fn half_done_handshakes_from_one_address_leave_room_for_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let admission = Admission::new(1_000, 16);
    tokio::spawn(serve(listener, admission.clone()));
    let mut half_done = Vec::new();
    for _ in 0..200 {
        let mut stream = connect_from([127, 0, 0, 2], server).await;
        // The server may have closed it already.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await;
        half_done.push(stream);
    }
    let uri = format!("ws://{server}/");
    let mut websocket = everwire::connect(&uri).await.unwrap();
    websocket.send("still here?").await.unwrap();
    assert_eq!(websocket.recv().await, Some(Message::from("still here?")));
    assert_eq!(admission.in_flight(), 16);
    // Those that found no room were closed and hold nothing.
    let mut closed = 0;
    for stream in &mut half_done {
        let mut byte = [0];
        match tokio::time::timeout(Duration::from_millis(5), stream.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => closed += 1,
            Ok(Ok(_)) => panic!("answered"),
            Err(_) => {}
        }
    }
    assert_eq!(closed, 200 - 16);
    drop(half_done);
    tokio::time::timeout(Duration::from_secs(5), async {
        while admission.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("tickets come back");
}
