//! What is open and what is done, in walk order.
//!
//! Bounded by entries, not by batches: [`ENTRIES_MAX`]. Behind a big file [`BEHIND_BIG_MAX`] small ones may be done, so that
//! the other threads have work while it is read; where only the session is slow, [`UNSENT_MAX`] are enough.

use std::collections::VecDeque;
use std::time::Instant;

use crate::collectors::CollectError;
use crate::collectors::file_hash::cursor::Cursor;
use crate::collectors::file_hash::entry::cursor::done_with;
use crate::collectors::file_hash::entry::{Batch, Found, Outcome, Place, Verdict};
use crate::collectors::file_hash::stats;
use crate::session;

/// Entries between the oldest that is not done and the newest that is taken: some 4 MB, also where the thread that has
/// the oldest in hand gets no processor for a while.
const ENTRIES_MAX: usize = 8_192;
/// The same while the oldest is a big file, or next to one: a third of a second's work of another thread, some 8 MB. With
/// less a tree of big files among small ones takes twice as long: one thread waits, and no two big files meet.
const BEHIND_BIG_MAX: usize = 20_480;
/// The same when the oldest is done: it waits for nothing but the session.
const UNSENT_MAX: usize = 1_024;
/// Rows of one emission.
const ROWS_MAX: usize = 1_024;

/// Everything between the oldest that is not done and the newest that is taken.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own to the window")]
pub(crate) struct State {
    slots: VecDeque<Slot>,
    /// Number of the first slot.
    first: u64,
    entries: usize,
    pub(crate) is_walked: bool,
    pub(crate) is_emitting: bool,
    /// Nothing is emitted any more: the collection has ended, and what it had was handed on.
    pub(crate) is_sealed: bool,
    pub(crate) emitted: Instant,
    pub(crate) is_cursor_new: bool,
    pub(crate) cursor: Cursor,
    rules: stats::Rules,
    pub(crate) failure: Option<CollectError>,
}

/// Rows that may leave.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    #[expect(clippy::vec_box, reason = "each comes in its box, and is not moved out of it")]
    pub(crate) rows: Vec<Box<Found>>,
    /// Which of them are in the hunt's list.
    pub(crate) matched: Vec<usize>,
    /// There is another one, which the request does not allow any more.
    pub(crate) is_over: bool,
}

/// The entries of one batch.
#[derive(Debug)]
struct Slot {
    root: u32,
    after: Vec<u8>,
    outcomes: VecDeque<Option<Outcome>>,
    /// Outcomes that were taken from the front.
    taken: usize,
    /// One of them is a big file.
    has_big: bool,
}

