//! The owner of every spawned task: none is detached, each one's end is seen, and what each does can be asked.
//!
//! A [`Tasks`] belongs to whoever runs a part (the agent, the coordinator). Dropping the stop signal is
//! not enough: [`Tasks::finish`] waits until all have ended.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, trace};

/// Owns tasks; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    known: Arc<Mutex<Known>>,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it is called.
    pub name: &'static str,
    /// How long ago it began.
    pub age: Duration,
    /// How often it was polled.
    pub polls: u64,
    /// How long that took.
    pub busy: Duration,
    /// How long ago the last poll ended; `None` while it is polled.
    pub idle: Option<Duration>,
}

/// The tasks that have not ended, by number.
#[derive(Debug, Default)]
struct Known {
    next: u64,
    running: BTreeMap<u64, Arc<Meter>>,
}

/// What one task has cost.
#[derive(Debug)]
struct Meter {
    name: &'static str,
    began: Instant,
    polls: AtomicU64,
    busy_ns: AtomicU64,
    /// When the last poll ended, in nanoseconds since it began; [`POLLED`] while it is polled.
    idle_since_ns: AtomicU64,
}

const POLLED: u64 = u64::MAX;

/// Keeps a task among the known ones.
#[derive(Debug)]
struct Entry {
    known: Arc<Mutex<Known>>,
    number: u64,
    meter: Arc<Meter>,
}

impl Tasks {
    /// Makes an owner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the signal that tells every task to end.
    pub fn stop_signal(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task under a name. A panic in it is logged as an error and asks all the others to stop:
    /// half a system that goes on is worse than one that is started again.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "the one owner of tasks")]
        let handle: JoinHandle<()> = tokio::spawn(self.watch(name, task));
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            match handle.await {
                Ok(()) => trace!(task = name, "task ended"),
                Err(problem) => {
                    error!(task = name, error = %problem, "task died");
                    stop.cancel();
                }
            }
        });
    }

    /// Has a part of a task known under a name of its own until it ends or is dropped.
    pub fn watch<F: Future>(
        &self,
        name: &'static str,
        part: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let entry = Entry::new(&self.known, name);
        // Whoever holds it holds a pointer, not all that it will ever need.
        let mut part = Box::pin(part);
        async move {
            std::future::poll_fn(|context| entry.meter.measure(|| part.as_mut().poll(context)))
                .await
        }
    }

    /// Returns what has not ended, the oldest first.
    pub fn running(&self) -> Vec<Running> {
        lock(&self.known).running.values().map(|meter| meter.read()).collect()
    }

    /// Asks every task to end, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Asks every task to end and waits until all have.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Entry {
    fn new(known: &Arc<Mutex<Known>>, name: &'static str) -> Self {
        let meter = Arc::new(Meter {
            name,
            began: Instant::now(),
            polls: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            idle_since_ns: AtomicU64::new(0),
        });
        let mut tasks = lock(known);
        let number = tasks.next;
        tasks.next += 1;
        tasks.running.insert(number, Arc::clone(&meter));
        drop(tasks);
        Self { known: Arc::clone(known), number, meter }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.known).running.remove(&self.number);
    }
}

impl Meter {
    fn measure<T>(&self, poll: impl FnOnce() -> T) -> T {
        let begin = self.age_ns();
        self.idle_since_ns.store(POLLED, Ordering::Relaxed);
        let polled = poll();
        let end = self.age_ns();
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.busy_ns.fetch_add(end.saturating_sub(begin), Ordering::Relaxed);
        self.idle_since_ns.store(end, Ordering::Relaxed);
        polled
    }

    fn read(&self) -> Running {
        let age = self.age_ns();
        let idle_since = self.idle_since_ns.load(Ordering::Relaxed);
        let is_idle = idle_since != POLLED;
        Running {
            name: self.name,
            age: Duration::from_nanos(age),
            polls: self.polls.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
            idle: is_idle.then(|| Duration::from_nanos(age.saturating_sub(idle_since))),
        }
    }

    fn age_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(POLLED - 1)
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_is_known_with_what_it_cost_until_it_ends() {
        let tasks = Tasks::new();
        let stop = tasks.stop_signal();
        let (other, until) = (tasks.clone(), stop.clone());
        tasks.spawn("works", async move {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
            let seen = other.running();
            assert!(seen.iter().any(|one| one.name == "works" && one.idle.is_none()), "{seen:?}");
            until.cancelled().await;
        });
        tokio::task::yield_now().await;
        let part = tasks.watch("part", std::future::pending::<()>());
        let seen = tasks.running();
        let [works, part_seen] = seen.as_slice() else { panic!("{seen:?}") };
        assert_eq!(
            (works.name, works.polls, part_seen.name, part_seen.polls),
            ("works", 1, "part", 0)
        );
        assert!(works.busy >= Duration::from_millis(20) && works.age >= works.busy, "{works:?}");
        assert!(works.idle.is_some_and(|idle| idle < works.age), "{works:?}");
        drop(part);
        tasks.finish().await;
        assert_eq!(tasks.running(), Vec::new());
    }
}
