//! The table of attacks.

use std::time::Duration;

use flate2::{Compress, Compression};

use crate::frame::{MASK_LEN, client_frame};
use crate::script::{self, Content, Deflate, KEY, Plan, Script};
use crate::transport::Dialer;

/// What an inflated message may have by default with Everwire, and with most servers is set to
/// here.
const LIMIT: usize = 16 << 20;

/// Longer than Everwire lets a handshake take.
const HANDSHAKES: Duration = Duration::from_secs(11);

/// Long enough for a violation to be answered.
const FRAMES: Duration = Duration::from_secs(2);

/// Something that each connection of an attack does.
#[derive(Debug)]
pub struct Attack {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// How many connections do it: fewer where each of them is to pin much.
    pub connections: usize,
    pub(super) stage: Stage,
    pub(super) pace: Pace,
    /// Says after its bytes that there will be no more.
    pub(super) half_close: bool,
    /// What each connection sends.
    pub(super) bytes: fn(&Dialer) -> Vec<u8>,
    /// How long connections are watched after the memory was read.
    pub(super) watch: Duration,
}

/// When it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// On a connection on which nothing was said.
    Handshake,
    /// On an open WebSocket.
    Open(Deflate),
}

/// How fast it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// As fast as the server takes it.
    AtOnce,
    /// So many bytes every tenth of a second.
    Trickle(usize),
}

impl Pace {
    /// How many of `len` bytes may have been sent after `elapsed`.
    pub(super) fn due(self, elapsed: Duration, len: usize) -> usize {
        match self {
            Self::AtOnce => len,
            Self::Trickle(each) => len.min((1 + elapsed.as_millis() as usize / 100) * each),
        }
    }
}

const PLAIN: Stage = Stage::Open(Deflate::Off);
const DEFLATE: Stage = Stage::Open(Deflate::NoTakeover);

const fn attack(
    name: &'static str,
    about: &'static str,
    connections: usize,
    stage: Stage,
    bytes: fn(&Dialer) -> Vec<u8>,
) -> Attack {
    let watch = if let Stage::Handshake = stage { HANDSHAKES } else { FRAMES };
    Attack { name, about, connections, stage, pace: Pace::AtOnce, half_close: false, bytes, watch }
}

/// All of them.
#[rustfmt::skip]
pub const ATTACKS: &[Attack] = &[
    attack("head-half", "4 KiB of a request head, then silence", 800, Stage::Handshake,
        |dialer| head(dialer, 4096)),
    Attack { pace: Pace::Trickle(64), ..attack("head-endless",
        "a request head that goes on, 64 bytes every 100 ms", 800, Stage::Handshake,
        |dialer| head(dialer, 4096)) },
    attack("promise", "a frame of 16 MiB by its header, 4 KiB of it, then silence", 1000, PLAIN,
        |_| frame_start(0x82, LIMIT, 4096)),
    attack("unfinished", "a first fragment of 1 MiB, then silence", 200, PLAIN,
        |_| fragment(0x02, &vec![7; 1 << 20])),
    attack("tiny", "65,536 fragments of 1 byte", 200, PLAIN,
        |_| [fragment(0x02, b"x"), fragment(0x00, b"x").repeat(65_535)].concat()),
    attack("empty", "65,536 fragments of nothing", 200, PLAIN,
        |_| [fragment(0x02, b""), fragment(0x00, b"").repeat(65_535)].concat()),
    attack("pings", "16,384 pings of 125 bytes whose pongs are not read", 200, PLAIN,
        |_| client_frame(9, &[7; 125], KEY).repeat(16_384)),
    attack("echoes", "messages of 1 KiB whose echoes are not read, up to 16 MiB", 100, PLAIN,
        |_| client_frame(2, &[7; 1024], KEY).repeat(16 * 1024)),
    Attack { half_close: true, ..attack("half-closed",
        "a first fragment of 4 KiB, then the end of the connection one way", 1000, PLAIN,
        |_| fragment(0x02, &[7; 4096])) },
    attack("deflate-half", "half of a compressed message of 64 KiB", 200, DEFLATE,
        |_| half_compressed(64 << 10)),
    attack("bomb", "a first fragment of zeros, 64 MiB inflated", 50, DEFLATE,
        |_| bomb(&vec![0; 64 << 20])),
    attack("bomb-above", "a first fragment of zeros, 16 MiB and 1 KiB inflated", 50, DEFLATE,
        |_| bomb(&vec![0; LIMIT + 1024])),
    attack("bomb-below", "a first fragment of zeros, 1 KiB less than 16 MiB inflated", 50, DEFLATE,
        |_| bomb(&vec![0; LIMIT - 1024])),
    attack("bomb-slow", "a first fragment that grows 200 times, to 1 KiB less than 16 MiB", 100, DEFLATE,
        |_| bomb(&grows_200_times(LIMIT - 1024))),
];

