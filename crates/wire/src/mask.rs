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

/// Masks or unmasks `payload` in place; `key` is rotated so that its first byte belongs to the
/// first byte of `payload`.
#[inline]
pub(crate) fn apply(key: [u8; 4], payload: &mut [u8]) {
    let half = u32::from_ne_bytes(key);
    let word = (u64::from(half) << 32) | u64::from(half);
    let xor = |lane: &mut [u8; 8]| *lane = (u64::from_ne_bytes(*lane) ^ word).to_ne_bytes();
    // Long payloads by whole cache lines, which the compiler gives the target's registers.
    let (lines, rest) = payload.as_chunks_mut::<64>();
    for line in lines {
        line.as_chunks_mut().0.iter_mut().for_each(xor);
    }
    let (words, rest) = rest.as_chunks_mut::<8>();
    words.iter_mut().for_each(xor);
    let (four, tail) = rest.as_chunks_mut::<4>();
    if let [four] = four {
        *four = (u32::from_ne_bytes(*four) ^ half).to_ne_bytes();
    }
    // At most three, in step with the key again.
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
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
            for len in 0..200 {
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
