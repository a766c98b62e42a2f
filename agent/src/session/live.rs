//! The session of a real collection: limits, back-pressure, and chunks that are durable with their cursor.

mod chunks;
mod session;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_profiler::Tag;
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::request::Limits;
use muster_protocol::result::{ArtifactFooter, Footer, ProfileFooter, Status};
use muster_runtime::process::rss_bytes;

use super::batch::Batch;
use super::bucket::Buckets;
use super::meter::Meter;
use super::printer::Printer;
use super::stop::{StopSignal, lock};
use super::ticks::Tick;
use super::{Checkpoint, Progress, Stop, Wait};
use crate::hash_cache::HashCache;
use crate::journal::{Collection, Figures, Journal};

/// Longest sleep before a thread looks up again.
const STEP: Duration = Duration::from_millis(50);

/// One run of one collection.
#[derive(Debug)]
pub struct LiveSession {
    journal: Arc<Journal>,
    agent: AgentId,
    request: RequestId,
    limits: Limits,
    began: Instant,
    /// The same by the clock that costs nothing.
    began_tick: Tick,
    /// The seconds that it may take, and when they are over.
    ends_at: Option<(u32, Tick)>,
    /// The agent's memory when the run began, where it is bounded.
    rss_before: u64,
    started: muster_protocol::clock::Timestamp,
    resume: Option<Vec<u8>>,
    is_polite: bool,
    /// Takes the rows in the place of the outbox.
    printer: Option<Printer>,
    cache: Option<Arc<HashCache>>,
    tag: Tag,
    stop: StopSignal,
    /// What its threads were at when it had to stop.
    at_stop: Mutex<Option<Vec<Vec<u8>>>>,
    is_uploading: AtomicBool,
    is_abandoned: AtomicBool,
    meter: Meter,
    /// `None` where no rate is limited: then threads share nothing at a file.
    buckets: Option<Mutex<Buckets>>,
    /// What was allowed so far, counted where bytes are limited.
    bytes: AtomicU64,
    flush_at_ms: AtomicU64,
    progress: Mutex<Progress>,
    before: Figures,
    /// What the runs before this one have done.
    done_before: Option<ArtifactFooter>,
    so_far: Mutex<SoFar>,
    pending: Mutex<Pending>,
}

/// The last status of a run, committed with what is pending.
#[derive(Debug)]
pub enum Last {
    /// The collection has ended.
    Final(Status),
    /// It stands still, and another run goes on.
    Paused(Status),
}

/// What was emitted and is not durable yet, and where the attempt stands. Held for as long as the disk is full: only
/// the collection's own threads may wait for it.
#[derive(Debug)]
struct Pending {
    rows: Batch,
    /// Rows that are printed and were not handed over.
    text: Vec<u8>,
    at: Option<Arc<dyn Checkpoint>>,
    next_seq: u64,
    next_blob: u32,
    /// Something of this run is durable.
    has_begun: bool,
    /// Some of the rows lie behind the cursor: they become durable with the final status or not at all.
    is_ending: bool,
    /// The final status is committed, or all is saved for the next run: nothing may follow.
    is_over: bool,
}

impl Pending {
    /// Fails once the final status has been committed: a later write by a stuck thread must be rejected.
    fn may_go_on(&self) -> Result<(), Stop> {
        if self.is_over {
            return Err(Stop::Journal("the collection is over".to_owned()));
        }
        Ok(())
    }
}

/// A snapshot for telemetry. Never locked across a blocking call.
#[derive(Debug)]
struct SoFar {
    /// How far this run is; before its first checkpoint, as far as those before it.
    at: Option<Arc<dyn Checkpoint>>,
    rows: u64,
    profiles: Vec<ProfileFooter>,
}

