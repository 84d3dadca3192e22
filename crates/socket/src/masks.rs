//! Masking keys and nonces: from a cryptographic generator of the thread, seeded by the system once,
//! so that no frame costs a system call (RFC 6455 §5.3, §10.3). Whatever else is drawn comes from it
//! as well.

use std::cell::RefCell;

use everwire_wire::MaskSource;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

thread_local! {
    static RNG: RefCell<ChaCha12Rng> = RefCell::new(ChaCha12Rng::from_os_rng());
}

/// The thread's source of masking keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadMasks;

impl MaskSource for ThreadMasks {
    fn next_key(&mut self) -> [u8; 4] {
        RNG.with_borrow_mut(|rng| rng.next_u32().to_ne_bytes())
    }
}

/// Sixteen bytes that nobody can predict, for `Sec-WebSocket-Key` (§4.1).
pub(crate) fn nonce() -> [u8; 16] {
    let mut nonce = [0; 16];
    RNG.with_borrow_mut(|rng| rng.fill_bytes(&mut nonce));
    nonce
}

/// A number below `bound`, each as likely as the next; 0 if there is none.
pub(crate) fn below(bound: u64) -> u64 {
    let random = RNG.with_borrow_mut(|rng| rng.next_u64());
    // The upper half of the product: no division, and a bias that nobody can measure.
    u64::try_from((u128::from(random) * u128::from(bound)) >> 64).unwrap_or(0)
}

/// Uniform in 0 ≤ r < 1, with all 53 bits that a double has.
pub(crate) fn uniform() -> f64 {
    RNG.with_borrow_mut(|rng| (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
}
