//! The session of a real collection: limits, back-pressure, and chunks that are durable with their cursor.

mod chunks;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_profiler::{Captured, Tag};
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::ids::{AgentId, Attempt, RequestId};
use muster_protocol::limits;
use muster_protocol::request::Limits;
use muster_protocol::result::{ArtifactFooter, Footer, ProfileFooter, Status};
use muster_runtime::process::rss_bytes;
use tracing::warn;

use super::batch::Batch;
use super::bucket::Buckets;
use super::cache::Cache;
use super::meter::{self, Meter};
use super::printer::Printer;
use super::stop::{StopSignal, lock};
use super::ticks::Tick;
use super::upload::{Content, Read, Sent};
use super::{Checkpoint, Cost, Leave, Progress, RequestState, Session, Stop, ThreadScope, Wait};
use crate::hash_cache::HashCache;
use crate::journal::{Collection, Figures, Journal, Step};

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
    ran_before: Duration,
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
            began_tick: Tick::now(),
            ran_before: Duration::from_millis(before.ran_ms),
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
        self.stop.say(stop);
    }

    /// Returns the paths that threads of the collection were at when it had to stop.
    pub fn in_hand_at_stop(&self) -> Vec<Vec<u8>> {
        lock(&self.at_stop).clone().unwrap_or_default()
    }

    /// Returns whether a file is being sent.
    pub fn is_uploading(&self) -> bool {
        self.is_uploading.load(Ordering::Relaxed)
    }

    /// Returns why the collection must stop, and for how long that has been so.
    pub fn halted(&self) -> Option<(Stop, Duration)> {
        self.stop.said().map(|(stop, since)| (stop, since.elapsed()))
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

    /// Commits the final status for threads that do not come back; what they do later is rejected. `false` when one
    /// of them is just committing something, or has said it itself.
    pub fn abandon(&self, status: Status) -> Result<bool, Stop> {
        let Ok(mut pending) = self.pending.try_lock() else { return Ok(false) };
        if pending.is_over {
            return Ok(false);
        }
        self.flush(&mut pending, Some(status))?;
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
        let mut pending = lock(&self.pending);
        if pending.is_over {
            return Ok(());
        }
        pending.is_over = true;
        self.flush(&mut pending, None)
    }

    /// Commits what is pending together with the final status, into which it writes the count of chunks.
    pub fn finish(&self, status: Status) -> Result<(), Stop> {
        let mut pending = lock(&self.pending);
        // Whoever gave it up has said it.
        if pending.is_over {
            return Ok(());
        }
        pending.is_over = true;
        self.flush(&mut pending, Some(status))
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

    /// Sleeps a whole `time` unless the agent shuts down: a cancelled collection, too, has a final status to write.
    fn sleep(&self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.stop.check() {
                Err(Stop::Shutdown) => return Err(Stop::Shutdown),
                _ if left.is_zero() => return Ok(()),
                Ok(()) => drop(self.stop.wait(left.min(STEP))),
                // Another word was said already, so the signal no longer waits.
                Err(_) => std::thread::park_timeout(left.min(STEP)),
            }
        }
    }

    /// Waits while the outbox is full; once the collection must stop, at most for the moment of a check.
    fn room(&self) -> Result<(), Stop> {
        let is_full = || self.journal.outbox_size().1 >= limits::OUTBOX_BYTES_MAX;
        if !is_full() {
            return Ok(());
        }
        self.meter.waiting(Wait::Outbox, || {
            while is_full() {
                self.on_time()?;
                self.stop.wait(STEP)?;
            }
            Ok(())
        })
    }

    fn on_time(&self) -> Result<(), Stop> {
        if let Some(seconds) = self.limits.timeout_s
            && self.ran_before.saturating_add(self.began_tick.elapsed())
                >= Duration::from_secs(seconds.into())
        {
            self.request_stop(Stop::TimedOut(seconds));
        }
        self.stop.check()
    }

    /// Takes rows, and the figures that include them, in among what is pending.
    fn take(
        &self,
        rows: Batch,
        at: &Arc<dyn Checkpoint>,
        pending: &mut Pending,
    ) -> Result<(), Stop> {
        if rows.len() > self.rows_left() {
            self.request_stop(Stop::Limit("rows"));
            return self.stop.check();
        }
        let mut so_far = lock(&self.so_far);
        so_far.rows = so_far.rows.saturating_add(rows.len() as u64);
        so_far.at = Some(Arc::clone(at));
        drop(so_far);
        match &self.printer {
            Some(printer) => self.print(printer, &rows, &mut pending.text)?,
            None => pending.rows.append(rows),
        }
        Ok(())
    }

    /// Decides whether a file that matches may still be sent when the collection had to stop: for a moment, unless
    /// another run goes on with it, or the outbox is full.
    fn may_send_after(&self, stop: Stop) -> Result<(), Stop> {
        let is_full = self.journal.outbox_size().1 >= limits::OUTBOX_BYTES_MAX;
        if is_full || matches!(stop, Stop::Shutdown | Stop::Journal(_)) {
            return Err(stop);
        }
        self.request_stop(stop.clone());
        let since = self.halted().map_or(Duration::MAX, |(_, since)| since);
        let is_late = since >= Duration::from_millis(limits::UPLOAD_AT_END_MS_MAX);
        if is_late { Err(stop) } else { Ok(()) }
    }

    /// Returns whether what is pending has waited long enough; where nothing is, no clock is asked.
    fn is_flush_due(&self) -> bool {
        let at_ms = self.flush_at_ms.load(Ordering::Relaxed);
        at_ms != u64::MAX && self.began_tick.elapsed() >= Duration::from_millis(at_ms)
    }

    fn flush_if_due(&self) -> Result<(), Stop> {
        if !self.is_flush_due() {
            return Ok(());
        }
        // Whoever holds it is about to flush.
        let Ok(mut pending) = self.pending.try_lock() else { return Ok(()) };
        pending.may_go_on()?;
        self.flush(&mut pending, None)
    }
}

