//! `lines`: what each source line cost.

use serde::{Deserialize, Serialize};

/// The lines, and what they are a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The value: `cpu`, `wall`, `inuse_space`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit.
    pub unit: String,
    /// The sum over all samples.
    pub total: i64,
    /// The lines by file and number; of very many, those that cost most.
    pub lines: Vec<Line>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its file, as the compiler was told.
    pub file: String,
    /// Its number.
    pub line: u32,
    /// In itself.
    pub flat: i64,
    /// In itself and in what it calls.
    pub cum: i64,
}
