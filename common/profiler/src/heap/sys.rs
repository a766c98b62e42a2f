//! The allocator that samples when it is told to: the system's, with a look at one in so many bytes.
//!
//! Off, it costs one relaxed load a call. On, each thread counts its bytes down to its next sample, whose
//! distance is drawn again each time, so that no rhythm of the program meets one of the sampler. What is
//! sampled is remembered until it is freed; a table of counters tells most frees in one load that they are
//! of nothing that was sampled. The book's lock is the last that a thread takes: nothing is called
//! under it but the system's allocator.
#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{cost, sys};
use muster_protocol::limits::{PROFILE_FRAMES_MAX, PROFILE_HEAP_FRESH_MAX, PROFILE_HEAP_LIVE_MAX};

/// The system's allocator, which can tell what code allocates. A program that offers the kind `heap` has it as its
/// global allocator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allocator;

/// An allocation that was sampled.
#[derive(Debug)]
pub(super) struct Fresh {
    /// The number of it, from 0 since sampling began.
    pub(super) id: u64,
    pub(super) size: usize,
    pub(super) tag: u64,
    pub(super) tid: u32,
    /// Of the thread, which may be gone before anybody else could ask.
    pub(super) name: [u8; 16],
    pub(super) frames: Box<[u64]>,
}

/// What has happened since the last sweep.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) fresh: Vec<Fresh>,
    /// Numbers of allocations that are gone.
    pub(super) freed: Vec<u64>,
    /// Allocations that found no room.
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
struct Book {
    /// What was sampled and is not freed: its number by its address.
    live: HashMap<usize, u64>,
    next: u64,
    batch: Batch,
}

/// Mean distance of samples in bytes; 0 while off.
static INTERVAL: AtomicUsize = AtomicUsize::new(0);
static BOOK: Mutex<Option<Book>> = Mutex::new(None);
/// How many sampled allocations live at addresses of each class.
static CLASSES: [AtomicU32; 1 << CLASS_BITS] = [const { AtomicU32::new(0) }; 1 << CLASS_BITS];
const CLASS_BITS: u32 = 14;

/// The interval while it is tried out whether this is the program's allocator.
const PROBE: usize = usize::MAX;
static IS_PROBED: AtomicBool = AtomicBool::new(false);

/// How much a thread takes part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Part {
    /// Fully.
    Whole,
    /// What it allocates is not sampled, as it serves the sampler; what it frees is looked at.
    Frees,
    /// It holds the book.
    None,
}

thread_local! {
    // Constant initial values and no destructors: usable at any moment of a thread's life.
    static PART: Cell<Part> = const { Cell::new(Part::Whole) };
    /// Bytes until the next sample; means nothing before the first draw.
    static LEFT: Cell<i64> = const { Cell::new(0) };
    /// State of the generator; 0 before the first draw.
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Returns whether this is the program's global allocator.
pub(super) fn is_installed() -> bool {
    static IS_INSTALLED: OnceLock<bool> = OnceLock::new();
    *IS_INSTALLED.get_or_init(|| {
        let book = book();
        let was = INTERVAL.swap(PROBE, Ordering::Relaxed);
        drop(std::hint::black_box(Box::new(0_u64)));
        INTERVAL.store(was, Ordering::Relaxed);
        drop(book);
        IS_PROBED.load(Ordering::Relaxed)
    })
}

/// Samples from now on, on average each `interval` bytes of every thread.
pub(super) fn start(interval: usize) {
    alone(|| {
        *book() = Some(Book::default());
        for class in &CLASSES {
            class.store(0, Ordering::Relaxed);
        }
        INTERVAL.store(interval, Ordering::Release);
    });
}

/// Ends the sampling and forgets what is not taken.
pub(super) fn stop() {
    INTERVAL.store(0, Ordering::Release);
    alone(|| drop(book().take()));
}

/// Takes what has happened since the last time.
pub(super) fn take() -> Batch {
    alone(|| book().as_mut().map(|book| std::mem::take(&mut book.batch)).unwrap_or_default())
}

/// See [`super::serve_the_sampler`].
pub(super) fn serve_the_sampler() {
    PART.set(Part::Frees);
}

/// Returns whether allocations are sampled.
#[cfg(test)]
pub(super) fn is_on() -> bool {
    INTERVAL.load(Ordering::Relaxed) != 0
}

// SAFETY: every call goes to the system's allocator with what was given, and its answer comes back.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let at = unsafe { System.alloc(layout) };
        if INTERVAL.load(Ordering::Relaxed) != 0 {
            allocated(at, layout.size());
        }
        at
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let at = unsafe { System.alloc_zeroed(layout) };
        if INTERVAL.load(Ordering::Relaxed) != 0 {
            allocated(at, layout.size());
        }
        at
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if INTERVAL.load(Ordering::Relaxed) != 0 {
            // Before it is given back: a moment later another thread may have it.
            freed(at);
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_on = INTERVAL.load(Ordering::Relaxed) != 0;
        if is_on {
            // What cannot grow counts as freed, and the program ends soon after.
            freed(at);
        }
        // SAFETY: as the caller promises.
        let at = unsafe { System.realloc(at, layout, size) };
        if is_on {
            allocated(at, size);
        }
        at
    }
}

