//! A process without descriptors; in a test binary of its own, because it takes all of them.
#![cfg(unix)]

use std::fs::File;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

// R1: "accept loop lives at EMFILE".
#[tokio::test]
async fn the_accept_loop_outlives_a_lack_of_descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut accepting = Box::pin(everwire::next_stream(&listener));
    let spare = File::open("/dev/null").unwrap();
    // Every descriptor there is, and then one for the client.
    let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    drop(spare);
    let client = TcpStream::connect(address).await.unwrap();
    assert!(File::open("/dev/null").is_err(), "descriptors are left");
    let early = tokio::time::timeout(Duration::from_millis(300), &mut accepting).await;
    assert!(early.is_err(), "accepted without a descriptor");
    taken.truncate(taken.len() / 2);
    let late = tokio::time::timeout(Duration::from_secs(5), accepting).await;
    let (_, peer) = late.expect("the loop is alive");
    assert_eq!(peer, client.local_addr().unwrap());
}
