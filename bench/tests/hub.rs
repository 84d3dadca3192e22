//! The load generator among the clients of a hub, which is played here.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use everwire_bench::client::Client;
use everwire_bench::frame::{Header, MASK_LEN, unmask};
use everwire_bench::handshake::{Response, respond};
use everwire_bench::hub::Dialect;
use everwire_bench::load::{self, RecoveryPlan, Return};
use everwire_bench::script::{Content, Plan, Script};
use everwire_bench::transport::Dialer;

const LETTERS: usize = 40;

/// A hub's connection.
struct Link(TcpStream);

impl Link {
    /// The next connection, when its handshake is done.
    fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = vec![0; 4096];
        let len = stream.read(&mut head).unwrap();
        let Response::Accept { response, .. } = respond(&head[..len]) else { panic!("{head:?}") };
        let asked = String::from_utf8_lossy(&head[..len]).to_string();
        assert!(asked.contains("Sec-WebSocket-Protocol: everwire.json.v1\r\n"), "{asked}");
        let agreed = "Sec-WebSocket-Protocol: everwire.json.v1\r\n\r\n";
        stream
            .write_all(format!("{}{agreed}", &response[..response.len() - 2]).as_bytes())
            .unwrap();
        Self(stream)
    }

    fn hear(&mut self) -> String {
        let mut head = vec![0; 2 + MASK_LEN];
        self.0.read_exact(&mut head).unwrap();
        if head[1] & 0x7f == 126 {
            head.extend([0; 2]);
            self.0.read_exact(&mut head[2 + MASK_LEN..]).unwrap();
        }
        let header = Header::decode(&head).unwrap();
        let mut payload = vec![0; header.payload];
        self.0.read_exact(&mut payload).unwrap();
        let key = head[head.len() - MASK_LEN..].try_into().unwrap();
        unmask(&mut payload, key);
        String::from_utf8(payload).unwrap()
    }

    fn say(&mut self, text: &str) {
        let len = u16::try_from(text.len()).unwrap().to_be_bytes();
        // A client that has heard something wrong is gone by now.
        let _ = self.0.write_all(&[&[0x81, 126, len[0], len[1]], text.as_bytes()].concat());
    }

    /// Answers `connect`, which has to say these.
    fn let_in(&mut self, parts: &[&str], answer: &str) {
        let connect = self.hear();
        for part in parts {
            assert!(connect.contains(part), "{connect}");
        }
        self.say(&format!(r#"{{"id":1,"ok":{{"version":1,"key":"k",{answer}}}}}"#));
    }

    fn publish(&mut self, offset: u64) {
        let letters = "x".repeat(LETTERS);
        let place =
            format!(r#""offset":{offset},"tag":{},"prev":{}"#, offset * 7, (offset - 1) * 7);
        self.say(&format!(
            r#"{{"pub":{{"topic":"feed:bench",{place},"time":1,"data":"{letters}"}}}}"#
        ));
    }
}

const AT_THE_BEGINNING: &str = r#""session":"s","resumed":false,"got":0,"subscriptions":{"feed:bench":{"ok":{"position":{"epoch":"e","offset":0,"tag":0}}}}"#;

fn listen() -> (TcpListener, Dialer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/hub", listener.local_addr().unwrap());
    let dialer = Dialer::new(&url, None).unwrap();
    (listener, dialer.with_subprotocol(Some(Dialect::JSON.subprotocol())))
}

#[test]
fn a_subscriber_counts_publications_and_says_how_many_messages_it_got() {
    let (listener, dialer) = listen();
    let server = thread::spawn(move || {
        let mut link = Link::accept(&listener);
        link.let_in(&[r#""subscriptions":{"feed:bench":{}}"#], AT_THE_BEGINNING);
        assert!(link.hear().contains(r#""publish":{"topic":"feed:bench","data":"xxx"#));
        link.say(r#"{"id":1,"ok":{"offset":1,"epoch":"e"}}"#);
        link.say(r#"{"got":1}"#);
        (1..=70).for_each(|offset| link.publish(offset));
        // The reply is one of them, the heartbeat is none.
        assert_eq!(link.hear(), r#"{"got":64}"#);
    });
    let plan = Plan { content: Content::Hub(Dialect::JSON), ..Plan::binary(LETTERS) };
    let script = Script::new(&plan, 1);
    let mut client = Client::open(&dialer, &script, false).unwrap();
    client.stream().set_nonblocking(false).unwrap();
    client.send(&script, 1, Instant::now()).unwrap();
    let mut buffer = [0; 4096];
    let mut publications = 0;
    while publications < 70 {
        let len = client.read(&mut buffer).unwrap().unwrap();
        publications += client.receive(&buffer[..len]).unwrap().messages;
    }
    assert_eq!(publications, 70);
    server.join().unwrap();
}

/// One member is cut off, misses two publications and comes back to a hub that answers so.
fn recovery(kind: Return, answer: &'static str, heard: &'static [u64]) -> std::io::Result<()> {
    let (listener, dialer) = listen();
    let server = thread::spawn(move || {
        let mut member = Link::accept(&listener);
        member.let_in(&[r#""client":"bench-0""#], AT_THE_BEGINNING);
        let mut publisher = Link::accept(&listener);
        assert!(member.0.read(&mut [0]).is_err(), "the member is reset");
        publisher.let_in(&[], AT_THE_BEGINNING);
        (1..=2).for_each(|offset| publisher.publish(offset));
        let mut member = Link::accept(&listener);
        let resume = r#""resume":{"session":"s","key":"k","got":0}"#;
        member.let_in(&[resume, r#""from":{"epoch":"e","offset":0,"tag":0}"#], answer);
        heard.iter().for_each(|offset| member.publish(*offset));
        // Both stay as long as the load does.
        let _ = (publisher.0.read_to_end(&mut Vec::new()), member.0.read_to_end(&mut Vec::new()));
    });
    let plan = RecoveryPlan { dialer, members: 1, missed: 2, size: LETTERS, kind };
    let result = load::recovery(&plan, || (), || ()).map(|report| assert_eq!(report.messages, 1));
    server.join().unwrap();
    result
}

const RESUMED: &str = r#""session":"s","resumed":true,"got":0"#;
const RECOVERED: &str = r#""session":"t","resumed":false,"got":0,"subscriptions":{"feed:bench":{"ok":{"recovered":true}}}"#;

#[test]
fn a_member_that_gets_what_it_missed_has_come_back() {
    recovery(Return::Resumed, RESUMED, &[1, 2]).unwrap();
    recovery(Return::Recovered, RECOVERED, &[1, 2]).unwrap();
}

#[test]
fn whatever_is_missing_or_comes_twice_is_noticed() {
    for wrong in [&[2, 1][..], &[1, 1], &[2]] {
        let error = recovery(Return::Resumed, RESUMED, wrong).unwrap_err();
        assert!(error.to_string().contains("member 0"), "{error}");
    }
}

#[test]
fn who_comes_back_otherwise_than_expected_is_noticed() {
    assert!(recovery(Return::Resumed, RECOVERED, &[1, 2]).is_err());
    assert!(recovery(Return::Recovered, RESUMED, &[1, 2]).is_err());
}
