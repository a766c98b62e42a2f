//! Outcomes on their way from a worker into the window, and the worker's clock, by which they are sent on.
//!
//! They lie in a [`Parcel`] until they are delivered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collectors::file_hash::entry::{Outcome, Place};
use crate::collectors::file_hash::reorder::ReorderBuffer;
use crate::collectors::file_hash::reorder::parcel::Parcel;
use crate::session::{Lap, Session, Stop};

/// Outcomes go into the window at least so often; in tests each does.
const DELIVER_AFTER: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 100 });

/// One worker's way into the window.
#[derive(Debug)]
pub(crate) struct OutcomeBuffer<'a> {
    window: &'a ReorderBuffer,
    parcel: Arc<Parcel>,
    /// Bytes that were read since the last outcome.
    bytes: u64,
    /// Outcomes were added since the last delivery.
    has_news: bool,
    /// When they are to be delivered at the latest.
    due: Instant,
    /// Restarted at the end of each entry.
    pub(crate) lap: Lap,
}

impl<'a> OutcomeBuffer<'a> {
    pub(crate) fn new(window: &'a ReorderBuffer) -> Self {
        let lap = Lap::begin();
        Self {
            window,
            parcel: window.new_parcel(),
            bytes: 0,
            has_news: false,
            due: lap.at() + DELIVER_AFTER,
            lap,
        }
    }

    /// Begins with the next batch.
    pub(crate) fn begin(&mut self) {
        self.lap.restart();
        self.due = self.lap.at() + DELIVER_AFTER;
    }

    /// Counts bytes that were read.
    pub(crate) fn count_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds an outcome. It cannot fail: what is finished is never lost.
    pub(crate) fn add(&mut self, place: Place, outcome: Outcome) {
        let mut contents = self.parcel.lock();
        contents.outcomes.push((place, outcome));
        contents.bytes = contents.bytes.saturating_add(std::mem::take(&mut self.bytes));
        self.has_news = true;
    }

    /// Delivers and emits what a slow group has so far. To be called between two entries.
    pub(crate) fn pass(&mut self, session: &dyn Session) -> Result<(), Stop> {
        if !self.has_news || self.lap.at() < self.due {
            return Ok(());
        }
        self.deliver();
        let emitted = self.window.emit(session);
        // The session may have let it wait.
        self.begin();
        emitted
    }

    /// Puts everything into the window.
    pub(crate) fn deliver(&mut self) {
        self.has_news = false;
        let mut contents = self.parcel.lock();
        let bytes = contents.bytes.saturating_add(std::mem::take(&mut self.bytes));
        contents.bytes = 0;
        self.window.put(contents.outcomes.drain(..), bytes);
    }
}