impl LiveSession {
    /// Makes the session of a collection as the journal has it. A `polite` one lowers the priority of its threads.
    pub fn new(
        journal: Arc<Journal>,
        agent: AgentId,
        collection: Collection,
        limits: Limits,
        is_polite: bool,
    ) -> Self {
        let mut before = collection.figures;
        before.resumed += u32::from(collection.is_running);
        let rows = before.rows;
        let began_tick = Tick::now();
        let ran_before = Duration::from_millis(before.ran_ms);
        let ends_at = limits.timeout_s.map(|seconds| {
            let left = Duration::from_secs(seconds.into()).saturating_sub(ran_before);
            (seconds, began_tick.plus(left))
        });
        let profiles = before.profiles.clone();
        Self {
            tag: Tag::new(agent.clone(), Some(collection.request)),
            journal,
            agent,
            request: collection.request,
            buckets: Buckets::new(&limits).map(Mutex::new),
            rss_before: limits.max_memory_mb.map_or(0, |_| rss_bytes()),
            limits,
            began: Instant::now(),
            began_tick,
            ends_at,
            started: collection.started,
            resume: collection.cursor,
            is_polite,
            printer: None,
            cache: None,
            stop: StopSignal::default(),
            at_stop: Mutex::default(),
            is_uploading: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            meter: Meter::default(),
            bytes: AtomicU64::new(0),
            flush_at_ms: AtomicU64::new(u64::MAX),
            progress: Mutex::default(),
            before,
            done_before: None,
            so_far: Mutex::new(SoFar { at: None, rows, profiles }),
            pending: Mutex::new(Pending {
                rows: Batch::default(),
                text: Vec::new(),
                at: None,
                next_seq: collection.next_seq,
                next_blob: collection.next_blob,
                has_begun: false,
                is_ending: false,
                is_over: false,
            }),
        }
    }

    /// Goes on from what the runs before this one have done.
    #[must_use]
    pub fn with_done_before(self, footer: Option<ArtifactFooter>) -> Self {
        let bytes = footer.as_ref().map_or(0, |footer| footer.counters.bytes);
        Self { done_before: footer, bytes: AtomicU64::new(bytes), ..self }
    }

    /// Hands the rows to a receiver in this process, in the place of chunks to the outbox.
    #[must_use]
    pub fn with_printer(self, printer: Option<Printer>) -> Self {
        Self { printer, ..self }
    }

    /// Hands out what is known of files.
    #[must_use]
    pub fn with_cache(self, cache: Option<Arc<HashCache>>) -> Self {
        Self { cache, ..self }
    }

    /// Stops every thread of the collection; the first reason counts.
    pub fn request_stop(&self, stop: Stop) {
        if self.stop.check().is_ok() {
            let current_paths = self.meter.current_paths();
            lock(&self.at_stop).get_or_insert(current_paths);
        }
        self.stop.request(stop);
    }

    /// Returns the paths that threads of the collection were at when it had to stop.
    pub fn paths_at_stop(&self) -> Vec<Vec<u8>> {
        lock(&self.at_stop).clone().unwrap_or_default()
    }

    /// Returns whether a file is being sent.
    pub fn is_uploading(&self) -> bool {
        self.is_uploading.load(Ordering::Relaxed)
    }

    /// Returns why the collection must stop, and for how long that has been so.
    pub fn stop_reason(&self) -> Option<(Stop, Duration)> {
        self.stop.requested().map(|(stop, since)| (stop, since.elapsed()))
    }

    /// Ends the collection when its time is over or its memory is used up, though none of its threads should look.
    pub fn look_at_the_limits(&self) {
        if let Some(max) = self.limits.max_memory_mb
            && rss_bytes().saturating_sub(self.rss_before) > u64::from(max) * 1_000_000
        {
            self.request_stop(Stop::Limit("memory"));
        }
        // Its threads see the stop.
        drop(self.on_time());
    }

    /// Returns whether a limit, or a full outbox, has one of its threads wait now.
    pub fn is_throttled(&self) -> bool {
        self.meter.is_waiting()
    }

