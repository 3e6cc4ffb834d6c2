//! The system's allocator with counts of what it hands out.
#![allow(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait, and `malloc_usable_size` a C function")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64};

/// Counts allocations and live bytes: of each thread for itself, and of the whole program while that is asked for.
///
/// Bytes are those that an allocation takes up, with the allocator's rounding and its header of 8 bytes.
pub(crate) struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

static WHOLE_PROGRAM: AtomicBool = AtomicBool::new(false);
static WHOLE_PROGRAM_LIVE: AtomicI64 = AtomicI64::new(0);

/// How often this thread has asked the allocator for memory.
pub(super) fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The bytes that this thread has allocated less those it has freed.
pub(crate) fn live_bytes() -> i64 {
    LIVE.get()
}

/// From now on [`whole_program_bytes`] follows all threads, which makes each allocation a little slower; or no more.
pub(crate) fn count_whole_program(on: bool) {
    WHOLE_PROGRAM.store(on, Relaxed);
}

/// The bytes that all threads have allocated less those they have freed, while that was counted.
pub(crate) fn whole_program_bytes() -> i64 {
    WHOLE_PROGRAM_LIVE.load(Relaxed)
}

fn footprint(pointer: *mut u8) -> i64 {
    // SAFETY: the pointer comes from the system's allocator and has not been freed yet, or is null, which is allowed.
    let usable = unsafe { libc::malloc_usable_size(pointer.cast()) };
    usable as i64 + 8
}

fn count(allocations: u64, bytes: i64) {
    // A thread that is being torn down goes uncounted.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
    if WHOLE_PROGRAM.load(Relaxed) {
        WHOLE_PROGRAM_LIVE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of this same method.
        let pointer = unsafe { System.alloc(layout) };
        count(1, footprint(pointer));
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of this same method.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        count(1, footprint(pointer));
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -footprint(pointer));
        // SAFETY: the caller keeps the contract of this same method.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let before = footprint(pointer);
        // SAFETY: the caller keeps the contract of this same method.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        count(1, footprint(pointer) - before);
        pointer
    }
}
