//! An allocator that counts.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count of the bytes that each thread holds and of its allocations.
///
/// Memory that one thread allocates and another frees confuses the count, so what is measured has
/// to stay on its thread, as tests do.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: everwire_testkit::Counting = everwire_testkit::Counting;
///
/// let before = everwire_testkit::live();
/// let held = vec![0u8; 1000];
/// assert_eq!(everwire_testkit::live() - before, held.capacity());
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct Counting;

/// Bytes that this thread has allocated and not freed.
pub fn live() -> usize {
    LIVE.get()
}

/// How often this thread has asked for memory: allocations, and changes of an allocation's size.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The most that [`live`] has been since [`reset_peak`].
pub fn peak() -> usize {
    PEAK.get()
}

/// Begins a new measurement of [`peak`] at what is live now.
pub fn reset_peak() {
    PEAK.set(LIVE.get());
}

fn grow(bytes: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    // Wrapping: memory of another thread may have been freed here.
    let live = LIVE.get().wrapping_add(bytes);
    LIVE.set(live);
    if live.cast_signed() > PEAK.get().cast_signed() {
        PEAK.set(live);
    }
}

fn shrink(bytes: usize) {
    LIVE.set(LIVE.get().wrapping_sub(bytes));
}

// SAFETY: everything is left to `System`; the counters are plain thread-local numbers without a
// destructor, so counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The new size, then without the old: `System` can do it in place.
        shrink(layout.size());
        grow(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