impl State {
    pub(crate) fn new(cursor: Cursor, rules: stats::Rules) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            entries: 0,
            is_walked: false,
            is_emitting: false,
            is_sealed: false,
            emitted: Instant::now(),
            is_cursor_new: false,
            cursor,
            rules,
            failure: None,
        }
    }

    /// Makes room for a batch.
    pub(crate) fn open(&mut self, batch: &Batch) {
        self.entries += batch.items.len();
        self.slots.push_back(Slot {
            root: batch.root,
            after: batch.after.clone(),
            outcomes: std::iter::repeat_with(|| None).take(batch.items.len()).collect(),
            taken: 0,
            has_big: false,
        });
    }

    /// Returns whether everything that was opened has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns whether another batch may be taken.
    fn has_room(&self) -> bool {
        let most = match self.slots.front() {
            Some(slot) if slot.outcomes.front().is_some_and(Option::is_some) => UNSENT_MAX,
            Some(slot) if slot.has_big => BEHIND_BIG_MAX,
            _ => ENTRIES_MAX,
        };
        self.entries < most
    }

    /// Returns whether the walk goes on and there is room for another batch.
    pub(crate) fn can_walk(&self) -> bool {
        !self.is_walked && self.has_room()
    }

    /// Returns whether everything was walked and has left.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_walked && self.is_empty()
    }

    /// Notes that a big file belongs there.
    pub(crate) fn note_big(&mut self, place: Place) {
        if let Some(slot) = self.slot(place) {
            slot.has_big = true;
        }
    }

    /// Returns where an outcome goes, if nothing was taken from there yet.
    pub(crate) fn place(&mut self, place: Place) -> Option<&mut Option<Outcome>> {
        let slot = self.slot(place)?;
        slot.outcomes.get_mut(place.index.checked_sub(slot.taken)?)
    }

    fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        let slot = usize::try_from(place.batch.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(slot)
    }

    /// Takes the rows that are complete from the front on, at most `left`, and moves the cursor behind them.
    ///
    /// Within a batch the cursor can only stand on a row, though it be one that does not leave: the counted entries after it have no path left.
    pub(crate) fn take_ready(&mut self, left: usize) -> Ready {
        let mut ready = Ready::default();
        while let Some(slot) = self.slots.front_mut() {
            if ready.rows.len() >= ROWS_MAX || ready.is_over {
                break;
            }
            let done = slot.outcomes.iter().take_while(|outcome| outcome.is_some()).count();
            let allowed = slot.allowed(done, left.saturating_sub(ready.rows.len()));
            ready.is_over = allowed < done;
            let is_whole = allowed == slot.outcomes.len();
            let until = if is_whole { allowed } else { slot.last_row(allowed) };
            let mut after = None;
            // The path of the last entry with one, where its row does not leave.
            let mut kept_back = None;
            for outcome in slot.outcomes.drain(..until).flatten() {
                stats::add(&mut self.cursor.footer, &outcome, &self.rules);
                if let Outcome::Row(mut found) = outcome {
                    after = found.after.take();
                    kept_back = ready.add(found);
                }
            }
            slot.taken += until;
            self.entries = self.entries.saturating_sub(until);
            self.is_cursor_new |= until > 0;
            if !is_whole {
                let last =
                    kept_back.as_ref().or_else(|| ready.rows.last().map(|found| &found.row.path));
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
        ready
    }

    /// Takes everything that is finished, in walk order, past the entries that are not, and at most `left` rows. The
    /// cursor stays where it is: no run goes on from here.
    pub(crate) fn take_finished(&mut self, left: usize) -> Ready {
        let mut ready = Ready::default();
        let outcomes = self.slots.drain(..).flat_map(|slot| slot.outcomes).flatten();
        for outcome in outcomes {
            if leaves(&outcome) && ready.rows.len() >= left {
                ready.is_over = true;
                break;
            }
            stats::add(&mut self.cursor.footer, &outcome, &self.rules);
            if let Outcome::Row(found) = outcome {
                ready.add(found);
            }
        }
        ready
    }
}

impl Ready {
    /// Adds a row; gives its path back where the row does not leave.
    fn add(&mut self, found: Box<Found>) -> Option<Vec<u8>> {
        if found.verdict == Verdict::Unmatched {
            return Some(found.row.path);
        }
        if found.verdict == Verdict::Matched {
            self.matched.push(self.rows.len());
        }
        self.rows.push(found);
        None
    }

    /// Makes a batch of the rows.
    pub(crate) fn into_batch(mut self) -> session::batch::Batch {
        session::batch::Batch::of(self.rows.iter_mut().map(|found| &mut found.row))
    }
}

/// Returns whether an outcome is a row that leaves.
fn leaves(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Row(found) if found.verdict != Verdict::Unmatched)
}

impl Slot {
    /// Returns how many of the first `done` outcomes have no more than `left` rows that leave.
    fn allowed(&self, done: usize, mut left: usize) -> usize {
        if left >= done {
            return done;
        }
        let is_beyond = |outcome: &Option<Outcome>| {
            let leaves = outcome.as_ref().is_some_and(leaves);
            let is_beyond = leaves && left == 0;
            left = left.saturating_sub(usize::from(leaves));
            is_beyond
        };
        self.outcomes.iter().take(done).position(is_beyond).unwrap_or(done)
    }

    /// Returns how many of the first `ready` outcomes end with a row.
    fn last_row(&self, ready: usize) -> usize {
        let is_row = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Row(_)));
        self.outcomes.iter().take(ready).rposition(is_row).map_or(0, |at| at + 1)
    }
}
