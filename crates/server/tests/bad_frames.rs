//! Bad and hostile frames, sent to `/echo` of a running server byte by byte: rows F, G, U, C and D of
//! `bad-inputs.toml`. It answers as the table says, and keeps serving.

mod process;

use std::time::Duration;

use everwire_testkit::{Frame, Peer};
use process::{Server, Witness};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// The bytes of a client's frames.
fn bytes(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(|frame| frame.masked().encode()).collect()
}

/// Sends bytes one at a time.
async fn drip(peer: &mut Peer<TcpStream>, bytes: &[u8]) {
    for byte in bytes {
        // The server may have heard enough.
        if peer.stream.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}

/// Opens a connection with these headers for each of the byte strings, sends it, and expects a close
/// frame with one of the codes, the end of the stream, and service for others.
async fn fails(headers: &str, inputs: impl IntoIterator<Item = (Vec<u8>, &'static [u16])>) {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for (input, codes) in inputs {
        let shown = &input[..input.len().min(40)];
        let (_, mut peer) = server.open_with("/echo", headers).await;
        // What was complete before is answered.
        peer.send(Frame::text("before")).await;
        assert_eq!(peer.next_payload().await, b"before");
        drip(&mut peer, &input).await;
        let close = peer.next().await.unwrap_or_else(|| panic!("{shown:02x?} was not answered"));
        let code = close.close_code().unwrap_or_else(|| panic!("{shown:02x?}: {close:?}"));
        assert!(codes.contains(&code), "{shown:02x?} was answered with {code}");
        assert_eq!(peer.end().await.unwrap_or_default(), [], "nothing follows {shown:02x?}");
    }
    witness.is_served(&server).await;
}

/// Sends bytes one at a time on a new connection; gives the frames that come back up to the close
/// frame that ends it.
async fn legal(headers: &str, inputs: impl IntoIterator<Item = (Vec<u8>, Vec<(u8, Vec<u8>)>)>) {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for (input, expected) in inputs {
        let (_, mut peer) = server.open_with("/echo", headers).await;
        drip(&mut peer, &input).await;
        peer.send(Frame::close(1000, "")).await;
        let frames = peer.end().await.expect("a clean end");
        let (close, frames) = frames.split_last().expect("an answer to the close frame");
        assert_eq!(close.close_code(), Some(1000), "{input:02x?}: {close:?}");
        let mut seen: Vec<_> =
            frames.iter().map(|frame| (frame.opcode, frame.payload.clone())).collect();
        // Pongs may overtake messages.
        let mut expected = expected;
        seen.sort_by_key(|(opcode, _)| *opcode >= 0x8);
        expected.sort_by_key(|(opcode, _)| *opcode >= 0x8);
        assert_eq!(seen, expected);
    }
    witness.is_served(&server).await;
}

// row: F1, F2, F3, F4, F5, F6
#[tokio::test]
async fn illegal_headers_fail_at_the_header() {
    let mut inputs: Vec<(Vec<u8>, &[u16])> = vec![
        (Frame::text("unmasked").encode(), &[1002]),
        (bytes([Frame::binary(vec![0; 10]).announcing_in_16_bits(125)]), &[1002]),
        (bytes([Frame::binary("").announcing_in_64_bits(65_535)]), &[1002]),
        (bytes([Frame::binary("").announcing_in_64_bits(1 << 63)]), &[1002]),
        (bytes([Frame::binary("").announcing_in_64_bits((1 << 63) - 1)]), &[1002, 1009]),
        (bytes([Frame::binary("").announcing_in_64_bits((1 << 32) + 1)]), &[1009]),
        // And then silence.
        (bytes([Frame::binary("").announcing((16 << 20) + 1)]), &[1009]),
        (bytes([Frame::text("x").unfinished(), Frame::continuation("y").rsv1()]), &[1002]),
    ];
    for rsv in 1..8 {
        inputs.push((bytes([Frame::text("x").rsv(rsv)]), &[1002]));
        inputs.push((bytes([Frame::ping("x").rsv(rsv)]), &[1002]));
    }
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        inputs.push((bytes([Frame::new(opcode, "")]), &[1002]));
        inputs.push((bytes([Frame::new(opcode, "").announcing((1 << 63) - 1)]), &[1002]));
    }
    fails("", inputs).await;
}

// row: F6
#[tokio::test]
async fn a_promise_allocates_nothing() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    let mut peers = Vec::new();
    for _ in 0..50 {
        let mut peer = server.open("/echo").await;
        peer.send_bytes(bytes([Frame::binary("a").announcing(16 << 20)])).await;
        peers.push(peer);
    }
    witness.is_served(&server).await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "50 promises of 16 MiB took {grown} bytes");
}

