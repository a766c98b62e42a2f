//! What a collection costs: CPU, page faults and disk reads of its own threads, and what they waited for.
//!
//! Each thread keeps its own account and settles it at each `spend`. A settled span is cut up without rest: CPU, waits
//! that the session or the collector named, and what has no name. So CPU and waits add up to the time that the threads
//! were there.
//!
//! Beside that each thread notes the path it is at, so that one that stands still can be asked where.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_profiler::Tag;
use muster_profiler::tag;
use muster_protocol::result::Spent;

use super::Wait;
use super::stop::lock;
use super::sys::{self, Usage};
use super::ticks::Tick;

thread_local! {
    /// Of the thread that works for a collection.
    static ACCOUNT: RefCell<Option<Account>> = const { RefCell::new(None) };
    /// The path that the thread is at.
    static CURRENT_PATH: RefCell<Option<CurrentPath>> = const { RefCell::new(None) };
    /// What it waited for since it last settled: any call may add to it.
    static WAITED_NS: Cell<Waits> = const { Cell::new([0; Wait::ALL.len()]) };
}

/// A thread writes it, whoever asks reads it.
type CurrentPath = Arc<Mutex<Vec<u8>>>;

/// An account is settled no more often, by the ticking clock: asking for a thread's CPU takes the kernel a microsecond, as
/// long as a small file.
const SETTLE_MIN: Duration = Duration::from_millis(1);

/// Nanoseconds by [`Wait::index`].
type Waits = [u64; Wait::ALL.len()];

/// One thread's account.
#[derive(Debug)]
struct Account {
    /// Keeps the thread's samples with its collection.
    _tag: tag::Guard,
    entered: Usage,
    queued_ns: u64,
    settled_at: Instant,
    settled_tick: Tick,
    settled_cpu_ns: u64,
    /// Of what was settled: what has no name.
    other_ns: u64,
}

/// Shared by the threads of one collection.
#[derive(Debug, Default)]
pub(super) struct Meter {
    cpu_ns: AtomicU64,
    threads_ns: AtomicU64,
    waits_ns: [AtomicU64; Wait::ALL.len()],
    left: Mutex<Usage>,
    held_up: Mutex<HeldUp>,
    paths: Mutex<Vec<CurrentPath>>,
}

/// Limits, outbox and journal: time in which the collection was made to wait.
#[derive(Debug, Default)]
struct HeldUp {
    threads: u32,
    since: Option<Instant>,
    total: Duration,
}

impl Meter {
    /// Begins to account for the calling thread; `false` when it is accounted for already.
    pub(super) fn enter(&self, tag: &Tag) -> bool {
        ACCOUNT.with_borrow_mut(|account| {
            if account.is_some() {
                return false;
            }
            WAITED_NS.take();
            let path = CurrentPath::default();
            lock(&self.paths).push(Arc::clone(&path));
            CURRENT_PATH.set(Some(path));
            *account = Some(Account {
                _tag: tag::enter(tag),
                entered: sys::thread_usage(),
                queued_ns: queued_ns(),
                settled_at: Instant::now(),
                settled_tick: Tick::now(),
                settled_cpu_ns: thread_cpu_ns(),
                other_ns: 0,
            });
            true
        })
    }

    /// Settles the calling thread's account when it is time, and returns the CPU nanoseconds since the last time.
    pub(super) fn account(&self) -> u64 {
        ACCOUNT.with_borrow_mut(|account| match account {
            Some(account) if account.settled_tick.elapsed() >= SETTLE_MIN => self.settle(account),
            _ => 0,
        })
    }

    /// Ends the accounting of the calling thread.
    pub(super) fn leave(&self) {
        let Some(mut account) = ACCOUNT.take() else { return };
        if let Some(path) = CURRENT_PATH.take() {
            lock(&self.paths).retain(|known| !Arc::ptr_eq(known, &path));
        }
        self.settle(&mut account);
        // Only now it is known for how long it was ready to run and another thread was on the processor.
        let queued_ns = queued_ns().saturating_sub(account.queued_ns).min(account.other_ns);
        let [other, processor] =
            [Wait::Other, Wait::Processor].map(|why| self.waits_ns.get(why.index()));
        other.map(|sum| sum.fetch_sub(queued_ns, Ordering::Relaxed));
        processor.map(|sum| sum.fetch_add(queued_ns, Ordering::Relaxed));
        lock(&self.left).add(&sys::thread_usage().since(&account.entered));
    }

