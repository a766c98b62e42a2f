//! `diff`: what changed from one profile to another.

use serde::{Deserialize, Serialize};

/// The list of changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The value that is compared.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit.
    pub unit: String,
    /// The whole before.
    pub before_total: i64,
    /// The whole after.
    pub after_total: i64,
    /// What has another share than before, the largest change first; at most 200.
    pub rows: Vec<Change>,
}

/// One function's change. Shares are in percent of the whole, deltas in percentage points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its name.
    pub function: String,
    /// Its source file; empty when unknown.
    pub file: String,
    /// Its own share before.
    pub flat_before: f64,
    /// Its own share after.
    pub flat_after: f64,
    /// What was added to it.
    pub flat_delta: f64,
    /// Its share with what it calls, before.
    pub cum_before: f64,
    /// Its share with what it calls, after.
    pub cum_after: f64,
    /// What was added to it.
    pub cum_delta: f64,
}
