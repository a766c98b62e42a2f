//! Outcomes on their way from a worker into the window, and the worker's clock, by which they are sent on.

use std::time::{Duration, Instant};

use super::batch::{LEAVES_MAX, Outcome};
use super::boxes::Boxes;
use super::window::{Place, Window};
use crate::session::{Lap, Session, Stop};

/// Outcomes go into the window at least so often; in tests each does.
const DELIVER_AFTER: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 100 });

/// What a worker has found and nobody else knows yet.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    window: &'a Window,
    outcomes: Vec<(Place, Outcome)>,
    /// Bytes that were read for them and are not counted yet.
    bytes: u64,
    /// For the rows of the next batch.
    pub(super) boxes: Boxes,
    began: Instant,
    /// Restarted at the end of each entry.
    pub(super) lap: Lap,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(window: &'a Window) -> Self {
        let lap = Lap::begin();
        Self {
            window,
            outcomes: Vec::new(),
            bytes: 0,
            boxes: Boxes::default(),
            began: lap.at(),
            lap,
        }
    }

    /// Begins with the next batch.
    pub(super) fn begin(&mut self) {
        self.lap.restart();
        self.began = self.lap.at();
    }

    /// Counts bytes that were read.
    pub(super) fn count_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds an outcome; those of a slow group go into the window before its end.
    pub(super) fn add(
        &mut self,
        place: Place,
        outcome: Outcome,
        session: &dyn Session,
    ) -> Result<(), Stop> {
        self.outcomes.push((place, outcome));
        if self.lap.at().saturating_duration_since(self.began) < DELIVER_AFTER {
            return Ok(());
        }
        self.deliver();
        let emitted = self.window.emit(session);
        // The session may have let it wait.
        self.begin();
        emitted
    }

    /// Puts everything into the window.
    pub(super) fn deliver(&mut self) {
        self.window.put(self.outcomes.drain(..), std::mem::take(&mut self.bytes));
        self.window.refill(&mut self.boxes, LEAVES_MAX);
    }
}
