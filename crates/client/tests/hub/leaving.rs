//! Clients of a hub that goes.

use std::time::Duration;

use everwire::Shutdown;
use everwire_hub::Hub;

use crate::shared::SharedBroker;
use crate::stage::{Stage, client, number, soon};

const COUNT: u64 = 400;

#[tokio::test]
async fn clients_move_to_a_hub_with_the_same_log_and_miss_nothing() {
    let broker = SharedBroker::new();
    let builder = || Hub::builder().broker(broker.clone());
    let mut stage = Stage::of("127.0.0.1:0".parse().unwrap(), builder()).await;
    let mut hearing = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        let client = client(stage.addr, name).connect();
        let heard = client.topic("t").unwrap().subscribe().into_future();
        let mut heard = soon(heard).await.unwrap();
        hearing.push(tokio::spawn(async move {
            for n in 1..=COUNT {
                assert_eq!(number(&mut heard).await, n);
            }
            (client, heard)
        }));
    }
    stage.publish("t", 1..=100).await;
    let old = stage.hand_over(builder());
    let mut plan = Shutdown::default();
    plan.window = Duration::from_millis(300);
    let leaving = tokio::spawn(async move { (old.shut_down(&plan).await, old.sessions()) });
    for n in 101..=COUNT {
        stage.publish("t", n..=n).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for heard in hearing {
        soon(heard).await.unwrap();
    }
    let (report, left) = soon(leaving).await.unwrap();
    assert_eq!((report.closed_clean, report.total(), left), (3, 3, 0));
}
