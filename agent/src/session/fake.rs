//! A session that only remembers: for tests and measurements of collectors.
//!
//! It enforces nothing but what a test sets up: a stop at the n-th check, a limit of rows, or a stop from
//! outside at any moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_profiler::Captured;
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::ids::RequestId;

use super::batch::Batch;
use super::cache::Cache;
use super::fake_cache::FakeCache;
use super::upload::{Content, Read, Sent};
use super::{Checkpoint, Cost, Leave, Progress, RequestState, Session, Stop, ThreadScope, Wait};

/// What a collector did with its session.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Every row, in the order of emission.
    pub rows: Batch,
    /// How many rows were out at each checkpoint, and the checkpoint.
    pub checkpoints: Vec<(usize, Arc<dyn Checkpoint>)>,
    /// What lies behind the last of them.
    pub last: Option<(Batch, Arc<dyn Checkpoint>)>,
    /// Blobs.
    pub blobs: Vec<Captured>,
    /// Files that were sent: what became of each, and the bytes that left.
    pub uploads: Vec<(Sent, Vec<u8>)>,
    /// Where it was last.
    pub progress: Progress,
    /// What was spent.
    pub files: u64,
    /// What was spent.
    pub bytes: u64,
    /// The path that was set last.
    pub current_path: Vec<u8>,
    /// What was waited for, and how long.
    pub waits: Vec<(Wait, Duration)>,
}

/// A session that remembers.
#[derive(Debug, Default)]
pub struct FakeSession {
    resume: Option<Vec<u8>>,
    stop_at_check: Option<(u64, Stop)>,
    rows_max: Option<usize>,
    counts_only: bool,
    cache: Option<Arc<FakeCache>>,
    list: Option<Vec<IocList>>,
    checks: AtomicU64,
    threads: Threads,
    stop: Mutex<Option<Stop>>,
    standings: Mutex<Vec<RequestState>>,
    hook: Mutex<Option<Hook>>,
    seen: Mutex<Seen>,
}

/// What happens when a path is set.
struct Hook {
    path: Vec<u8>,
    /// So often more the path is set before.
    skips: usize,
    act: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("path", &self.path).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Threads {
    entered: AtomicU64,
    left: AtomicU64,
}

impl Leave for Threads {
    fn leave(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }
}

impl FakeSession {
    /// Makes a session that never stops anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from a cursor.
    #[must_use]
    pub fn resuming(mut self, cursor: Option<Vec<u8>>) -> Self {
        self.resume = cursor;
        self
    }

    /// Cancels at the n-th check, counted over all threads, and at all that follow.
    #[must_use]
    pub fn cancelling_at(mut self, check: u64) -> Self {
        self.stop_at_check = Some((check, Stop::Cancelled));
        self
    }

    /// Shuts the agent down at the n-th check, and at all that follow.
    #[must_use]
    pub fn suspending_at(mut self, check: u64) -> Self {
        self.stop_at_check = Some((check, Stop::Shutdown));
        self
    }

    /// Allows no rows beyond `rows`.
    #[must_use]
    pub fn capped_at(mut self, rows: usize) -> Self {
        self.rows_max = Some(rows);
        self
    }

    /// Forgets the rows and keeps the last cursor only: for measurements.
    #[must_use]
    pub fn counting_only(mut self) -> Self {
        self.counts_only = true;
        self
    }

    /// Hands out a cache.
    #[must_use]
    pub fn with_cache(mut self, cache: &Arc<FakeCache>) -> Self {
        self.cache = Some(Arc::clone(cache));
        self
    }

    /// Answers how another request stands with these words, one after another; the last one stays.
    #[must_use]
    pub fn beside(self, mut standings: Vec<RequestState>) -> Self {
        standings.reverse();
        *lock(&self.standings) = standings;
        self
    }

    /// Has a list of hashes that came in parts.
    #[must_use]
    pub fn with_list(mut self, list: Vec<IocList>) -> Self {
        self.list = Some(list);
        self
    }

    /// Acts once, when a path is set after so many other times: what others do to a tree while it is walked.
    #[must_use]
    pub fn meanwhile_at(
        self,
        path: &[u8],
        skips: usize,
        act: impl FnOnce() + Send + 'static,
    ) -> Self {
        *lock(&self.hook) = Some(Hook { path: path.to_vec(), skips, act: Box::new(act) });
        self
    }

