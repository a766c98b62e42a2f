//! What the process keeps of the memory that it no longer uses.
//!
//! glibc gives each thread a heap of its own and keeps what was freed in it: after a hunt an agent that needs
//! 10 MB held 15. So there are few heaps, freed memory at their ends goes back early, and what is free within them
//! goes back after each collection.

mod sys;

use std::sync::atomic::{AtomicBool, Ordering};

/// Heaps of the process: as many as threads that allocate at the same time on a small machine.
const HEAPS_MAX: i32 = 2;
/// Free bytes at the end of a heap that are kept. Setting it also keeps glibc from raising it by itself.
const KEPT_BYTES_MAX: i32 = 1 << 20;

/// Whether the process is one agent's: in one that holds many, each collection's end would search everybody's heaps.
static IS_BOUND: AtomicBool = AtomicBool::new(false);

/// Bounds what the allocator keeps; to be called once, before there are threads.
pub(crate) fn bound() {
    sys::bound(HEAPS_MAX, KEPT_BYTES_MAX);
    IS_BOUND.store(true, Ordering::Relaxed);
}

/// Gives back to the system what is free, where [`bound`] was called. Costs a few milliseconds: for the end of
/// something long.
pub(crate) fn give_back() {
    if IS_BOUND.load(Ordering::Relaxed) {
        sys::give_back();
    }
}
