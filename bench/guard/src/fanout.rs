//! One message to the thousand members of a group.

use std::sync::Arc;

use everwire::{Agreement, Config, Group, Role, SharedFrame, WebSocket};

use crate::frames;
use crate::streams::{Listener, on_a_thread};

const MEMBERS: u64 = 1000;

/// `count` deliveries of `len` bytes: a publication follows when everyone has got the one before.
pub(crate) fn run(len: usize, count: u64) {
    on_a_thread(async {
        let group = Group::new();
        let config = Arc::new(Config::default());
        let members: Vec<_> = (0..MEMBERS)
            .map(|_| {
                let (config, agreement) = (config.clone(), Agreement::default());
                let socket = WebSocket::from_handshake(
                    Listener,
                    Role::Server,
                    agreement,
                    Vec::new(),
                    config,
                );
                (group.join(&socket), socket)
            })
            .collect();
        let message = SharedFrame::new("a".repeat(len));
        let all = MEMBERS as usize * frames::answer(len).len();
        for _ in 0..count / MEMBERS {
            Listener::forget();
            let delivery = group.send_frame(&message.clone());
            assert_eq!(delivery.queued as u64, MEMBERS);
            while Listener::heard() < all {
                tokio::task::yield_now().await;
            }
        }
        drop(members);
    });
}
