//! The first page as it was last made, for all who ask for it.

use std::sync::{Arc, Mutex, PoisonError};

use muster_api::Doctor;
use muster_protocol::clock::Timestamp;

/// The document of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// When it was made.
    pub at: Timestamp,
    /// The document, as JSON.
    pub json: Arc<str>,
    /// The same without the moment: what changes of it is news.
    pub compared: String,
}

/// What the checks said at one moment.
#[derive(Debug, Clone)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// What.
    pub report: Arc<Doctor>,
}

/// What was last made.
#[derive(Debug, Default)]
pub struct Overviews {
    /// The document. Who makes it holds the others up: they get the same.
    pub made: tokio::sync::Mutex<Option<Arc<Made>>>,
    checked: Mutex<Option<Checked>>,
}

impl Overviews {
    /// Returns what the checks said last.
    pub fn checked(&self) -> Option<Checked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what the checks say.
    pub fn set_checked(&self, checked: Checked) {
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(checked);
    }
}