    /// Returns whether the final status was committed without its threads.
    pub fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Commits the last status of a run for threads that do not come back; what they do later is rejected. `false` when
    /// one of them is just committing something, or has set it itself.
    pub fn abandon(&self, last: Last) -> Result<bool, Stop> {
        let Ok(mut pending) = self.pending.try_lock() else { return Ok(false) };
        if pending.is_over {
            return Ok(false);
        }
        self.flush(&mut pending, Some(last))?;
        pending.is_over = true;
        self.is_abandoned.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// Returns what to tell of the collection while it runs.
    pub fn snapshot(&self) -> (Progress, u64, u64, Duration) {
        let throttled_ms = self.meter.throttled_ms();
        let mut progress = lock(&self.progress).clone();
        // Where it is says more than where it was.
        if let Some(path) = self.meter.current_paths().into_iter().next() {
            progress.path = path;
        }
        (progress, self.meter.cpu_ms(), throttled_ms, self.began.elapsed())
    }

    /// Returns the paths that threads of the collection are at.
    pub fn current_paths(&self) -> Vec<Vec<u8>> {
        self.meter.current_paths()
    }

    /// Returns the figures of now as a footer.
    pub fn footer(&self, artifact: Option<ArtifactFooter>) -> Footer {
        let figures = self.figures();
        Footer {
            artifact,
            profiles: figures.profiles,
            started: self.started,
            ended: muster_protocol::clock::Timestamp::default(),
            cpu_user_ms: figures.cpu_user_ms,
            cpu_system_ms: figures.cpu_system_ms,
            throttled_ms: figures.throttled_ms,
            rows: figures.rows,
            resumed: figures.resumed,
            spent: figures.spent,
        }
    }

    /// Returns the artifact's footer up to the last checkpoint; none of a profile.
    pub fn artifact_so_far(&self) -> Option<ArtifactFooter> {
        let at = lock(&self.so_far).at.clone();
        // What cannot be encoded fails loudly when it is to become durable.
        at.and_then(|at| at.footer().ok()).or_else(|| self.done_before.clone())
    }

    /// Commits what is pending so that a later run goes on from here.
    pub fn suspend(&self) -> Result<(), Stop> {
        self.close(None)
    }

    /// Commits what is pending so that a later run goes on from here, together with the status that says so.
    pub fn stand_still(&self, status: Status) -> Result<(), Stop> {
        self.close(Some(Last::Paused(status)))
    }

    /// Commits what is pending together with the final status, into which it writes the count of chunks.
    pub fn finish(&self, status: Status) -> Result<(), Stop> {
        self.close(Some(Last::Final(status)))
    }

    fn close(&self, last: Option<Last>) -> Result<(), Stop> {
        let mut pending = lock(&self.pending);
        // Whoever gave it up has set it.
        if pending.is_over {
            return Ok(());
        }
        pending.is_over = true;
        self.flush(&mut pending, last)
    }

    fn figures(&self) -> Figures {
        let (user_ms, system_ms) = self.meter.cpu_by_mode_ms();
        let (before, so_far) = (&self.before, lock(&self.so_far));
        Figures {
            cpu_user_ms: before.cpu_user_ms.saturating_add(user_ms),
            cpu_system_ms: before.cpu_system_ms.saturating_add(system_ms),
            throttled_ms: before.throttled_ms.saturating_add(self.meter.throttled_ms()),
            ran_ms: before.ran_ms.saturating_add(self.elapsed_ms()),
            rows: so_far.rows,
            resumed: before.resumed,
            profiles: so_far.profiles.clone(),
            spent: before.spent.plus(&self.meter.spent()),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn attempt(&self) -> Attempt {
        Attempt { origin: self.request, journal: self.journal.id() }
    }

    /// Sleeps a whole `time` unless another run goes on: a cancelled collection, too, has a final status to write.
    fn sleep(&self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.stop.check() {
                Err(stop) if stop.is_resumed() => return Err(stop),
                _ if left.is_zero() => return Ok(()),
                Ok(()) => drop(self.stop.wait(left.min(STEP))),
                // Another reason was set already, so the signal no longer waits.
                Err(_) => std::thread::park_timeout(left.min(STEP)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
