//! What a collection costs: CPU of its own threads, and the time that it was made to wait.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::profile::Tag;
use common::profile::tag;

use super::stop::lock;
use super::sys;

thread_local! {
    /// Of the thread that works for a collection: CPU nanoseconds that are accounted for, and CPU by mode at entry.
    static ACCOUNTED_NS: Cell<u64> = const { Cell::new(0) };
    /// Keeps the thread's samples with its collection.
    static TAGGED: Cell<Option<tag::Guard>> = const { Cell::new(None) };
    static ENTERED: Cell<(Duration, Duration)> = const { Cell::new((Duration::ZERO, Duration::ZERO)) };
}

/// Shared by the threads of one collection.
#[derive(Debug, Default)]
pub(super) struct Meter {
    cpu_ns: AtomicU64,
    user_us: AtomicU64,
    system_us: AtomicU64,
    waits: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    threads: u32,
    since: Option<Instant>,
    total: Duration,
}

impl Meter {
    /// Begins to account for the calling thread.
    pub(super) fn enter(tag: &Tag) {
        TAGGED.set(Some(tag::enter(tag)));
        ACCOUNTED_NS.set(thread_cpu_ns());
        ENTERED.set(sys::thread_cpu());
    }

    /// Accounts for the calling thread up to now and returns the nanoseconds since the last time.
    pub(super) fn account(&self) -> u64 {
        let now = thread_cpu_ns();
        let spent = now.saturating_sub(ACCOUNTED_NS.replace(now));
        self.cpu_ns.fetch_add(spent, Ordering::Relaxed);
        spent
    }

    /// Ends the accounting of the calling thread.
    pub(super) fn leave(&self) {
        drop(TAGGED.take());
        self.account();
        let (user, system) = sys::thread_cpu();
        let (user_before, system_before) = ENTERED.get();
        let us = |now: Duration, before: Duration| {
            u64::try_from(now.saturating_sub(before).as_micros()).unwrap_or(u64::MAX)
        };
        self.user_us.fetch_add(us(user, user_before), Ordering::Relaxed);
        self.system_us.fetch_add(us(system, system_before), Ordering::Relaxed);
    }

    /// Returns the CPU milliseconds that are accounted for so far.
    pub(super) fn cpu_ms(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed) / 1_000_000
    }

    /// Returns CPU milliseconds in user mode and in the kernel. What threads that still run have spent is
    /// counted as user mode.
    pub(super) fn cpu_by_mode_ms(&self) -> (u64, u64) {
        let system_ms = self.system_us.load(Ordering::Relaxed) / 1_000;
        let user_ms = self.user_us.load(Ordering::Relaxed) / 1_000;
        (user_ms.max(self.cpu_ms().saturating_sub(system_ms)), system_ms)
    }

    /// Runs a wait; waits of several threads at once count once.
    pub(super) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let mut waits = lock(&self.waits);
        waits.threads += 1;
        waits.since.get_or_insert_with(Instant::now);
        drop(waits);
        let value = wait();
        let mut waits = lock(&self.waits);
        waits.threads = waits.threads.saturating_sub(1);
        if waits.threads == 0
            && let Some(since) = waits.since.take()
        {
            waits.total = waits.total.saturating_add(since.elapsed());
        }
        value
    }

    /// Returns how long the collection was made to wait.
    pub(super) fn throttled_ms(&self) -> u64 {
        let waits = lock(&self.waits);
        let open = waits.since.map(|since| since.elapsed()).unwrap_or_default();
        u64::try_from(waits.total.saturating_add(open).as_millis()).unwrap_or(u64::MAX)
    }
}

fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
