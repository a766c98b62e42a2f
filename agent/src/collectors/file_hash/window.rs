//! Puts what the workers found back into walk order and hands it to the session.
//!
//! Bounded by entries, not by batches: behind a huge file many small ones may be done, but not more than
//! [`ENTRIES_MAX`]. Where only the session is slow, [`UNSENT_MAX`] are enough.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::result::{FilesFooter, Row};

use super::batch::{Batch, Outcome, Verdict};
use super::resume::done_with;
use super::stream::Stream;
use super::tally;
use super::upload::Uploads;
use crate::collectors::CollectError;
use crate::session::{Cursor, Progress, Session, Stop};

/// Entries between the oldest that is not done and the newest that is taken: some 4 MB, also where the thread that has
/// the oldest in hand gets no processor for a while.
const ENTRIES_MAX: usize = 8_192;
/// The same when the oldest is done: it waits for nothing but the session.
const UNSENT_MAX: usize = 1_024;
/// Big files that are open and wait for a worker.
const BIG_MAX: usize = 16;
/// How long a big file waits for another one, where two together are read in half the time.
pub(super) const COMPANY: Duration = Duration::from_millis(250);
/// Rows of one emission.
const ROWS_MAX: usize = 1_024;
/// The session hears of us at least so often.
const SILENCE_MAX: Duration = Duration::from_millis(500);
/// How long a worker that has nothing to do sleeps before it looks whether it must stop.
const WAIT: Duration = Duration::from_millis(100);

/// Where an outcome belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) batch: u64,
    pub(super) index: usize,
}

/// What a worker may do next.
#[derive(Debug)]
pub(super) enum Next {
    Read(Box<Stream>),
    Walk,
    Wait,
    End,
}

#[derive(Debug)]
pub(super) struct Window {
    state: Mutex<State>,
    moved: Condvar,
    bytes_read: AtomicU64,
    /// Held by whoever emits.
    uploads: Mutex<Uploads>,
    /// Workers that have nothing to do.
    idle: AtomicUsize,
}

#[derive(Debug)]
struct State {
    slots: VecDeque<Slot>,
    /// Number of the first slot.
    first: u64,
    entries: usize,
    big: VecDeque<Stream>,
    /// From then on the first of them waits for no other.
    big_due: Instant,
    is_walked: bool,
    is_emitting: bool,
    emitted: Instant,
    is_cursor_new: bool,
    cursor: Cursor,
    rules: tally::Rules,
    failure: Option<CollectError>,
}

/// Rows that may leave.
#[derive(Debug)]
struct Ready {
    rows: Vec<Row>,
    /// Which of them are in the hunt's list.
    matched: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    root: u32,
    after: Vec<u8>,
    outcomes: VecDeque<Option<Outcome>>,
    /// Outcomes that were taken from the front.
    taken: usize,
}

