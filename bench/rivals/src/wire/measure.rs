//! Nanoseconds, bytes per nanosecond, allocations.

use std::hint::black_box;
use std::time::{Duration, Instant};

use everwire_testkit::allocations;
use tokio::runtime::Runtime;

use crate::endless::Endless;
use crate::library::{Ended, IsUtf8, Library, Unmask};
use crate::payload::{KEY, Payload};

/// A run is repeated with more work until it takes so long.
const RUN: Duration = Duration::from_millis(20);

/// Runs whose median counts.
const RUNS: usize = 5;

/// Messages of the shorter of the two runs whose allocations are compared.
const FEW: u64 = 2_000;

/// By how many bytes the other is longer, messages of less than 640 bytes counted as such: a visitor may be
/// shown all that several reads bring before it has a say.
const MORE: usize = 64 << 20;

const SIZES: [(&str, usize); 3] = [("14", 14), ("1k", 1024), ("64k", 64 * 1024)];

/// Everything, by name: `…_ns` for one message, `…_gbps` in bytes per nanosecond, `…_allocations` for
/// one message.
pub(crate) fn all<L: Library>() -> Vec<(String, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut figures = Vec::new();
    let mut add = |name: String, figure| figures.push((name, figure));
    for (name, len) in SIZES {
        let payload = Payload::binary(len);
        let decode = |count| decode::<L>(&runtime, &payload, count);
        add(format!("decode_{name}_ns"), nanoseconds(decode));
        add(format!("decode_{name}_allocations"), allocated(len, decode));
        let encode = |count| encode::<L>(&runtime, &payload, count);
        add(format!("encode_{name}_ns"), nanoseconds(encode));
        add(format!("encode_{name}_allocations"), allocated(len, encode));
    }
    let text = Payload::text(64 * 1024);
    add("decode_64k_text_ns".to_owned(), nanoseconds(|count| decode::<L>(&runtime, &text, count)));
    for (name, len) in [("1k", 1024), ("64k", 64 * 1024)] {
        if let Some(unmask) = L::UNMASK {
            add(format!("unmask_{name}_gbps"), throughput(len, again_unmasked(unmask, len)));
        }
        if let Some(is_utf8) = L::UTF8 {
            add(format!("utf8_{name}_gbps"), throughput(len, again_checked(is_utf8, len)));
        }
    }
    figures
}

fn decode<L: Library>(runtime: &Runtime, payload: &Payload, count: u64) -> u64 {
    let see = |payload: &[u8]| {
        black_box(payload);
    };
    run(runtime, L::decode(Endless::new(&payload.request()), count, see))
}

fn encode<L: Library>(runtime: &Runtime, payload: &Payload, count: u64) -> u64 {
    let before = Endless::written();
    run(runtime, L::encode(Endless::drain(), &payload.bytes, count));
    let written = Endless::written() - before;
    assert_eq!(written, count * payload.answer().len() as u64, "every message left");
    count
}

/// As both fastwebsockets and tokio-websockets advise, `unconstrained`.
fn run(runtime: &Runtime, work: impl Future<Output = Ended>) -> u64 {
    runtime.block_on(tokio::task::unconstrained(work)).expect("nothing fails in memory")
}

/// Masks the same bytes again and again.
fn again_unmasked(unmask: Unmask, len: usize) -> impl Fn(u64) -> u64 {
    move |count| {
        let mut bytes = vec![7; len];
        (0..count).for_each(|_| unmask(black_box(&mut bytes), black_box(KEY)));
        count
    }
}

/// Checks the same text again and again.
fn again_checked(is_utf8: IsUtf8, len: usize) -> impl Fn(u64) -> u64 {
    let text = Payload::text(len).bytes;
    move |count| {
        (0..count).for_each(|_| assert!(is_utf8(black_box(&text))));
        count
    }
}

/// Nanoseconds for one piece of work: the median of the runs. The work says how much of it was done.
fn nanoseconds(work: impl Fn(u64) -> u64) -> f64 {
    let time = |count| {
        let start = Instant::now();
        let done = work(count);
        (start.elapsed(), done)
    };
    let mut count = 64;
    while time(count).0 < RUN {
        count *= 2;
    }
    let each = |(took, done): (Duration, u64)| took.as_nanos() as f64 / done as f64;
    let mut runs: Vec<f64> = (0..RUNS).map(|_| each(time(count))).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Bytes per nanosecond.
fn throughput(len: usize, work: impl Fn(u64) -> u64) -> f64 {
    len as f64 / nanoseconds(work)
}

/// Allocations for one piece of work, without those of the start: what a socket allocates once is in
/// both counts.
fn allocated(len: usize, work: impl Fn(u64) -> u64) -> f64 {
    let count = |messages| {
        let before = allocations();
        let done = work(messages);
        (allocations() - before, done)
    };
    let (few, many) = (count(FEW), count(FEW + (MORE / len.max(640)) as u64));
    (many.0 as f64 - few.0 as f64) / (many.1 as f64 - few.1 as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libraries::{
        Everwire, EverwireWire, FastWebSockets, SockudoWs, TokioTungstenite, TokioWebSockets, Yawc,
    };

    /// What is measured is right: every payload comes as it was, every message leaves.
    fn does_its_work<L: Library>() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for payload in [14, 1024, 64 * 1024]
            .iter()
            .flat_map(|len| [Payload::binary(*len), Payload::text(*len)])
        {
            let see = |seen: &[u8]| assert!(seen == payload.bytes);
            assert!(run(&runtime, L::decode(Endless::new(&payload.request()), 100, see)) >= 100);
            encode::<L>(&runtime, &payload, 100);
        }
        let mut bytes = [7; 100];
        if let Some(unmask) = L::UNMASK {
            unmask(&mut bytes, KEY);
            assert!((0..100).all(|at| bytes[at] == 7 ^ KEY[at % 4]));
        }
        if let Some(is_utf8) = L::UTF8 {
            assert!(is_utf8(&Payload::text(1024).bytes) && !is_utf8(&Payload::binary(1024).bytes));
        }
    }

    #[test]
    fn every_library_does_what_is_measured() {
        sockudo_ws::init_clock();
        does_its_work::<Everwire>();
        does_its_work::<EverwireWire>();
        does_its_work::<FastWebSockets>();
        does_its_work::<SockudoWs>();
        does_its_work::<TokioTungstenite>();
        does_its_work::<TokioWebSockets>();
        does_its_work::<Yawc>();
    }
}
