//! Puts what the workers found back into walk order and hands it to the session.
//!
//! [`State`] is the order; here is which thread may touch it when, and which one waits for which.

pub(crate) mod ending;
pub(crate) mod outcome_buffer;
pub(crate) mod parcel;
pub(crate) mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_protocol::artifact::file_hash;

use self::ending::WorkersEnd;
pub(crate) use self::ending::keep_time;
use self::state::{Ready, State};
use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{self, Outcome, Place};
use crate::collectors::file_hash::reorder::parcel::Parcel;
use crate::collectors::file_hash::stats;
use crate::collectors::file_hash::upload::{self, Uploads};
use crate::session::{Progress, Session, Stop};

/// The session hears of us at least so often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// The rows of all workers on their way back into walk order.
#[derive(Debug)]
pub(crate) struct ReorderBuffer {
    state: Mutex<State>,
    moved: Condvar,
    bytes_read: AtomicU64,
    /// Locked by the thread that emits.
    uploads: Mutex<Uploads>,
    /// What the workers have finished and did not put here yet.
    parcels: Mutex<Vec<Arc<Parcel>>>,
    workers: WorkersEnd,
}

/// When to emit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// There are rows, or the session has heard nothing for a while.
    Due,
    /// At least once.
    Now,
}

impl ReorderBuffer {
    pub(crate) fn new(cursor: Cursor, rules: stats::Rules, uploads: Uploads) -> Self {
        let bytes_read = AtomicU64::new(cursor.footer.bytes_read);
        let state = State::new(cursor, rules);
        Self {
            state: Mutex::new(state),
            moved: Condvar::new(),
            bytes_read,
            uploads: Mutex::new(uploads),
            parcels: Mutex::default(),
            workers: WorkersEnd::default(),
        }
    }

    /// Locks the order. Scanning decides under this lock what a worker does next.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_bytes(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Makes room for a batch; to be called in walk order.
    pub(crate) fn open(&self, batch: &entry::Batch) {
        self.lock().open(batch);
    }

    /// Notes that nothing more will be opened.
    pub(crate) fn close(&self) {
        self.lock().is_walked = true;
        self.moved.notify_all();
    }

    /// Ends everything; the first failure counts.
    pub(crate) fn fail(&self, failure: CollectError) {
        self.lock().failure.get_or_insert(failure);
        self.moved.notify_all();
    }

    /// Sleeps until something moved here or [`Self::wake_one`] is called, at most for that long.
    pub(crate) fn wait(&self, state: MutexGuard<'_, State>, most: Duration) {
        drop(self.moved.wait_timeout(state, most));
    }

    /// Wakes a thread that waits. The caller holds the lock, so that none goes to sleep meanwhile.
    pub(crate) fn wake_one(&self) {
        self.moved.notify_one();
    }

    /// Puts outcomes into their places. `bytes` were read for them, besides those of [`Self::count_bytes`].
    pub(crate) fn put(&self, outcomes: impl IntoIterator<Item = (Place, Outcome)>, bytes: u64) {
        let mut state = self.lock();
        self.count_bytes(bytes);
        for (place, outcome) in outcomes {
            if let Some(found) = state.place(place) {
                *found = Some(outcome);
            }
        }
    }

    /// Emits what is complete from the front on. One thread emits, the others go on.
    pub(crate) fn emit(&self, session: &dyn Session) -> Result<(), Stop> {
        self.emit_when(When::Due, session)
    }

    fn emit_when(&self, mut when: When, session: &dyn Session) -> Result<(), Stop> {
        let mut state = self.lock();
        while !state.is_emitting && !state.is_sealed {
            let ready = state.take_ready(session.rows_left());
            let is_due = when == When::Now || state.emitted.elapsed() >= PROGRESS_INTERVAL;
            let is_last = state.is_finished() && state.is_cursor_new;
            if ready.rows.is_empty() && !ready.is_over && !is_due && !is_last {
                break;
            }
            when = When::Due;
            state.is_emitting = true;
            state.is_cursor_new = false;
            state.emitted = Instant::now();
            state.cursor.footer.bytes_read = self.bytes_read.load(Ordering::Relaxed);
            let mut cursor = state.cursor.clone();
            drop(state);
            self.moved.notify_all();
            session.progress(self.progress(&cursor.footer, cursor.after.clone()));
            let uploaded = self.upload(&ready, &mut cursor.footer, session);
            let footer = cursor.footer.clone();
            let is_sent = !matches!(&uploaded, Err(stop) if stop.is_resumed());
            let is_over = ready.is_over;
            let emitted =
                if is_sent { session.rows(ready.into_batch(), Arc::new(cursor)) } else { Ok(()) };
            state = self.lock();
            state.is_emitting = false;
            // A file that was not sent is sent by the run that goes on from the cursor before it.
            state.is_sealed |= !is_sent;
            // No other thread moves the figures meanwhile.
            state.cursor.footer = footer;
            uploaded.and(emitted)?;
            if is_over {
                session.end(Stop::Limit("rows"));
                return Err(Stop::Limit("rows"));
            }
        }
        Ok(())
    }

    /// Sends the files that match, before the rows and the cursor that pass them. Where the collection must stop, those
    /// that are left are counted as not sent, unless another run goes on and sends them.
    fn upload(
        &self,
        ready: &Ready,
        footer: &mut file_hash::Footer,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = Ok(());
        if !uploads.is_asked() {
            return ended;
        }
        for found in ready.matched.iter().filter_map(|at| ready.rows.get(*at)) {
            match uploads.send(&found.row, footer, session) {
                Ok(()) => {}
                Err(stop) if stop.is_resumed() => return Err(stop),
                Err(stop) => {
                    upload::give_up(footer);
                    ended = ended.and(Err(stop));
                }
            }
        }
        ended
    }

    /// Called in the midst of a file: says where we are, and lets the session's clocks go on.
    pub(crate) fn pass_time(&self, path: &[u8], session: &dyn Session) -> Result<(), Stop> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        let is_due = state.emitted.elapsed() >= PROGRESS_INTERVAL && !state.is_emitting;
        let progress = self.progress(&state.cursor.footer, path.to_vec());
        drop(state);
        session.progress(progress);
        if is_due { self.emit(session) } else { Ok(()) }
    }

    fn progress(&self, footer: &file_hash::Footer, path: Vec<u8>) -> Progress {
        let bytes = self.bytes_read.load(Ordering::Relaxed);
        Progress { seen: footer.seen, hashed: footer.hashed, bytes, path }
    }

    /// Returns the figures, or why it ended before its end.
    pub(crate) fn finish(self) -> Result<file_hash::Footer, CollectError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if !state.is_finished() {
            let reason = "the workers ended before the work";
            return Err(CollectError::failed(CollectError::BUG, reason));
        }
        let bytes_read = self.bytes_read.into_inner();
        Ok(file_hash::Footer { bytes_read, ..state.cursor.footer })
    }
}
