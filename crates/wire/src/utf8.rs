//! Incremental UTF-8: fails at the first byte that can no longer belong to valid text.

/// Checks text that arrives in chunks (RFC 6455 §8.1).
///
/// Between chunks it keeps at most the three bytes of an unfinished code point.
#[derive(Debug, Clone, Default)]
pub struct Utf8Validator {
    /// The code point that the last chunk ended in.
    partial: [u8; 4],
    partial_len: u8,
}

/// The text is not UTF-8, whatever may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidUtf8;

impl Utf8Validator {
    /// A validator at the start of a text.
    pub const fn new() -> Self {
        Self { partial: [0; 4], partial_len: 0 }
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// As soon as the bytes so far are not the beginning of any valid text.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<(), InvalidUtf8> {
        while self.partial_len > 0 {
            let [byte, rest @ ..] = chunk else { return Ok(()) };
            chunk = rest;
            self.partial[usize::from(self.partial_len)] = *byte;
            self.partial_len += 1;
            match std::str::from_utf8(&self.partial[..usize::from(self.partial_len)]) {
                Ok(_) => self.partial_len = 0,
                // No error length: the end came too early, so a continuation may still follow.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(InvalidUtf8),
            }
        }
        match simdutf8::compat::from_utf8(chunk) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = &chunk[error.valid_up_to()..];
                self.partial[..tail.len()].copy_from_slice(tail);
                self.partial_len = tail.len() as u8;
                Ok(())
            }
            Err(_) => Err(InvalidUtf8),
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// If it ends inside a code point.
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        if std::mem::take(&mut self.partial_len) == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }
}