impl Window {
    pub(super) fn new(cursor: Cursor, rules: tally::Rules, uploads: Uploads) -> Self {
        let bytes_read = AtomicU64::new(cursor.footer.bytes_read);
        let state = State {
            slots: VecDeque::new(),
            first: 0,
            entries: 0,
            big: VecDeque::new(),
            big_due: Instant::now(),
            is_walked: false,
            is_emitting: false,
            emitted: Instant::now(),
            is_cursor_new: false,
            cursor,
            rules,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            moved: Condvar::new(),
            bytes_read,
            uploads: Mutex::new(uploads),
            idle: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Makes room for a batch; to be called in walk order.
    pub(super) fn open(&self, batch: &Batch) {
        let mut state = self.lock();
        state.entries += batch.items.len();
        state.slots.push_back(Slot {
            root: batch.root,
            after: batch.after.clone(),
            outcomes: std::iter::repeat_with(|| None).take(batch.items.len()).collect(),
            taken: 0,
        });
    }

    /// Notes that nothing more will be opened.
    pub(super) fn close(&self) {
        self.lock().is_walked = true;
        self.moved.notify_all();
    }

    /// Ends everything; the first failure counts.
    pub(super) fn fail(&self, failure: CollectError) {
        self.lock().failure.get_or_insert(failure);
        self.moved.notify_all();
    }

    /// Says what there is to do. `in_company`: big files are better read together.
    pub(super) fn next(&self, in_company: bool) -> Next {
        let mut state = self.lock();
        if state.failure.is_some() {
            return Next::End;
        }
        if (!in_company || state.is_big_due())
            && let Some(big) = state.big.pop_front()
        {
            return Next::Read(Box::new(big));
        }
        if !state.is_walked {
            return if state.has_room() { Next::Walk } else { Next::Wait };
        }
        if state.slots.is_empty() { Next::End } else { Next::Wait }
    }

    /// Sleeps until something happened, but not long.
    pub(super) fn wait(&self) {
        let state = self.lock();
        let is_idle = state.failure.is_none()
            && state.big.is_empty()
            && !state.slots.is_empty()
            && (state.is_walked || !state.has_room());
        if is_idle {
            self.idle.fetch_add(1, Ordering::Relaxed);
            drop(self.moved.wait_timeout(state, WAIT));
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Puts a big file up for whoever is free; gives it back when too many wait.
    pub(super) fn offer(&self, big: Stream) -> Option<Stream> {
        let mut state = self.lock();
        if state.big.len() >= BIG_MAX {
            return Some(big);
        }
        if state.big.is_empty() {
            state.big_due = Instant::now() + COMPANY;
        }
        state.big.push_back(big);
        self.moved.notify_one();
        None
    }

    /// Passes on a big file that was begun to a worker that has nothing to do.
    pub(super) fn give(&self, big: Stream) {
        let mut state = self.lock();
        state.big_due = Instant::now();
        state.big.push_back(big);
        self.moved.notify_one();
    }

    /// Takes a big file that waits.
    pub(super) fn take_big(&self) -> Option<Stream> {
        self.lock().big.pop_front()
    }

    /// Tells whether a worker has nothing to do.
    pub(super) fn has_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
    }

    /// Puts outcomes into their places. `bytes` were read for them, besides those of [`Self::count_bytes`].
    pub(super) fn put(&self, outcomes: impl IntoIterator<Item = (Place, Outcome)>, bytes: u64) {
        let mut state = self.lock();
        self.count_bytes(bytes);
        for (place, outcome) in outcomes {
            if let Some(found) = state.place(place) {
                *found = Some(outcome);
            }
        }
    }

    /// Emits what is complete from the front on. One thread emits, the others go on.
    pub(super) fn emit(&self, session: &dyn Session) -> Result<(), Stop> {
        let mut state = self.lock();
        while !state.is_emitting {
            let ready = state.take_ready();
            let is_due = state.emitted.elapsed() >= SILENCE_MAX;
            let is_last = state.is_walked && state.slots.is_empty() && state.is_cursor_new;
            if ready.rows.is_empty() && !is_due && !is_last {
                break;
            }
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
            let emitted = uploaded.and_then(|()| session.rows(ready.rows, cursor));
            state = self.lock();
            state.is_emitting = false;
            // Nobody else moves the figures meanwhile.
            state.cursor.footer = footer;
            emitted?;
        }
        Ok(())
    }

    /// Sends the files that match, before the rows and the cursor that pass them.
    fn upload(
        &self,
        ready: &Ready,
        footer: &mut FilesFooter,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if !uploads.is_asked() {
            return Ok(());
        }
        let matched = ready.matched.iter().filter_map(|at| ready.rows.get(*at));
        matched.into_iter().try_for_each(|row| uploads.send(row, footer, session))
    }

    /// Called in the midst of a file: says where we are, and lets the session's clocks go on.
    pub(super) fn pass_time(&self, path: &[u8], session: &dyn Session) -> Result<(), Stop> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        let is_due = state.emitted.elapsed() >= SILENCE_MAX && !state.is_emitting;
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
    pub(super) fn finish(self) -> Result<FilesFooter, CollectError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if !state.slots.is_empty() || !state.is_walked {
            let reason = "the workers ended before the work";
            return Err(CollectError::failed(CollectError::BUG, reason));
        }
        let bytes_read = self.bytes_read.into_inner();
        Ok(FilesFooter { bytes_read, ..state.cursor.footer })
    }
}

impl State {
    /// Tells whether another batch may be taken.
    fn has_room(&self) -> bool {
        let oldest = self.slots.front().and_then(|slot| slot.outcomes.front());
        let is_done = oldest.is_some_and(Option::is_some);
        self.entries < if is_done { UNSENT_MAX } else { ENTRIES_MAX }
    }

    /// Tells whether a big file is to be read now, though it may be alone.
    fn is_big_due(&self) -> bool {
        let is_last = self.is_walked || !self.has_room();
        is_last || self.big.len() > 1 || Instant::now() >= self.big_due
    }

    /// Returns where an outcome goes, if nothing was taken from there yet.
    fn place(&mut self, place: Place) -> Option<&mut Option<Outcome>> {
        let slot = usize::try_from(place.batch.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get_mut(slot)?;
        slot.outcomes.get_mut(place.index.checked_sub(slot.taken)?)
    }

    /// Takes the rows that are complete from the front on, and moves the cursor behind them.
    ///
    /// Within a batch the cursor can only stand on a row, though it be one that does not leave: the counted entries after it have no path left.
    fn take_ready(&mut self) -> Ready {
        let (mut rows, mut matched) = (Vec::new(), Vec::new());
        while let Some(slot) = self.slots.front_mut() {
            if rows.len() >= ROWS_MAX {
                break;
            }
            let ready = slot.outcomes.iter().take_while(|outcome| outcome.is_some()).count();
            let is_whole = ready == slot.outcomes.len();
            let until = if is_whole { ready } else { slot.last_row(ready) };
            let mut after = None;
            // The path of the last entry with one, where its row does not leave.
            let mut kept_back = None;
            for outcome in slot.outcomes.drain(..until).flatten() {
                tally::add(&mut self.cursor.footer, &outcome, &self.rules);
                if let Outcome::Row(found) = outcome {
                    after = found.after;
                    if found.verdict == Verdict::Unmatched {
                        kept_back = Some(found.row.path);
                    } else {
                        kept_back = None;
                        if found.verdict == Verdict::Matched {
                            matched.push(rows.len());
                        }
                        rows.push(found.row);
                    }
                }
            }
            slot.taken += until;
            self.entries = self.entries.saturating_sub(until);
            self.is_cursor_new |= until > 0;
            if !is_whole {
                let last = kept_back.as_ref().or_else(|| rows.last().map(|row| &row.path));
                if let (true, Some(path)) = (until > 0, last) {
                    self.cursor.root = slot.root;
                    self.cursor.after = after.unwrap_or_else(|| done_with(path));
                }
                break;
            }
            self.is_cursor_new = true;
            self.cursor.root = slot.root;
            self.cursor.after = std::mem::take(&mut slot.after);
            self.slots.pop_front();
            self.first += 1;
        }
        Ready { rows, matched }
    }
}

impl Slot {
    /// Returns how many of the first `ready` outcomes end with a row.
    fn last_row(&self, ready: usize) -> usize {
        let is_row = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Row(_)));
        self.outcomes.iter().take(ready).rposition(is_row).map_or(0, |at| at + 1)
    }
}
