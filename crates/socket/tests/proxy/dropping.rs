//! Cancel safety: a dropped future closes what it had opened.

use everwire::Connector;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::opening::read_head;
use crate::played::{hear, play, see_off};

const URI: &str = "ws://server.example/";

/// How far a proxy gets before the connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Accepted,
    Asked,
    Tunnel,
}

async fn give_up(connector: Connector, reached: tokio::sync::oneshot::Receiver<()>) {
    let opening = connector.connect(URI);
    tokio::select! {
        result = opening => panic!("{result:?}"),
        reached = reached => reached.unwrap(),
    }
}

#[tokio::test]
async fn dropping_connect_leaves_the_proxy() {
    for step in [Step::Accepted, Step::Asked, Step::Tunnel] {
        let (sender, reached) = tokio::sync::oneshot::channel();
        let proxy = play(async move |mut stream: TcpStream| {
            if step != Step::Accepted {
                read_head(&mut stream).await;
            }
            if step == Step::Tunnel {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                read_head(&mut stream).await;
            }
            sender.send(()).unwrap();
            see_off(stream).await;
        })
        .await;
        give_up(proxy.connector("http://"), reached).await;
        proxy.end().await;
    }
}

#[tokio::test]
async fn dropping_connect_leaves_the_socks_proxy() {
    for step in [Step::Accepted, Step::Asked, Step::Tunnel] {
        let (sender, reached) = tokio::sync::oneshot::channel();
        let proxy = play(async move |mut stream: TcpStream| {
            if step != Step::Accepted {
                hear(&mut stream, 3).await;
                stream.write_all(&[5, 0]).await.unwrap();
                hear(&mut stream, 21).await;
            }
            if step == Step::Tunnel {
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                read_head(&mut stream).await;
            }
            sender.send(()).unwrap();
            see_off(stream).await;
        })
        .await;
        give_up(proxy.connector("socks5h://"), reached).await;
        proxy.end().await;
    }
}
