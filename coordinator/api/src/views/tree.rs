//! `tree`: the call tree as rows.

use serde::{Deserialize, Serialize};

/// The tree, and what it is a part of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The value: `cpu`, `wall`, `inuse_space`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit.
    pub unit: String,
    /// The sum over all samples.
    pub total: i64,
    /// How many nodes were too small, too deep or too many to be shown.
    pub left_out: usize,
    /// The nodes, each above its children.
    pub rows: Vec<TreeRow>,
}

/// A function, called along one path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeRow {
    /// 1 for a function at the root of a stack.
    pub depth: usize,
    /// Its name.
    pub function: String,
    /// Its source file; empty when unknown.
    pub file: String,
    /// Its line that costs most; `null` when unknown.
    pub line: Option<u32>,
    /// Whether the compiler put it into its caller.
    pub inlined: bool,
    /// In itself.
    pub flat: i64,
    /// In itself and in what it calls.
    pub cum: i64,
    /// `flat` in percent of the whole.
    pub flat_percent: f64,
    /// `cum` in percent of the whole.
    pub cum_percent: f64,
}
