//! The operating system of a simulation: chance and the time of day are the seed's.
//!
//! All randomness of a process begins at `getrandom`: masking keys, the hub's names and tags, the jitter of
//! clients, the keys of hash maps, the fairness of `select!`. What the hub keeps by age goes by
//! `CLOCK_REALTIME`. Both are functions of the C library, and a program may have its own in their place; so
//! nothing under test has to know of the simulation. Everything else about time is tokio's, which is paused.
#![expect(unsafe_code, reason = "two functions of the C library are replaced")]

use std::cell::{Cell, RefCell};
use std::time::Duration;

use everwire_testkit::Dice;
use tokio::time::Instant;

/// When simulations begin: milliseconds since 1970.
const BEGIN: u64 = 1_790_000_000_000;

thread_local! {
    static CHANCE: RefCell<Option<Dice>> = const { RefCell::new(None) };
    static ORIGIN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From now on whatever this thread asks of chance comes from this seed.
pub(crate) fn begin_chance(seed: u64) {
    CHANCE.set(Some(Dice::new(seed ^ 0x0C4A_7CE0)));
}

/// From now on the time of day of this thread goes with tokio's clock; to be called within a runtime.
pub(crate) fn begin_time() {
    ORIGIN.set(Some(Instant::now()));
}

/// The time of day, if this thread is simulated.
fn time_of_day() -> Option<Duration> {
    let elapsed = Instant::now().saturating_duration_since(ORIGIN.get()?);
    Some(Duration::from_millis(BEGIN) + elapsed)
}

/// Fills the buffer, if this thread is simulated.
fn fill(buffer: &mut [u8]) -> bool {
    CHANCE.with_borrow_mut(|dice| match dice {
        Some(dice) => {
            buffer.fill_with(|| dice.next_u64() as u8);
            true
        }
        None => false,
    })
}

/// In place of the C library's.
///
/// # Safety
/// `buffer` has to be writable for `len` bytes, as for the system's own.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize {
    // SAFETY: the caller says that it may be written. It is filled before anybody reads it.
    if len > 0 && fill(unsafe { std::slice::from_raw_parts_mut(buffer, len) }) {
        return len.cast_signed();
    }
    // SAFETY: the arguments are the caller's own.
    unsafe { libc::syscall(libc::SYS_getrandom, buffer, len, flags) as isize }
}

/// In place of the C library's.
///
/// # Safety
/// `time` has to be writable, as for the system's own.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> i32 {
    if clock == libc::CLOCK_REALTIME
        && let Some(now) = time_of_day()
    {
        let told = libc::timespec {
            tv_sec: now.as_secs().cast_signed(),
            tv_nsec: i64::from(now.subsec_nanos()),
        };
        // SAFETY: the caller says that it may be written.
        unsafe { time.write(told) };
        return 0;
    }
    // SAFETY: the arguments are the caller's own.
    unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as i32 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    /// What chance gives to a thread with this seed.
    fn drawn(seed: u64) -> (u64, Vec<u32>) {
        std::thread::spawn(move || {
            begin_chance(seed);
            let map: HashMap<u32, ()> = (0..100).map(|n| (n, ())).collect();
            (RandomState::new().hash_one("key"), map.into_keys().collect())
        })
        .join()
        .unwrap()
    }

    #[test]
    fn chance_is_the_seeds() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_goes_with_tokios_clock() {
        begin_time();
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(begun, Duration::from_millis(BEGIN));
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(later, begun + Duration::from_secs(3_600));
    }
}
