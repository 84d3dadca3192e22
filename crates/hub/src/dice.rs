//! Everything that has to be unpredictable.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everwire_proto::{Epoch, Name, Secret};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A cryptographic generator, seeded by the system, or by a simulation with a number.
pub(crate) struct Dice(Mutex<ChaCha12Rng>);

impl Dice {
    /// What a publication is told from another one with the same offset by. Never 0, which stands
    /// before the first.
    pub(crate) fn tag(&self) -> u32 {
        self.with(|rng| rng.next_u32()).max(1)
    }

    /// A log's epoch: 72 bits.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch::new(&self.text::<9>()).expect("12 printable characters")
    }

    /// A name that no other has: 120 bits behind a prefix.
    pub(crate) fn name(&self, prefix: &str) -> Name {
        Name::new(&format!("{prefix}{}", self.text::<15>())).expect("printable characters")
    }

    /// What only one client is told: 192 bits.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(&self.text::<24>()).expect("printable characters")
    }

    /// A number below this one, which is greater than 0.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        // For spans of time the remainder is as good as even.
        self.with(|rng| rng.next_u64()) % bound.max(1)
    }

    fn text<const BYTES: usize>(&self) -> String {
        let mut bytes = [0; BYTES];
        self.with(|rng| rng.fill_bytes(&mut bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn with<T>(&self, draw: impl FnOnce(&mut ChaCha12Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self(Mutex::new(ChaCha12Rng::from_os_rng()))
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}