#[inline(never)]
fn allocated(at: *mut u8, size: usize) {
    if at.is_null() || PART.get() != Part::Whole {
        return;
    }
    let interval = INTERVAL.load(Ordering::Acquire);
    if interval == PROBE {
        IS_PROBED.store(true, Ordering::Relaxed);
        return;
    }
    if RANDOM.get() == 0 {
        // Any two threads begin with different numbers.
        RANDOM.set((u64::from(sys::own_tid()) << 32) ^ sys::monotonic_ns() | 1);
        LEFT.set(distance(interval));
    }
    let left = LEFT.get().saturating_sub(i64::try_from(size).unwrap_or(i64::MAX));
    LEFT.set(left);
    if left <= 0 && interval != 0 {
        LEFT.set(distance(interval));
        let began_ns = sys::thread_cpu_ns();
        alone(|| sample(at.addr(), size));
        cost::HEAP.add(sys::thread_cpu_ns().saturating_sub(began_ns));
    }
}

fn sample(at: usize, size: usize) {
    let mut frames = [0; PROFILE_FRAMES_MAX];
    let depth = sys::callers(allocated as *const () as usize, &mut frames);
    let frames = frames.get(..depth).unwrap_or_default();
    let mut book = book();
    let Some(book) = book.as_mut() else { return };
    if book.live.len() >= PROFILE_HEAP_LIVE_MAX || book.batch.fresh.len() >= PROFILE_HEAP_FRESH_MAX
    {
        book.batch.lost += 1;
        return;
    }
    let id = book.next;
    book.next += 1;
    match book.live.insert(at, id) {
        // Freed unnoticed: by a thread that held the book.
        Some(gone) => book.batch.freed.push(gone),
        None => {
            class(at).fetch_add(1, Ordering::Relaxed);
        }
    }
    let (tag, tid, name) = (sys::own_tag(), sys::own_tid(), sys::own_name());
    book.batch.fresh.push(Fresh { id, size, tag, tid, name, frames: frames.into() });
}

fn freed(at: *mut u8) {
    // Whoever frees has got the address from whoever allocated, and sees what that one has counted.
    if PART.get() == Part::None || class(at.addr()).load(Ordering::Relaxed) == 0 {
        return;
    }
    alone(|| {
        let mut book = book();
        let Some(book) = book.as_mut() else { return };
        if let Some(id) = book.live.remove(&at.addr()) {
            class(at.addr()).fetch_sub(1, Ordering::Relaxed);
            book.batch.freed.push(id);
        }
    });
}

/// Does what takes the book, which must not sample itself.
fn alone<T>(work: impl FnOnce() -> T) -> T {
    let part = PART.replace(Part::None);
    let done = work();
    PART.set(part);
    done
}

fn book() -> MutexGuard<'static, Option<Book>> {
    BOOK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn class(at: usize) -> &'static AtomicU32 {
    let hash = (at as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - CLASS_BITS);
    let index = usize::try_from(hash).unwrap_or_default() % CLASSES.len();
    #[expect(clippy::indexing_slicing, reason = "below the length")]
    &CLASSES[index]
}

/// Draws the bytes until the next sample: exponentially distributed, so that each byte is as likely as any
/// other to be the one.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a random number")]
fn distance(interval: usize) -> i64 {
    let mut random = RANDOM.get();
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    RANDOM.set(random);
    // 53 bits, and never 0.
    let share = ((random >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
    (-share.ln() * interval as f64) as i64 + 1
}
