//! Why a hunt is where it is, in sentences.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::Time;

/// `GET /api/v1/hunts/{id}/why`: computed from what is stored; no agent is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntWhy {
    /// The hunt.
    pub hunt: String,
    /// How far it is, in one sentence.
    pub summary: String,
    /// What holds it up, and then what went wrong; the most agents first among those of one kind.
    pub findings: Vec<Finding>,
    /// When it was read.
    pub as_of: Time,
}

/// One thing that explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Finding {
    /// A word: `not_published`, `note`, `paused`, `silent`, `seen`, `queued`, `finishing`; of agents that run, what they wait
    /// for most: `limit`, `outbox`, `journal`, `peers`, `open`, `read`, `list`, `processor`, or `stalled`, `out_of_sight`,
    /// `working`; or a state in which agents ended: `failed`, `declined`, …
    pub kind: String,
    /// The code that the agents gave, where they gave one.
    pub code: String,
    /// How many agents it is about.
    pub agents: u64,
    /// The first of them, those that take longest first: at most 10.
    pub named: Vec<String>,
    /// The sentence. It may quote what an endpoint said.
    pub says: String,
    /// What would change it: a command or a flag; empty where only time does.
    #[serde(rename = "try")]
    pub next: String,
}