// row: F7, F8, U2, U4, C8, G7
#[tokio::test]
async fn what_is_unusual_but_legal_is_echoed() {
    let ping = |len: usize| Frame::ping(vec![b'p'; len]);
    let text = "é€😀";
    let (one, two) = text.as_bytes().split_at(4);
    let every_byte: Vec<u8> = (0..=255).collect();
    legal(
        "",
        [
            (bytes([Frame::text("")]), vec![(1, vec![])]),
            (bytes([Frame::binary("")]), vec![(2, vec![])]),
            (Frame::text("zero").masked_with([0; 4]).encode(), vec![(1, b"zero".to_vec())]),
            (
                bytes([
                    Frame::text("").unfinished(),
                    Frame::continuation("").unfinished(),
                    Frame::continuation(""),
                ]),
                vec![(1, vec![])],
            ),
            (
                bytes([
                    Frame::text(one).unfinished(),
                    ping(0),
                    Frame::continuation(two),
                    ping(125),
                ]),
                vec![(0xA, vec![]), (1, text.into()), (0xA, vec![b'p'; 125])],
            ),
            (bytes([Frame::binary(&every_byte)]), vec![(2, every_byte.clone())]),
            (
                bytes([Frame::text("\u{feff}\0\u{fffe}")]),
                vec![(1, "\u{feff}\0\u{fffe}".as_bytes().to_vec())],
            ),
            (bytes([Frame::pong("unasked"), Frame::pong("")]), vec![]),
            (bytes([Frame::binary(vec![7; 126])]), vec![(2, vec![7; 126])]),
        ],
    )
    .await;
}

// row: F9, G7
#[tokio::test]
async fn an_end_inside_a_frame_or_a_message_ends_the_connection() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let whole = bytes([Frame::text("unfinished").unfinished(), Frame::continuation("end")]);
    for end in [1, 3, 6, 10, 16, 17, 20, whole.len() - 1] {
        let mut peer = server.open("/echo").await;
        drip(&mut peer, &whole[..end]).await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(peer.end().await.unwrap_or_default(), [], "no echo of a part");
    }
    // A close in the middle: the unfinished message is dropped.
    let mut peer = server.open("/echo").await;
    peer.send_all([Frame::text("unfinished").unfinished(), Frame::close(1000, "")]).await;
    assert_eq!(peer.next().await.unwrap().close_code(), Some(1000));
    assert_eq!(peer.next().await, None);
    witness.is_served(&server).await;
}

// row: G1, C1, C2
#[tokio::test]
async fn frames_out_of_order_and_illegal_control_frames_fail() {
    let mut inputs: Vec<(Vec<u8>, &[u16])> = vec![
        (bytes([Frame::continuation("first")]), &[1002]),
        (bytes([Frame::continuation("first").unfinished()]), &[1002]),
        (bytes([Frame::text("one").unfinished(), Frame::text("two")]), &[1002]),
        (bytes([Frame::text("one").unfinished(), Frame::binary("two").unfinished()]), &[1002]),
        (bytes([Frame::ping("half").unfinished()]), &[1002]),
        (bytes([Frame::close(1000, "half").unfinished()]), &[1002]),
        (bytes([Frame::ping(vec![0; 126])]), &[1002]),
        (bytes([Frame::pong(vec![0; 126])]), &[1002]),
        (bytes([Frame::close_with([[3, 232].to_vec(), vec![b'a'; 124]].concat())]), &[1002]),
        (bytes([Frame::close_with("x")]), &[1002]),
    ];
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        inputs.push((bytes([Frame::close(code, "")]), &[1002]));
    }
    fails("", inputs).await;
}

// row: U1, U3
#[tokio::test]
async fn what_is_not_utf_8_fails_at_the_first_impossible_byte() {
    let bad: [&[u8]; 8] = [
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5",
        b"\xff",
        b"\x80",
        b"ok\xe2\x82",
    ];
    let mut inputs: Vec<(Vec<u8>, &[u16])> = Vec::new();
    for text in bad {
        inputs.push((bytes([Frame::text(text)]), &[1007]));
        inputs.push((bytes([Frame::text("ok").unfinished(), Frame::continuation(text)]), &[1007]));
        inputs.push((
            bytes([Frame::close_with([&1000_u16.to_be_bytes()[..], text].concat())]),
            &[1007],
        ));
    }
    // At the byte: more is announced, and never comes.
    inputs.push((bytes([Frame::text(b"a\xf5").announcing(1000)]), &[1007]));
    inputs.push((bytes([Frame::text(b"a\xed\xa0").unfinished().announcing(1000)]), &[1007]));
    fails("", inputs).await;
}

