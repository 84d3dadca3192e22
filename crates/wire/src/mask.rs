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
pub(crate) fn apply(key: [u8; 4], payload: &mut [u8]) {
    // Whole blocks of 32 let the compiler use the widest registers the target has; short payloads,
    // the common ones, go through eight bytes at a time.
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut blocks = payload.chunks_exact_mut(32);
    for block in &mut blocks {
        for lane in block.as_chunks_mut::<8>().0 {
            *lane = (u64::from_ne_bytes(*lane) ^ word).to_ne_bytes();
        }
    }
    let (words, tail) = blocks.into_remainder().as_chunks_mut::<8>();
    for lane in words {
        *lane = (u64::from_ne_bytes(*lane) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(word.to_ne_bytes()) {
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
