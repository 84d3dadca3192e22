//! The load generator among Socket.IO's clients.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use everwire_bench::client::Client;
use everwire_bench::frame::{Header, MASK_LEN, unmask};
use everwire_bench::handshake::{Response, respond};
use everwire_bench::script::{Content, Plan, Script};
use everwire_bench::transport::Dialer;

/// A frame of a server, short and whole.
fn frame(text: &str) -> Vec<u8> {
    [&[0x81, text.len() as u8], text.as_bytes()].concat()
}

/// The payload of the next frame of a client.
fn hear(stream: &mut TcpStream) -> String {
    let mut head = [0; 2 + MASK_LEN];
    stream.read_exact(&mut head).unwrap();
    let mut payload = vec![0; Header::decode(&head).unwrap().payload];
    stream.read_exact(&mut payload).unwrap();
    unmask(&mut payload, head[2..].try_into().unwrap());
    String::from_utf8(payload).unwrap()
}

#[test]
fn it_joins_the_namespace_counts_events_and_answers_pings() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/broadcast/?EIO=4", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0; 4096];
        let len = stream.read(&mut head).unwrap();
        let Response::Accept { response, .. } = respond(&head[..len]) else { panic!("{head:?}") };
        // The first packet comes with the answer to the handshake.
        let open = frame(r#"0{"sid":"a","pingInterval":25000}"#);
        stream.write_all(&[response.as_bytes(), &open].concat()).unwrap();
        assert_eq!(hear(&mut stream), "40");
        stream.write_all(&frame(r#"40{"sid":"b"}"#)).unwrap();
        assert_eq!(hear(&mut stream), r#"42["message","xxxxx"]"#);
        let event = frame(r#"42["message","xxxxx"]"#);
        stream.write_all(&[&event[..], &frame("2"), &event].concat()).unwrap();
        assert_eq!(hear(&mut stream), "3");
    });
    let plan = Plan { content: Content::SocketIo, ..Plan::binary(5) };
    let script = Script::new(&plan, 1);
    let dialer = Dialer::new(&url, None).unwrap();
    let mut client = Client::open(&dialer, &script, false).unwrap();
    client.stream().set_nonblocking(false).unwrap();
    client.send(&script, 1, std::time::Instant::now()).unwrap();
    let mut buffer = [0; 4096];
    let mut events = 0;
    while events < 2 {
        let len = client.read(&mut buffer).unwrap().unwrap();
        events += client.receive(&buffer[..len]).unwrap().messages;
    }
    server.join().unwrap();
    assert_eq!(events, 2, "a ping is no event");
}
