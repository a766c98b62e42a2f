//! What sampling costs: CPU time of the threads that are sampled and of the sampler's own, counted by themselves.
//!
//! The clock is each thread's own CPU time, so that a thread which is taken off the processor in the midst of a
//! sample does not count what others do meanwhile. What the kernel spends on a signal's way is not in it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys;
use muster_protocol::request::profile::ProfileKind;

/// Samples of CPU time, by the signal handler.
pub(super) static CPU: Counter = Counter::new();
/// Answers to where a thread is, by the signal handler.
pub(super) static WALL: Counter = Counter::new();
/// Allocations that were sampled, by the allocator.
pub(super) static HEAP: Counter = Counter::new();
/// Rounds of the sampler's own thread, for whichever kinds are on.
pub(super) static SWEEPER: Counter = Counter::new();

/// Since the process began.
#[derive(Debug)]
pub(super) struct Counter {
    runs: AtomicU64,
    ns: AtomicU64,
}

impl Counter {
    const fn new() -> Self {
        Self { runs: AtomicU64::new(0), ns: AtomicU64::new(0) }
    }

    /// Counts one run. Async-signal-safe.
    pub(super) fn add(&self, ns: u64) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.ns.fetch_add(ns, Ordering::Relaxed);
    }
}

/// What a window's samples cost the process. Windows that are open at the same time share the sampler, and
/// each counts all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often a thread took a sample of itself.
    pub handler_runs: u64,
    /// CPU time of it.
    pub handler_ns: u64,
    /// CPU time of the sampler's own thread.
    pub sweeper_ns: u64,
}

impl Cost {
    /// Returns what a kind has cost since the process began.
    pub(super) fn so_far(kind: ProfileKind) -> Self {
        let handler = match kind {
            ProfileKind::Wall => &WALL,
            ProfileKind::Heap => &HEAP,
            _ => &CPU,
        };
        Self {
            handler_runs: handler.runs.load(Ordering::Relaxed),
            handler_ns: handler.ns.load(Ordering::Relaxed),
            sweeper_ns: SWEEPER.ns.load(Ordering::Relaxed),
        }
    }

    /// Returns what came on top of an earlier state.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            handler_runs: self.handler_runs.saturating_sub(before.handler_runs),
            handler_ns: self.handler_ns.saturating_sub(before.handler_ns),
            sweeper_ns: self.sweeper_ns.saturating_sub(before.sweeper_ns),
        }
    }
}

/// Counts the CPU time of the sampler's own thread, which makes one of these and calls it after each round.
pub(super) fn of_the_sweeper() -> impl FnMut() {
    let mut counted_ns = 0;
    move || {
        let now_ns = sys::thread_cpu_ns();
        SWEEPER.add(now_ns.saturating_sub(counted_ns));
        counted_ns = now_ns;
    }
}
