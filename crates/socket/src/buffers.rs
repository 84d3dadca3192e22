//! The receive buffer: it belongs to the thread, and a connection borrows it while it reads.

use std::cell::Cell;

/// Bytes one read may bring.
const LEN: usize = 128 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends the thread's buffer to `read`, which must not wait: an idle connection holds no buffer.
pub(crate) fn with_buffer<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    // Taken and not borrowed: what runs inside may read from another connection, which then gets
    // a buffer of its own for the while.
    let mut buffer = SPARE.take().unwrap_or_else(|| vec![0; LEN].into_boxed_slice());
    let result = read(&mut buffer);
    SPARE.set(Some(buffer));
    result
}
