//! What clients send, and what comes back.

/// A client's text message of up to 65,535 bytes.
///
/// Its masking key is zero, which is as good as any other: the same instructions unmask it, and what
/// was unmasked in place can be read again.
pub(crate) fn request(len: usize) -> Vec<u8> {
    frame(len, Some([0; 4]))
}

/// A client's text message of up to 65,535 bytes with this in it.
pub(crate) fn say(text: &str) -> Vec<u8> {
    let mut frame = request(text.len());
    let start = frame.len() - text.len();
    frame[start..].copy_from_slice(text.as_bytes());
    frame
}

/// The server's answer to it.
pub(crate) fn answer(len: usize) -> Vec<u8> {
    frame(len, None)
}

/// A close frame of a client, with 1000.
pub(crate) const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

fn frame(len: usize, key: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x81];
    match len {
        0..=125 => frame.push(masked | len as u8),
        _ => {
            frame.push(masked | 126);
            frame.extend(u16::try_from(len).expect("at most 65,535 bytes").to_be_bytes());
        }
    }
    frame.extend(key.into_iter().flatten());
    frame.resize(frame.len() + len, b'a');
    frame
}
