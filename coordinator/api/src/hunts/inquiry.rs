//! What a hunt could not read, what it cost, and how it went: for diagnosis.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::States;
use crate::Time;

/// `GET /hunts/{id}/errors`: what could not be read, by status and errno. One answer looks for a bounded time; one that is not
/// complete has what was found so far, and the next one goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntErrors {
    /// The hunt.
    pub hunt: String,
    /// The causes, the most frequent first.
    pub causes: Vec<ErrorCause>,
    /// The folders that hold most of them: at most 20.
    pub folders: Vec<ErrorFolder>,
    /// How many rows were looked at, for this answer and those before it.
    pub looked_at: u64,
    /// Rows of the hunt.
    pub total: u64,
    /// Whether that was all of them.
    pub complete: bool,
    /// When it was read.
    pub as_of: Time,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ErrorCause {
    /// `denied`, `vanished`, `io_error`, …
    pub status: String,
    /// The system's number; nothing where there is none.
    pub errno: Option<i32>,
    /// Its name, `EACCES`; empty where it is not known.
    pub name: String,
    /// What it means, for people.
    pub meaning: String,
    /// How many rows.
    pub count: u64,
    /// Of how many agents.
    pub agents: u64,
    /// Three of the paths, lossy, each with its agent.
    pub examples: Vec<ErrorExample>,
}

/// One path that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ErrorExample {
    /// The agent.
    pub agent: String,
    /// The path, lossy.
    pub path: String,
}

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ErrorFolder {
    /// The folder, lossy.
    pub path: String,
    /// How many rows.
    pub count: u64,
    /// Of how many agents.
    pub agents: u64,
}

/// `GET /hunts/{id}/costs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntCosts {
    /// The hunt.
    pub hunt: String,
    /// CPU time of a part, in milliseconds.
    pub cpu_ms: Distribution,
    /// File bytes that a part read.
    pub bytes_read: Distribution,
    /// How long a part took, in milliseconds.
    pub duration_ms: Distribution,
    /// Rows of a part.
    pub rows: Distribution,
    /// Time that a part waited for limits, in milliseconds.
    pub throttled_ms: Distribution,
    /// Time in which threads were on no processor, by cause.
    pub waits_ms: BTreeMap<String, u64>,
    /// When it was read.
    pub as_of: Time,
}

/// How one figure is spread over the parts of a hunt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Distribution {
    /// How many parts have it.
    pub count: u64,
    /// All together.
    pub sum: u64,
    /// Half of them are at most this.
    pub p50: u64,
    /// 95 of 100 are at most this.
    pub p95: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
    /// How many are below each power of two, from the least: at most 24 buckets.
    pub buckets: Vec<Bucket>,
    /// The 20 greatest.
    pub worst: Vec<WorstAgent>,
}

/// One bar of a histogram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Bucket {
    /// Greater than that of the bucket before, and at most this.
    pub at_most: u64,
    /// How many.
    pub count: u64,
}

/// An agent and its figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct WorstAgent {
    /// The agent.
    pub agent: String,
    /// Name of its machine.
    pub host: String,
    /// Its figure.
    pub value: u64,
}

/// `GET /hunts/{id}/timeline`: how it went, by the coordinator's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntTimeline {
    /// The hunt.
    pub hunt: String,
    /// What one point stands for, in milliseconds.
    pub step_ms: u64,
    /// The points, the oldest first: at most 600. Each has the totals at its end.
    pub points: Vec<TimelinePoint>,
    /// When it was read.
    pub as_of: Time,
}

/// How far the hunt was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct TimelinePoint {
    /// The moment.
    pub at: Time,
    /// Agents of which anything had been heard.
    pub heard: u64,
    /// Agents that had ended, by state.
    pub ended: States,
    /// Rows that were stored.
    pub rows: u64,
}
