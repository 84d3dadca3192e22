//! Whose a message is, and its number, in its first bytes: digits that are text too.

/// How many bytes that takes.
pub(in crate::bench) const HEADER: usize = SENDER + NUMBER;

/// Digits of a sender: 24 bits.
const SENDER: usize = 4;

/// Digits of a number: 48 bits, which last for centuries.
const NUMBER: usize = 8;

/// The digit that stands for zero; the 64 from it on are printable ASCII.
const ZERO: u8 = b'0';

/// Which message of which sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) sender: usize,
    pub(super) number: u64,
}

impl Stamp {
    pub(super) fn digits(self) -> [u8; HEADER] {
        let mut digits = [0; HEADER];
        let (sender, number) = digits.split_at_mut(SENDER);
        write(self.sender as u64, sender);
        write(self.number, number);
        digits
    }

    /// What a message begins with; none if that is no stamp.
    #[inline]
    pub(super) fn of(message: &[u8]) -> Option<Self> {
        let digits: &[u8; HEADER] = message.first_chunk()?;
        let (sender, number) = digits.split_at(SENDER);
        Some(Self { sender: read(sender)? as usize, number: read(number)? })
    }
}

fn write(mut value: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = ZERO + (value & 63) as u8;
        value >>= 6;
    }
}

#[inline]
fn read(digits: &[u8]) -> Option<u64> {
    let mut value = 0;
    let mut wrong = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(ZERO);
        wrong |= digit & !63;
        value = value << 6 | u64::from(digit & 63);
    }
    (wrong == 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stamp_is_text_and_is_read_as_it_was_written() {
        for sender in [0, 1, 63, 64, 65_535, (1 << 24) - 1] {
            for number in [0, 1, 63, 64, 4_095, (1 << 48) - 1] {
                let stamp = Stamp { sender, number };
                let digits = stamp.digits();
                assert!(digits.iter().all(u8::is_ascii_graphic), "{digits:?}");
                assert_eq!(Stamp::of(&digits), Some(stamp));
            }
        }
    }

    #[test]
    fn anything_else_is_no_stamp() {
        assert_eq!(Stamp::of(b"00000000000"), None);
        for at in 0..HEADER {
            for byte in [b'/', b'p', 0, 255] {
                let mut digits = [ZERO; HEADER];
                digits[at] = byte;
                assert_eq!(Stamp::of(&digits), None);
            }
        }
    }
}
