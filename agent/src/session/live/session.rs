//! What a collector asks of a live session: whether it may go on, and where its rows go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use muster_profiler::Captured;
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::ids::RequestId;
use muster_protocol::limits;
use tracing::warn;

use super::{LiveSession, Pending, STEP};
use crate::journal::Step;
use crate::session::batch::Batch;
use crate::session::cache::Cache;
use crate::session::stop::lock;
use crate::session::ticks::Tick;
use crate::session::upload::{Content, Read, Sent};
use crate::session::{
    Checkpoint, Cost, Leave, Progress, RequestState, Session, Stop, ThreadScope, Wait, list, meter,
    sys, upload,
};

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
            sys::idle_io();
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
        let sent = upload::pieces(content, read, &mut |offset, data| {
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
        list::gather(&self.journal, named)
    }

    fn cache(&self) -> Option<&dyn Cache> {
        self.cache.as_deref().map(|cache| cache as &dyn Cache)
    }
}

impl LiveSession {
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

    pub(super) fn on_time(&self) -> Result<(), Stop> {
        if let Some((seconds, end)) = self.ends_at
            && Tick::now() >= end
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
        if is_full || stop.is_resumed() || matches!(stop, Stop::Journal(_)) {
            return Err(stop);
        }
        self.request_stop(stop.clone());
        let since = self.stop_reason().map_or(Duration::MAX, |(_, since)| since);
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
