//! Puts what the workers found back into walk order and hands it to the session.
//!
//! [`State`] is the order; here is who may touch it when, and who waits for whom.

pub(crate) mod ending;
pub(crate) mod outcome_buffer;
pub(crate) mod state;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_protocol::artifact::file_hash::FilesFooter;
use rustix::fd::OwnedFd;

use self::ending::Over;
pub(crate) use self::ending::keep_time;
use self::state::{Ready, State};
use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::{self, Outcome};
use crate::collectors::file_hash::reorder::outcome_buffer::Parcel;
use crate::collectors::file_hash::scan::pipelined::{PipelinedRead, ReadRequest};
use crate::collectors::file_hash::scan::stream::Stream;
use crate::collectors::file_hash::stats;
use crate::collectors::file_hash::upload::{self, Uploads};
use crate::session::batch::Batch;
use crate::session::{Progress, Session, Stop};

/// Big files that are open and wait for a worker.
const BIG_MAX: usize = 16;
/// How long a big file waits for another one, where two together take two thirds of the time.
pub(crate) const PAIR_WAIT: Duration = Duration::from_millis(250);
/// The session hears of us at least so often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// How long a worker that has nothing to do sleeps before it looks whether it must stop.
const WAIT: Duration = Duration::from_millis(100);

/// Where an outcome belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) batch: u64,
    pub(crate) index: usize,
}

/// What a worker may do next.
#[derive(Debug)]
pub(crate) enum Next {
    Read(Box<Stream>),
    /// Read a big file for whoever puts it through the digests.
    ReadAhead(Arc<PipelinedRead>),
    Walk,
    Wait,
    End,
}

#[derive(Debug)]
pub(crate) struct ReorderBuffer {
    state: Mutex<State>,
    moved: Condvar,
    bytes_read: AtomicU64,
    /// Locked by the thread that emits.
    uploads: Mutex<Uploads>,
    /// Workers that have nothing to do.
    idle: AtomicUsize,
    /// What the workers have finished and did not put here yet.
    parcels: Mutex<Vec<Arc<Parcel>>>,
    over: Over,
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
            idle: AtomicUsize::new(0),
            parcels: Mutex::default(),
            over: Over::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

    /// Returns what there is to do. `in_company`: big files are better read together.
    pub(crate) fn next(&self, in_company: bool) -> Next {
        let mut state = self.lock();
        if state.failure.is_some() {
            return Next::End;
        }
        if (!in_company || state.is_big_due())
            && let Some(big) = state.big.pop_front()
        {
            return Next::Read(Box::new(big));
        }
        if !state.is_walked && state.has_room() {
            return Next::Walk;
        }
        if state.is_walked && state.is_empty() {
            return Next::End;
        }
        state.asked.take().map_or(Next::Wait, Next::ReadAhead)
    }

    /// Returns whether there is more to do than to read ahead for another.
    pub(crate) fn has_work(&self) -> bool {
        self.lock().has_work()
    }

    /// Asks whoever has nothing to do to read a file ahead; `None` where another one is asked for.
    pub(crate) fn ask_ahead(&self, file: OwnedFd) -> Option<ReadRequest<'_>> {
        let mut state = self.lock();
        if state.asked.is_some() {
            return None;
        }
        let ahead = Arc::new(PipelinedRead::new(file));
        state.asked = Some(Arc::clone(&ahead));
        self.moved.notify_one();
        Some(ReadRequest { ahead, window: self })
    }

    /// Asks no more.
    pub(crate) fn withdraw(&self, ahead: &Arc<PipelinedRead>) {
        self.lock().asked.take_if(|asked| Arc::ptr_eq(asked, ahead));
    }

    /// Sleeps until something happened, but not long.
    pub(crate) fn wait(&self) {
        let state = self.lock();
        let is_over = state.is_walked && state.is_empty();
        if !state.has_work() && state.asked.is_none() && !is_over {
            self.idle.fetch_add(1, Ordering::Relaxed);
            drop(self.moved.wait_timeout(state, WAIT));
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Puts a big file up for whoever is free; gives it back when too many wait.
    pub(crate) fn offer(&self, big: Stream) -> Option<Stream> {
        let mut state = self.lock();
        state.note_big(big.place());
        if state.big.len() >= BIG_MAX {
            return Some(big);
        }
        if state.big.is_empty() {
            state.big_due = Instant::now() + PAIR_WAIT;
        }
        state.big.push_back(big);
        self.moved.notify_one();
        None
    }

    /// Passes on a big file that was begun to a worker that has nothing to do.
    pub(crate) fn give(&self, big: Stream) {
        let mut state = self.lock();
        state.big_due = Instant::now();
        state.big.push_back(big);
        self.moved.notify_one();
    }

    /// Takes a big file that waits.
    pub(crate) fn take_big(&self) -> Option<Stream> {
        self.lock().big.pop_front()
    }

    /// Returns whether a worker has nothing to do.
    pub(crate) fn has_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
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
            let is_last = state.is_walked && state.is_empty() && state.is_cursor_new;
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
            let is_sent = uploaded != Err(Stop::Shutdown);
            let emitted = if is_sent {
                session.rows(Batch::of(ready.rows), Arc::new(cursor))
            } else {
                Ok(())
            };
            state = self.lock();
            state.is_emitting = false;
            // A file that was not sent is sent by the run that goes on from the cursor before it.
            state.is_sealed |= !is_sent;
            // No other thread moves the figures meanwhile.
            state.cursor.footer = footer;
            uploaded.and(emitted)?;
            if ready.is_over {
                session.end(Stop::Limit("rows"));
                return Err(Stop::Limit("rows"));
            }
        }
        Ok(())
    }

    /// Sends the files that match, before the rows and the cursor that pass them. Where the collection must stop, those
    /// that are left are counted as not sent; only after a shutdown another run sends them.
    fn upload(
        &self,
        ready: &Ready,
        footer: &mut FilesFooter,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = Ok(());
        if !uploads.is_asked() {
            return ended;
        }
        for row in ready.matched.iter().filter_map(|at| ready.rows.get(*at)) {
            match uploads.send(row, footer, session) {
                Ok(()) => {}
                Err(Stop::Shutdown) => return Err(Stop::Shutdown),
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

    fn progress(&self, footer: &FilesFooter, path: Vec<u8>) -> Progress {
        let bytes = self.bytes_read.load(Ordering::Relaxed);
        Progress { seen: footer.seen, hashed: footer.hashed, bytes, path }
    }

    /// Returns the figures, or why it ended before its end.
    pub(crate) fn finish(self) -> Result<FilesFooter, CollectError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if !state.is_empty() || !state.is_walked {
            let reason = "the workers ended before the work";
            return Err(CollectError::failed(CollectError::BUG, reason));
        }
        let bytes_read = self.bytes_read.into_inner();
        Ok(FilesFooter { bytes_read, ..state.cursor.footer })
    }
}
