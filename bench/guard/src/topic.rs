//! One publication to the hundred subscribers of a hub's topic.

use std::sync::Arc;

use everwire::{Agreement, Config, Role, WebSocket};
use everwire_hub::proto::{Encoding, ErrorReply, Payload, Topic};
use everwire_hub::{Access, Endpoint, Hub, Session};

use crate::streams::{Subscriber, on_a_thread};

const SUBSCRIBERS: u64 = 100;

/// Whoever comes may subscribe.
struct Open;

impl Endpoint for Open {
    async fn allow(&self, _: &Session, _: Access, _: &Topic) -> Result<(), ErrorReply> {
        Ok(())
    }
}

/// `count` deliveries of `len` letters: a publication follows when everyone has got the one before.
pub(crate) fn run(encoding: Encoding, len: usize, count: u64) {
    on_a_thread(async {
        let hub = Hub::builder().endpoint("/hub", Open).expect("it is a path").build();
        let config = Arc::new(Config::default());
        for _ in 0..SUBSCRIBERS {
            let agreement = Agreement::new(Some(encoding.subprotocol().to_owned()), None);
            let socket = WebSocket::from_handshake(
                Subscriber::new("feed"),
                Role::Server,
                agreement,
                Vec::new(),
                config.clone(),
            );
            let request = http::Request::get("/hub").body(()).expect("it is a request");
            tokio::spawn(hub.serve(&request, socket));
        }
        heard(SUBSCRIBERS).await;
        let topic = Topic::new("feed").expect("it is a name");
        let payload = Payload::of(&"a".repeat(len)).expect("it is JSON");
        for _ in 0..count / SUBSCRIBERS {
            Subscriber::forget();
            hub.publish(&topic, payload.clone()).await.expect("there is room");
            heard(SUBSCRIBERS).await;
        }
    });
}

async fn heard(writes: u64) {
    while Subscriber::heard() < writes {
        tokio::task::yield_now().await;
    }
}
