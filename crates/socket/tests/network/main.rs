//! A real network that fails in every way there is, and what the reconnecting client says of its
//! messages: each has one fate, and it is true. The storm follows a seed; `EVERWIRE_SEED` names another.

#![allow(unreachable_pub, reason = "modules of one test")]

mod client;
mod judge;
mod recorder;
#[path = "../sockets/mod.rs"]
mod sockets;
mod storm;

use std::time::Duration;

use everwire::Config;
use everwire_testkit::{Dice, FaultProxy};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use client::{Book, Client, watchful};
use judge::judge;
use recorder::Recorder;
use sockets::soon;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_storm_every_message_has_one_fate_and_it_is_true() {
    let seed = std::env::var("EVERWIRE_SEED").map_or(3, |seed| seed.parse().expect("a number"));
    let recorder = Recorder::start().await;
    let proxy = FaultProxy::start(recorder.addr).await.unwrap();
    let client = Client::start(&proxy, watchful());
    let mut dice = Dice::new(seed);

    let (calm, mut is_calm) = watch::channel(false);
    let mut book = Book::new(client.messenger.clone(), seed);
    let mut pace = Dice::new(seed);
    let sending = tokio::spawn(async move {
        while !*is_calm.borrow_and_update() {
            let long = pace.one_in(20);
            book.send(if long { 50_000 } else { pace.below(1_000) }).await;
            sleep(Duration::from_millis(pace.below(6) as u64)).await;
        }
        book
    });
    storm::storm(&proxy, client.messenger.watch_status(), &mut dice, 4).await;
    calm.send(true).unwrap();

    let report = soon(sending).await.unwrap().report().await;
    client.close().await;
    let accepted = proxy.stats().accepted;
    drop(proxy);
    let read = soon(recorder.finish()).await;
    let count = judge(&report, &read).unwrap_or_else(|lie| panic!("seed {seed}: {lie}"));
    assert!(
        count.sent > 0 && count.unsure > 0 && count.not_sent > 0 && count.refused > 0,
        "the storm was none: {count:?}"
    );
    assert!(accepted > 20, "{accepted} connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_left_a_full_connection_is_not_sent() {
    let recorder = Recorder::start().await;
    let proxy = FaultProxy::start(recorder.addr).await.unwrap();
    let client = Client::start(&proxy, Config::default());
    let mut status = client.messenger.watch_status();
    let mut book = Book::new(client.messenger.clone(), 1);
    soon(storm::open(&mut status, 0)).await;
    for _ in 0..10 {
        book.send(1_000).await;
    }
    proxy.stall();
    // Until the buffers of the system and of the connection are full.
    while timeout(Duration::from_millis(500), book.send(64 << 10)).await.is_ok() {}
    proxy.reset();
    soon(storm::open(&mut status, 1)).await;
    book.send(1_000).await;

    let report = book.report().await;
    client.close().await;
    drop(proxy);
    let count = judge(&report, &soon(recorder.finish()).await).unwrap();
    assert!(count.not_sent > 0 && count.unsure > 0, "{count:?}");
}