// row: C3, C4
#[tokio::test]
async fn unusual_closes_are_clean() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    for close in [
        Frame::close_with(""),
        Frame::close(1000, &"r".repeat(123)),
        Frame::close(1012, ""),
        Frame::close(1014, ""),
        Frame::close(3000, ""),
        Frame::close(4999, "bye"),
    ] {
        let mut peer = server.open("/echo").await;
        let late = [close, Frame::text("late"), Frame::ping("late"), Frame::close(1001, "second")];
        drip(&mut peer, &bytes(late)).await;
        let answer = peer.next().await.unwrap();
        assert_eq!(answer.opcode, 0x8);
        assert_eq!(peer.end().await.unwrap_or_default(), [], "answered once, and nothing else");
    }
    witness.is_served(&server).await;
}

// row: C5
#[tokio::test]
async fn a_peer_that_never_closes_tcp_is_let_go() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let began = Instant::now();
    let mut peer = server.open("/echo").await;
    peer.send(Frame::new(3, "")).await;
    assert_eq!(peer.next_close().await, 1002);
    assert_eq!(peer.next().await, None, "the server ends its direction at once");
    // Ours stays open, and the server does not wait for it for ever: its socket is gone when a write
    // is answered with a reset.
    let gone = async {
        while peer.stream.write_all(b"more").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("let go");
    assert!(began.elapsed() < Duration::from_secs(8));
    witness.is_served(&server).await;
}

// row: C6, C7
#[tokio::test]
async fn floods_of_control_frames_end_with_1008() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    for frame in [Frame::ping(vec![0; 125]), Frame::pong("unasked")] {
        let peer = server.open("/echo").await;
        let (mut read, mut write) = tokio::io::split(peer.stream);
        let flood = bytes(vec![frame; 1000]);
        let flooding = tokio::spawn(async move {
            // A peer that does not read its pongs.
            for _ in 0..1000 {
                if write.write_all(&flood).await.is_err() {
                    return;
                }
            }
        });
        tokio::time::timeout(process::PATIENCE, flooding).await.expect("cut off").unwrap();
        let mut answer = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
        // A reset may have destroyed the close frame: it floods on.
        if let Some(code) = answer.windows(4).position(|bytes| bytes[0] == 0x88) {
            assert_eq!(answer[code + 2..code + 4], 1008_u16.to_be_bytes());
        }
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "memory grew by {grown} bytes");
    witness.is_served(&server).await;
}

// row: G2
#[tokio::test]
async fn a_message_of_65_536_fragments_is_echoed() {
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let mut peer = server.open("/echo").await;
    let mut fragments = vec![Frame::continuation([7; 64]).unfinished(); 65_536];
    fragments[0] = Frame::binary([7; 64]).unfinished();
    fragments[65_535] = Frame::continuation([7; 64]);
    let began = Instant::now();
    peer.send_bytes(bytes(fragments)).await;
    let frame = peer.next().await.unwrap();
    assert_eq!((frame.opcode, frame.payload.len()), (2, 65_536 * 64));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    witness.is_served(&server).await;
}

/// Sends the first frame and then blocks of others until the server has had enough; gives the close
/// code, if a reset has not destroyed it, and how many bytes were sent.
async fn flood(server: &Server, headers: &str, first: Frame, other: Frame) -> (Option<u16>, usize) {
    let (_, peer) = server.open_with("/echo", headers).await;
    let (read, mut write) = tokio::io::split(peer.stream);
    let flooding = tokio::spawn(async move {
        let block = bytes(vec![other; 10_000]);
        let mut sent = 0;
        if write.write_all(&first.masked().encode()).await.is_err() {
            return sent;
        }
        // Ten million fragments, if nobody stops it; the network may hold a few megabytes of them.
        for _ in 0..1000 {
            if write.write_all(&block).await.is_err() {
                break;
            }
            sent += block.len();
        }
        sent
    });
    let reading = tokio::spawn(async move {
        let mut read = read;
        let mut answer = Vec::new();
        let mut chunk = [0; 1024];
        while let Ok(len @ 1..) = tokio::io::AsyncReadExt::read(&mut read, &mut chunk).await {
            answer.extend_from_slice(&chunk[..len]);
        }
        answer
    });
    let sent = tokio::time::timeout(process::PATIENCE, flooding).await.expect("cut off").unwrap();
    let answer = reading.await.unwrap();
    let close = everwire_testkit::read_frame(&answer).and_then(|(frame, _)| frame.close_code());
    (close, sent)
}

