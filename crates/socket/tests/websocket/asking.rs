//! What a WebSocket says of itself: the names of the WHATWG standard.

use everwire::{Agreement, ReadyState, Role};
use tokio::io::duplex;

use crate::sockets::{deflate, end, open_agreed, pair, quiet};

#[tokio::test]
async fn the_ready_state_goes_from_open_through_closing_to_closed() {
    let (mut client, mut server) = pair(&quiet());
    assert_eq!(client.ready_state(), ReadyState::Open);
    client.start_close(None);
    assert_eq!(client.ready_state(), ReadyState::Closing);
    end(&mut server).await;
    end(&mut client).await;
    assert_eq!(client.ready_state(), ReadyState::Closed);
    assert_eq!(server.ready_state(), ReadyState::Closed);
}

#[tokio::test]
async fn a_handshake_without_extensions_leaves_both_names_empty() {
    let (client, server) = pair(&quiet());
    assert_eq!((client.protocol(), &*client.extensions()), ("", ""));
    assert_eq!((client.role(), server.role()), (Role::Client, Role::Server));
    assert_eq!(client.round_trip(), None);
}

#[tokio::test]
async fn the_negotiated_subprotocol_and_extension_are_named() {
    let (near, _far) = duplex(1024);
    let params = deflate().deflate().copied();
    let agreement = Agreement::new(Some("chat.v2".into()), params);
    let server = open_agreed(near, Role::Server, agreement, &quiet());
    assert_eq!(server.protocol(), "chat.v2");
    assert!(server.extensions().starts_with("permessage-deflate"), "{}", server.extensions());
}

#[tokio::test]
async fn sockets_can_be_printed_without_their_content() {
    let (client, _server) = pair(&quiet());
    client.feed("secret").await.unwrap();
    let printed = format!("{client:?} {:?}", client.sender());
    assert!(printed.contains("Open") && !printed.contains("secret"), "{printed}");
}