    fn settle(&self, account: &mut Account) -> u64 {
        let (now, cpu_now) = (Instant::now(), thread_cpu_ns());
        let cpu_ns = cpu_now.saturating_sub(account.settled_cpu_ns);
        let wall_ns = nanoseconds(now.saturating_duration_since(account.settled_at)).max(cpu_ns);
        (account.settled_at, account.settled_cpu_ns) = (now, cpu_now);
        account.settled_tick = Tick::now();
        let waits = cut_up(WAITED_NS.take(), wall_ns.saturating_sub(cpu_ns));
        let other_ns = waits.get(Wait::Other.index()).copied().unwrap_or(0);
        account.other_ns = account.other_ns.saturating_add(other_ns);
        for (sum, wait_ns) in self.waits_ns.iter().zip(waits).filter(|(_, ns)| *ns > 0) {
            sum.fetch_add(wait_ns, Ordering::Relaxed);
        }
        self.threads_ns.fetch_add(wall_ns, Ordering::Relaxed);
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
        cpu_ns
    }

    /// Returns the paths that threads are at, in the order in which the threads came.
    pub(super) fn current_paths(&self) -> Vec<Vec<u8>> {
        let paths: Vec<_> = lock(&self.paths).iter().map(|path| lock(path).clone()).collect();
        paths.into_iter().filter(|path| !path.is_empty()).collect()
    }

    /// Returns the CPU milliseconds that are settled so far.
    pub(super) fn cpu_ms(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed) / 1_000_000
    }

    /// Returns CPU milliseconds in user mode and in the kernel. What threads that still run have spent is
    /// counted as user mode.
    pub(super) fn cpu_by_mode_ms(&self) -> (u64, u64) {
        let left = *lock(&self.left);
        let (user_ms, system_ms) = (milliseconds(left.user), milliseconds(left.system));
        (user_ms.max(self.cpu_ms().saturating_sub(system_ms)), system_ms)
    }

    /// Returns the rest of what was used; faults and disk of threads that still run are not in it yet.
    pub(super) fn spent(&self) -> Spent {
        let left = *lock(&self.left);
        let waits = Wait::ALL.iter().zip(&self.waits_ns);
        let waits = waits.map(|(wait, ns)| (wait.as_str(), ns.load(Ordering::Relaxed) / 1_000_000));
        Spent {
            threads_ms: self.threads_ns.load(Ordering::Relaxed) / 1_000_000,
            waits_ms: waits
                .filter(|(_, ms)| *ms > 0)
                .map(|(wait, ms)| (wait.to_owned(), ms))
                .collect(),
            faults_minor: left.faults_minor,
            faults_major: left.faults_major,
            disk_read_bytes: left.disk_read_bytes,
            disk_written_bytes: left.disk_written_bytes,
        }
    }

    /// Runs a wait for limits, outbox or journal; waits of several threads at once hold the collection up once.
    pub(super) fn waiting<T>(&self, why: Wait, wait: impl FnOnce() -> T) -> T {
        let mut held_up = lock(&self.held_up);
        held_up.threads += 1;
        held_up.since.get_or_insert_with(Instant::now);
        drop(held_up);
        let began = Instant::now();
        let value = wait();
        waited(why, began.elapsed());
        let mut held_up = lock(&self.held_up);
        held_up.threads = held_up.threads.saturating_sub(1);
        if held_up.threads == 0
            && let Some(since) = held_up.since.take()
        {
            held_up.total = held_up.total.saturating_add(since.elapsed());
        }
        value
    }

    /// Returns whether one of its threads is made to wait now.
    pub(super) fn is_waiting(&self) -> bool {
        lock(&self.held_up).threads > 0
    }

    /// Returns how long the collection was made to wait.
    pub(super) fn throttled_ms(&self) -> u64 {
        let held_up = lock(&self.held_up);
        let open = held_up.since.map(|since| since.elapsed()).unwrap_or_default();
        milliseconds(held_up.total.saturating_add(open))
    }
}