// row: G3, G4, G5
#[tokio::test]
async fn floods_of_fragments_are_cut_off() {
    /// What is read and dropped so that the close frame gets through.
    const DROPPED: usize = 32 << 20;
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let first = || Frame::binary("a").unfinished();
    let (code, sent) = flood(&server, "", first(), Frame::continuation("b").unfinished()).await;
    assert!(matches!(code, None | Some(1009)), "{code:?}");
    assert!(sent < DROPPED + (16 << 20), "cut off after {sent} bytes");
    let (code, sent) = flood(&server, "", first(), Frame::continuation("").unfinished()).await;
    assert!(matches!(code, None | Some(1008)), "{code:?}");
    assert!(sent < DROPPED + (16 << 20), "cut off after {sent} bytes");
    let large = Frame::continuation(vec![0; 1700]).unfinished();
    let (code, sent) = flood(&server, "", first(), large).await;
    assert!(matches!(code, None | Some(1009)), "{code:?}");
    assert!(sent < DROPPED + (32 << 20), "cut off after {sent} bytes");
    let memory = server.memory();
    assert!(memory < 100 << 20, "{memory} bytes in use");
    witness.is_served(&server).await;
}

// row: D1, D2, D3, D4
#[tokio::test]
async fn hostile_compression_is_cut_off() {
    let compressed = |payload: &[u8]| bytes([Frame::binary(payload).rsv1()]);
    fails(
        DEFLATE,
        [
            // Not DEFLATE: a reserved block type, a distance before the beginning, a cut stream.
            (compressed(b"\xff\xff\xff\xff"), &[1007][..]),
            (compressed(b"\x07"), &[1007]),
            (compressed(b"\x4b\x04\x62\x00"), &[1007]),
            (bytes([Frame::text("a").unfinished(), Frame::continuation("b").rsv1()]), &[1002]),
            (bytes([Frame::text(b"\x00").rsv(6)]), &[1002]),
            // "\xff" as text.
            (bytes([Frame::text(b"\xfa\x0f\x00").rsv1()]), &[1007]),
        ],
    )
    .await;
    // Compressed where nothing was negotiated.
    fails("", [(compressed(b"\x4b\x04\x00"), &[1002][..])]).await;
}

// row: D3
#[tokio::test]
async fn unusual_but_legal_compression_is_echoed() {
    let compressed = |payload: &[u8]| bytes([Frame::text(payload).rsv1()]);
    legal(
        DEFLATE,
        [
            // RFC 7692 §7.2.3: fixed, stored, with a final block, empty.
            (compressed(b"\xf2\x48\xcd\xc9\xc9\x07\x00"), vec![(1, b"Hello".to_vec())]),
            (compressed(b"\x00\x05\x00\xfa\xffHello\x00"), vec![(1, b"Hello".to_vec())]),
            (compressed(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), vec![(1, b"Hello".to_vec())]),
            (compressed(b"\x00"), vec![(1, vec![])]),
            // Not compressed, although it might be.
            (bytes([Frame::text("Hello")]), vec![(1, b"Hello".to_vec())]),
        ],
    )
    .await;
}

// row: D1
#[tokio::test]
async fn bombs_end_at_the_limit() {
    // 64 MiB out of half of one.
    let bomb = deflated_zeros(64 << 20);
    assert!(bomb.len() < 512 << 10, "{}", bomb.len());
    let server = Server::start(&[]);
    let mut witness = Witness::new(&server).await;
    let before = server.memory();
    for parts in [1, 100] {
        let (_, mut peer) = server.open_with("/echo", DEFLATE).await;
        let mut frames: Vec<Frame> = bomb
            .chunks(bomb.len().div_ceil(parts))
            .map(|part| Frame::continuation(part).unfinished())
            .collect();
        frames[0] = Frame::binary(&bomb[..bomb.len().div_ceil(parts)]).rsv1().unfinished();
        peer.send_all(frames).await;
        assert_eq!(peer.next_close().await, 1009);
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 40 << 20, "memory grew by {grown} bytes");
    witness.is_served(&server).await;
}

/// DEFLATE of `len` zeros by hand: a block with fixed codes, one literal and copies of 258 bytes at
/// distance 1 (RFC 1951 §3.2.6).
fn deflated_zeros(len: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0b010, 3); // Not final; fixed codes.
    bits.push_code(0b0011_0000, 8); // Literal 0.
    for _ in 0..len / 258 {
        bits.push_code(0b1100_0101, 8); // Length 258.
        bits.push_code(0, 5); // Distance 1.
    }
    bits.push_code(0, 7); // End of block.
    bits.push(0, 3); // Of the empty stored block, whose lengths RFC 7692 leaves out.
    bits.bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// Numbers: the lowest bit first.
    fn push(&mut self, value: u32, count: u32) {
        for n in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("a byte was begun");
            *last |= ((value >> n & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// Codes: the highest bit first.
    fn push_code(&mut self, value: u32, count: u32) {
        for n in (0..count).rev() {
            self.push(value >> n & 1, 1);
        }
    }
}