impl Leave for LiveSession {
    fn leave(&self) {
        self.meter.leave();
    }
}

impl Session for LiveSession {
    fn resume(&self) -> Option<Vec<u8>> {
        self.resume.clone()
    }

    fn enter_thread(&self) -> ThreadScope<'_> {
        if !self.meter.enter(&self.tag) {
            return ThreadScope::new(None);
        }
        if self.is_polite {
            super::sys::idle_io();
            if let Err(error) = rustix::process::nice(10) {
                warn!(%error, "cannot lower the priority of a collector's thread");
            }
        }
        ThreadScope::new(Some(self))
    }

    fn check(&self) -> Result<(), Stop> {
        self.on_time()?;
        self.flush_if_due()
    }

    fn ask(&self, cost: Cost) -> Result<Option<Instant>, Stop> {
        self.check()?;
        if let Some(max) = self.limits.max_bytes
            && self.bytes.fetch_add(cost.bytes, Ordering::Relaxed).saturating_add(cost.bytes) > max
        {
            // Only this thread hears it: the others read what they were allowed to.
            return Err(Stop::Limit("bytes"));
        }
        let cpu_ns = self.meter.account();
        let Some(buckets) = &self.buckets else { return Ok(None) };
        let wait = lock(buckets).take(cost, cpu_ns, self.began.elapsed());
        Ok((!wait.is_zero()).then(|| Instant::now() + wait))
    }

    fn pause(&self, until: Instant) -> Result<(), Stop> {
        self.meter.waiting(Wait::Limit, || {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                self.stop.wait(left.min(STEP))?;
                self.check()?;
            }
        })
    }

    fn end(&self, stop: Stop) {
        self.request_stop(stop);
    }

    fn standing(&self, request: RequestId) -> Result<RequestState, Stop> {
        self.journal.standing(request).map_err(|error| Stop::Journal(error.to_string()))
    }

    fn set_current_path(&self, path: &[u8]) {
        meter::set_current_path(path);
    }

    fn waited(&self, why: Wait, time: Duration) {
        meter::waited(why, time);
    }

    fn rows_left(&self) -> usize {
        let Some(max) = self.limits.max_rows else { return usize::MAX };
        usize::try_from(max.saturating_sub(lock(&self.so_far).rows)).unwrap_or(usize::MAX)
    }

    fn rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        let must_stop = self.on_time().and_then(|()| self.room());
        let mut pending = lock(&self.pending);
        pending.may_go_on()?;
        self.take(rows, &at, &mut pending)?;
        pending.at = Some(at);
        must_stop?;
        if pending.rows.is_chunk() || self.is_flush_due() {
            return self.flush(&mut pending, None);
        }
        let age = if pending.has_begun {
            limits::ROW_CHUNK_AGE_MS_MAX
        } else {
            limits::FIRST_CHUNK_AGE_MS_MAX
        };
        self.flush_at_ms.fetch_min(self.elapsed_ms().saturating_add(age), Ordering::Relaxed);
        Ok(())
    }

    fn last_rows(&self, rows: Batch, at: Arc<dyn Checkpoint>) -> Result<(), Stop> {
        let mut pending = lock(&self.pending);
        pending.may_go_on()?;
        pending.is_ending = true;
        self.take(rows, &at, &mut pending)
    }

    fn blobs(&self, blobs: Vec<Captured>) -> Result<(), Stop> {
        // What was sampled is delivered also when the collection must stop.
        drop(self.room());
        let sizes = blobs.iter().map(|blob| blob.bytes.len() as u64);
        if sizes.max().is_some_and(|largest| largest > limits::BLOB_BYTES_MAX) {
            return Err(Stop::Limit("blob bytes"));
        }
        let mut pending = lock(&self.pending);
        if pending.is_over {
            return Err(Stop::Shutdown);
        }
        self.flush(&mut pending, None)?;
        let mut chunks = Vec::new();
        let mut figures = self.figures();
        for (number, blob) in (pending.next_blob..).zip(blobs) {
            self.cut(number, &blob, pending.next_seq, &mut chunks);
            figures.profiles.push(blob.footer);
        }
        self.commit(&Step { blobs: &chunks, figures: Some(&figures), ..Step::default() })?;
        pending.next_seq = pending.next_seq.saturating_add(chunks.len() as u64);
        pending.next_blob = chunks.last().map_or(pending.next_blob, |last| last.blob + 1);
        lock(&self.so_far).profiles = figures.profiles;
        Ok(())
    }

    fn upload(&self, content: &Content<'_>, read: &mut Read<'_>) -> Result<Sent, Stop> {
        self.is_uploading.store(true, Ordering::Relaxed);
        let sent = super::upload::pieces(content, read, &mut |offset, data| {
            let spent = self.spend(Cost { files: 0, bytes: data.len() as u64 });
            match spent.and_then(|()| self.room()) {
                Ok(()) => {}
                Err(stop) => self.may_send_after(stop)?,
            }
            self.piece(content, offset, data)
        });
        self.is_uploading.store(false, Ordering::Relaxed);
        sent
    }

    fn progress(&self, progress: Progress) {
        *lock(&self.progress) = progress;
    }

    fn list(&self, named: &SplitIocList) -> Result<Vec<IocList>, String> {
        super::list::gather(&self.journal, named)
    }

    fn cache(&self) -> Option<&dyn Cache> {
        self.cache.as_deref().map(|cache| cache as &dyn Cache)
    }
}

#[cfg(test)]
mod tests;