    /// Stops the collector from outside.
    pub fn stop(&self, stop: Stop) {
        *lock(&self.stop) = Some(stop);
    }

    /// Returns a copy of what was seen so far.
    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Returns the last cursor.
    pub fn last_cursor(&self) -> Option<Vec<u8>> {
        lock(&self.seen).checkpoints.last().and_then(|(_, at)| at.cursor().ok())
    }

    /// Returns how many checks there were.
    pub fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    /// Returns how many threads entered and how many left.
    pub fn threads(&self) -> (u64, u64) {
        (self.threads.entered.load(Ordering::Relaxed), self.threads.left.load(Ordering::Relaxed))
    }
}

impl Session for FakeSession {
    fn resume(&self) -> Option<Vec<u8>> {
        self.resume.clone()
    }

    fn enter_thread(&self) -> ThreadScope<'_> {
        self.threads.entered.fetch_add(1, Ordering::Relaxed);
        ThreadScope::new(Some(&self.threads))
    }

    fn check(&self) -> Result<(), Stop> {
        let check = self.checks.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if let Some((at, stop)) = &self.stop_at_check
            && check >= *at
        {
            return Err(stop.clone());
        }
        match &*lock(&self.stop) {
            Some(stop) => Err(stop.clone()),
            None => Ok(()),
        }
    }

    fn ask(&self, cost: Cost) -> Result<Option<Instant>, Stop> {
        let mut seen = lock(&self.seen);
        seen.files = seen.files.saturating_add(u64::from(cost.files));
        seen.bytes = seen.bytes.saturating_add(cost.bytes);
        drop(seen);
        self.check().map(|()| None)
    }

    fn pause(&self, _until: Instant) -> Result<(), Stop> {
        self.check()
    }

    fn end(&self, stop: Stop) {
        lock(&self.stop).get_or_insert(stop);
    }

    fn standing(&self, _request: RequestId) -> Result<RequestState, Stop> {
        let mut standings = lock(&self.standings);
        let last = standings.last().copied().unwrap_or(RequestState::Pending);
        if standings.len() > 1 {
            standings.pop();
        }
        Ok(last)
    }

    fn set_current_path(&self, path: &[u8]) {
        if !self.counts_only {
            lock(&self.seen).current_path = path.to_vec();
        }
        let hook = lock(&self.hook).take_if(|hook| {
            let is_met = hook.path == path;
            let is_due = is_met && hook.skips == 0;
            hook.skips = hook.skips.saturating_sub(usize::from(is_met));
            is_due
        });
        if let Some(hook) = hook {
            (hook.act)();
        }
    }

    fn waited(&self, why: Wait, time: Duration) {
        if !self.counts_only {
            lock(&self.seen).waits.push((why, time));
        }
    }

    fn rows_left(&self) -> usize {
        self.rows_max.map_or(usize::MAX, |max| max.saturating_sub(lock(&self.seen).rows.len()))
    }

    fn rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        // As in a real session: what was found until the stop counts.
        let must_stop = self.check();
        if rows.len() > self.rows_left() {
            return Err(Stop::Limit("rows"));
        }
        let mut seen = lock(&self.seen);
        if self.counts_only {
            seen.checkpoints.clear();
        } else {
            seen.rows.append(rows);
        }
        let out = seen.rows.len();
        seen.checkpoints.push((out, at));
        must_stop
    }

    fn last_rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        lock(&self.seen).last = Some((rows, at));
        Ok(())
    }

    fn blobs(&self, blobs: Vec<Captured>) -> Result<(), Stop> {
        // As in a real session: what was sampled is delivered also when the collection must stop.
        lock(&self.seen).blobs.extend(blobs);
        Ok(())
    }

    fn upload(&self, content: &Content<'_>, read: &mut Read<'_>) -> Result<Sent, Stop> {
        let mut bytes = Vec::new();
        let sent = super::upload::pieces(content, read, &mut |_, piece| {
            bytes.extend_from_slice(piece);
            self.check()
        })?;
        lock(&self.seen).uploads.push((sent, bytes));
        Ok(sent)
    }

    fn progress(&self, progress: Progress) {
        lock(&self.seen).progress = progress;
    }

    fn list(&self, named: &SplitIocList) -> Result<Vec<IocList>, String> {
        self.list.clone().ok_or_else(|| format!("{} parts that are not there", named.parts.len()))
    }

    fn cache(&self) -> Option<&dyn Cache> {
        self.cache.as_deref().map(|cache| cache as &dyn Cache)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