/// The beginning of a request, `len` bytes of it, without its end.
fn head(dialer: &Dialer, len: usize) -> Vec<u8> {
    let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", dialer.path(), dialer.host());
    // Few enough for servers that count them.
    while head.len() < len {
        head.push_str(&format!("X-{:04}: {}\r\n", head.len(), "x".repeat(120)));
    }
    head.truncate(len);
    head.into_bytes()
}

/// A frame that does not end its message.
fn fragment(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = client_frame(first, payload, KEY);
    frame[0] &= 0x7f;
    frame
}

/// The first bytes of a frame of `len` bytes: its header and `here` bytes of payload.
fn frame_start(first: u8, len: usize, here: usize) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | 127];
    frame.extend((len as u64).to_be_bytes());
    frame.extend(KEY);
    frame.resize(10 + MASK_LEN + here, 7);
    frame
}

/// The first half of a compressed message of `size` bytes.
fn half_compressed(size: usize) -> Vec<u8> {
    let plan = Plan { content: Content::Json, size, fragments: 1, deflate: Deflate::NoTakeover };
    let script = Script::new(&plan, 1);
    let message = script.message(0);
    message[..message.len() / 2].to_vec()
}

/// A compressed first fragment. All of `payload` can be inflated without the next.
fn bomb(payload: &[u8]) -> Vec<u8> {
    let compressed = script::deflate(&mut Compress::new(Compression::best(), false), payload);
    // RFC 7692 §6: the first fragment says that the message is compressed.
    fragment(0x42, &compressed)
}

/// Below the ratio at which Everwire calls it a bomb.
fn grows_200_times(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let byte = |at: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if at % 1320 < 3 { (state >> 24) as u8 } else { 0 }
    };
    (0..len).map(byte).collect()
}

/// For the command line.
///
/// # Errors
///
/// With the names that there are.
pub fn find(name: &str) -> Result<&'static Attack, String> {
    let names = || ATTACKS.iter().map(|attack| attack.name).collect::<Vec<_>>().join(", ");
    ATTACKS
        .iter()
        .find(|attack| attack.name == name)
        .ok_or_else(|| format!("no attack `{name}`, there are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Header, unmask};
    use crate::script::Inflater;

    fn dialer() -> Dialer {
        Dialer::new("ws://127.0.0.1:8000/echo", None).unwrap()
    }

    #[test]
    fn names_are_unique_and_every_attack_has_bytes() {
        let mut names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ATTACKS.len());
        assert!(ATTACKS.iter().all(|attack| (attack.bytes)(&dialer()).len() >= 4096));
    }

    #[test]
    fn a_head_does_not_end() {
        let head = String::from_utf8(head(&dialer(), 4096)).unwrap();
        assert!(head.starts_with("GET /echo HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nX-"));
        assert!(!head.contains("\r\n\r\n"));
        assert_eq!(head.len(), 4096);
    }

    #[test]
    fn bombs_inflate_to_what_is_said_of_them() {
        let inflated = |name: &str| {
            let bytes = (find(name).unwrap().bytes)(&dialer());
            let header = Header::decode(&bytes).unwrap();
            assert_eq!((header.first, header.frame_len()), (0x42, bytes.len()), "{name}");
            let mut payload = bytes[header.len + MASK_LEN..].to_vec();
            unmask(&mut payload, KEY);
            (Inflater::default().inflate(&payload).unwrap().len(), payload.len())
        };
        assert_eq!(inflated("bomb").0, 64 << 20);
        assert_eq!(inflated("bomb-above").0, LIMIT + 1024);
        assert_eq!(inflated("bomb-below").0, LIMIT - 1024);
        let (long, short) = inflated("bomb-slow");
        assert_eq!(long, LIMIT - 1024);
        assert!((180..230).contains(&(long / short)), "{}", long / short);
    }

    #[test]
    fn a_trickle_takes_its_time() {
        assert_eq!(Pace::Trickle(64).due(Duration::from_millis(950), 4096), 640);
        assert_eq!(Pace::Trickle(64).due(Duration::from_secs(60), 4096), 4096);
        assert_eq!(Pace::AtOnce.due(Duration::ZERO, 4096), 4096);
    }
}
