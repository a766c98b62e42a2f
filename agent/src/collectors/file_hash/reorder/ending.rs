//! How a collection ends, and the clock beside its workers.
//!
//! Whatever the workers have finished is handed on, however the collection ends: first what lies before the first gap, with
//! its cursor; then, where no later run goes on from there, what lies behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::collectors::CollectError;
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::When;
use crate::collectors::file_hash::reorder::parcel::Parcel;
use crate::session::{Progress, Session, Stop};

/// What workers hold back is looked for so often: rows are durable within a second of being known.
const BEAT: Duration = Duration::from_millis(100);
/// When the collection has to stop, its workers have so long to come back before what they have finished is handed on
/// without them: less than the runner waits before it gives the collection up.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether the workers have come back.
#[derive(Debug, Default)]
pub(crate) struct WorkersEnd {
    are_back: AtomicBool,
    beat: Mutex<()>,
    ended: Condvar,
}

impl ReorderBuffer {
    /// Makes the parcel of one more worker.
    pub(crate) fn new_parcel(&self) -> Arc<Parcel> {
        let parcel = Arc::new(Parcel::default());
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&parcel));
        parcel
    }

    /// Takes what workers have finished and hold back.
    fn sweep(&self) {
        for parcel in &*self.parcels.lock().unwrap_or_else(PoisonError::into_inner) {
            let contents = parcel.empty();
            if !contents.outcomes.is_empty() {
                self.put(contents.outcomes, contents.bytes);
            }
        }
    }

    /// Notes that all workers have come back.
    pub(crate) fn workers_ended(&self) {
        let beat = self.workers.beat.lock().unwrap_or_else(PoisonError::into_inner);
        self.workers.are_back.store(true, Ordering::Relaxed);
        self.workers.ended.notify_all();
        drop(beat);
    }

    /// Waits for a beat; returns whether all workers have come back.
    fn wait_for_workers(&self) -> bool {
        let is_working = |(): &mut ()| !self.workers.are_back.load(Ordering::Relaxed);
        let beat = self.workers.beat.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.workers.ended.wait_timeout_while(beat, BEAT, is_working);
        drop(waited);
        self.workers.are_back.load(Ordering::Relaxed)
    }

    /// Returns why the collection ends before its end, if it does.
    fn stop(&self) -> Option<Stop> {
        match &self.lock().failure {
            Some(CollectError::Stop(stop)) => Some(stop.clone()),
            _ => None,
        }
    }

    /// Hands on what is finished when the collection ends before its end; once. What workers finish later is dropped.
    pub(crate) fn hand_on(&self, session: &dyn Session) {
        if self.lock().failure.is_none() {
            return;
        }
        self.sweep();
        let emitted = self.emit_when(When::Now, session);
        let stops = [emitted.err(), self.stop()];
        let is_resumed = stops.iter().flatten().any(Stop::is_resumed);
        let mut state = self.lock();
        // Another thread may be in the midst of an emission, and does not come back.
        if state.is_emitting || std::mem::replace(&mut state.is_sealed, true) || is_resumed {
            return;
        }
        let ready = state.take_finished(session.rows_left());
        let mut cursor = state.cursor.clone();
        drop(state);
        let footer = &mut cursor.footer;
        // What stops it is known already: it is why this is the end.
        drop(self.upload(&ready, footer, session));
        let progress: Progress = self.progress(footer, Vec::new());
        footer.bytes_read = progress.bytes;
        session.progress(progress);
        drop(session.last_rows(ready.into_batch(), Arc::new(cursor)));
    }
}

/// Has what workers hold back emitted in time, until all of them have come back. When the collection has to stop and one
/// of them does not come back, hands on what is finished.
pub(crate) fn keep_time(window: &ReorderBuffer, session: &dyn Session) {
    let mut stopped = None;
    while !window.wait_for_workers() {
        let Some(stop) = session.check().err().or_else(|| window.stop()) else {
            window.sweep();
            // A worker meets the same stop.
            drop(window.emit(session));
            continue;
        };
        if stopped.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
            continue;
        }
        session.end(stop.clone());
        window.fail(stop.into());
        return window.hand_on(session);
    }
}
