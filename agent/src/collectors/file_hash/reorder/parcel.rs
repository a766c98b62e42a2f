//! What one worker has finished and the reorder buffer does not have yet.
//!
//! Other threads may empty it: a worker that waits for a limit, or does not come back from the kernel, withholds nothing
//! that it has finished.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::collectors::file_hash::entry::{Outcome, Place};

/// Outcomes of one worker.
#[derive(Debug, Default)]
pub(crate) struct Parcel(Mutex<Contents>);

/// What lies in a parcel.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) outcomes: Vec<(Place, Outcome)>,
    /// Bytes that were read for them and are not counted yet.
    pub(crate) bytes: u64,
}

impl Parcel {
    /// Takes everything out.
    pub(crate) fn empty(&self) -> Contents {
        std::mem::take(&mut *self.lock())
    }

    /// Locks it for the worker that it belongs to.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
