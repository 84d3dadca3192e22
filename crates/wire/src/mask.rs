//! Masking: the XOR that every byte from a client goes through (RFC 6455 §5.3).

/// Where a client's masking keys come from.
///
/// §5.3 wants each key fresh and unpredictable; `wire` draws no randomness, so the caller does.
/// A server never asks.
pub trait MaskSource {
    /// A key that nobody can predict.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskSource for F {
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// For a server, whose frames are never masked (§5.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMask;

impl MaskSource for NoMask {
    fn next_key(&mut self) -> [u8; 4] {
        unreachable!("a server does not mask")
    }
}

/// Payloads from this length on are masked with the widest registers that the CPU has.
const LONG: usize = 512;

/// Masks or unmasks `payload` in place; `key` is rotated so that its first byte belongs to the
/// first byte of `payload`.
#[inline]
pub(crate) fn apply(key: [u8; 4], payload: &mut [u8]) {
    if payload.len() < LONG { apply_short(key, payload) } else { apply_long(key, payload) }
}

/// As [`apply`]: without a detour, for payloads that are mostly shorter than a cache line.
#[inline]
pub(crate) fn apply_short(key: [u8; 4], payload: &mut [u8]) {
    let half = u32::from_le_bytes(key);
    let word = (u64::from(half) << 32) | u64::from(half);
    if let Some(last) = payload.last_chunk().copied() {
        // The last eight bytes are masked by themselves: they may overlap the word before.
        let turned = word.rotate_right(8 * (payload.len() as u32 % 4));
        xor_words(word, payload.as_chunks_mut().0);
        if let Some(place) = payload.last_chunk_mut() {
            *place = (u64::from_le_bytes(last) ^ turned).to_le_bytes();
        }
        return;
    }
    for (byte, key) in payload.iter_mut().zip(word.to_le_bytes()) {
        *byte ^= key;
    }
}

#[inline(never)]
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "what a CPU has shows when it runs")
)]
fn apply_long(key: [u8; 4], payload: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2.
        return unsafe { apply_avx2(key, payload) };
    }
    apply_lines(key, payload);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn apply_avx2(key: [u8; 4], payload: &mut [u8]) {
    apply_lines(key, payload);
}

/// By whole cache lines, which the compiler gives the target's registers.
#[inline(always)]
fn apply_lines(key: [u8; 4], payload: &mut [u8]) {
    let half = u32::from_le_bytes(key);
    let word = (u64::from(half) << 32) | u64::from(half);
    let (lines, rest) = payload.as_chunks_mut::<64>();
    for line in lines {
        xor_words(word, line.as_chunks_mut().0);
    }
    apply_short(key, rest);
}

#[inline(always)]
fn xor_words(word: u64, payload: &mut [[u8; 8]]) {
    for bytes in payload {
        *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
    }
}

/// The key as it stands after `taken` bytes.
pub(crate) fn rotate(mut key: [u8; 4], taken: usize) -> [u8; 4] {
    key.rotate_left(taken % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_offset_equals_the_rfc_formula() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for start in 0..8 {
            for len in (0..200).chain(LONG - 70..LONG + 140) {
                let plain: Vec<u8> = (0..start + len).map(|i| (i * 7) as u8).collect();
                let mut masked = plain.clone();
                apply(rotate(key, start), &mut masked[start..]);
                for (i, byte) in masked.iter().enumerate().skip(start) {
                    // §5.3: transformed-octet-i = original-octet-i XOR masking-key[i MOD 4].
                    assert_eq!(*byte, plain[i] ^ key[i % 4], "start {start} len {len} at {i}");
                }
            }
        }
    }
}