/// Notes which path the calling thread is at.
pub(super) fn set_current_path(path: &[u8]) {
    CURRENT_PATH.with_borrow(|current| {
        if let Some(current) = current {
            let mut current = lock(current);
            current.clear();
            current.extend_from_slice(path);
        }
    });
}

/// Notes what the calling thread waited for.
pub(super) fn waited(why: Wait, time: Duration) {
    let mut waits = WAITED_NS.get();
    if let Some(wait) = waits.get_mut(why.index()) {
        *wait = wait.saturating_add(nanoseconds(time));
    }
    WAITED_NS.set(waits);
}

/// Fits named waits into the time that was not spent on a processor: a call that blocks spends some CPU, too, and what
/// was named twice is in it once. What is left over has no name.
fn cut_up(mut named: Waits, off_cpu_ns: u64) -> Waits {
    let sum: u64 = named.iter().fold(0, |sum, ns| sum.saturating_add(*ns));
    if sum > off_cpu_ns {
        let fit = |ns: u64| u128::from(ns) * u128::from(off_cpu_ns) / u128::from(sum);
        for ns in &mut named {
            *ns = u64::try_from(fit(*ns)).unwrap_or(u64::MAX);
        }
    }
    let sum: u64 = named.iter().fold(0, |sum, ns| sum.saturating_add(*ns));
    if let Some(other) = named.get_mut(Wait::Other.index()) {
        *other = other.saturating_add(off_cpu_ns.saturating_sub(sum));
    }
    named
}

fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns how long the calling thread was ready to run and did not; 0 where the kernel does not count it.
fn queued_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_span_is_cut_up_without_rest(
            named in prop::array::uniform(0..2_000_000_000_u64),
            off_cpu_ns in 0..10_000_000_000_u64,
        ) {
            let waits = cut_up(named, off_cpu_ns);
            prop_assert_eq!(waits.iter().sum::<u64>(), off_cpu_ns);
            if named.iter().sum::<u64>() <= off_cpu_ns {
                let is_other = |n: usize| n == Wait::Other.index();
                prop_assert!((0..named.len()).all(|n| is_other(n) || waits[n] == named[n]));
            }
        }
    }

    #[test]
    fn what_a_thread_waited_for_is_told_by_cause() {
        let agent = muster_protocol::ids::AgentId::new("a-1").unwrap();
        let (meter, tag) = (Meter::default(), Tag::new(agent, None));
        set_current_path(b"/nobody's");
        assert!(meter.enter(&tag) && !meter.enter(&tag), "a thread is entered once");
        assert_eq!(meter.current_paths(), Vec::<Vec<u8>>::new());
        set_current_path(b"/a");
        set_current_path(b"/b/c");
        assert_eq!(meter.current_paths(), [b"/b/c"]);
        meter.waiting(Wait::Limit, || std::thread::park_timeout(Duration::from_millis(30)));
        let began = Instant::now();
        std::thread::park_timeout(Duration::from_millis(30));
        waited(Wait::Open, began.elapsed());
        meter.leave();
        assert!(meter.current_paths().is_empty());
        let spent = meter.spent();
        assert!(spent.waits_ms["limit"] >= 25 && spent.waits_ms["open"] >= 25, "{spent:?}");
        assert!(meter.throttled_ms() >= 25 && meter.throttled_ms() < spent.threads_ms, "{spent:?}");
        let sum = meter.cpu_ms() + spent.waits_ms.values().sum::<u64>();
        // Each figure is cut to whole milliseconds.
        assert!((sum..=sum + 5).contains(&spent.threads_ms), "{sum} {spent:?}");
        assert_eq!(meter.account(), 0, "no thread is entered any more");
    }
}
