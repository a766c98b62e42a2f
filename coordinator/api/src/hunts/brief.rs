//! Hunts and collections in a list: one line each.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::States;
use super::control::Hold;
use crate::Time;
use crate::open::Open;

/// One hunt in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntBrief {
    /// Its id.
    pub id: String,
    /// What operators call it; empty where they gave it no name.
    #[serde(default)]
    pub name: String,
    /// The case that it belongs to; empty for none.
    #[serde(default)]
    pub case: String,
    /// Why it was made, or what came of it, in an operator's words.
    #[serde(default)]
    pub note: String,
    /// What is collected: `file_hash`, `processes`.
    pub artifact: String,
    /// Who launched it.
    pub operator: String,
    /// Which agents.
    pub target: String,
    /// The first root, lossy; empty where there is none.
    pub root: String,
    /// How many roots there are.
    pub roots: u64,
    /// The digests that are computed.
    pub hashes: Vec<String>,
    /// How many hashes its list has.
    pub ioc: u64,
    /// When it was signed.
    pub issued: Time,
    /// Until when agents may begin.
    pub expires: Time,
    /// Whether the broker has confirmed it.
    pub published: bool,
    /// Whether the operator cancelled it.
    pub cancelled: bool,
    /// What its controls want of it.
    #[serde(default = "super::no_hold")]
    #[cfg_attr(test, schema(value_type = Hold))]
    pub hold: Open<Hold>,
    /// When it ended; nothing while something may still come.
    #[serde(default)]
    pub ended_at: Option<Time>,
    /// How it ended, for people: `finished`, or `ended: 3 failed, 1 expired`; empty while something may still come.
    #[serde(default)]
    pub outcome: String,
    /// Whether nothing more is to come by itself.
    pub done: bool,
    /// How many agents are expected to answer.
    pub targeted: u64,
    /// Their states.
    pub states: States,
    /// Rows stored.
    pub rows: u64,
    /// Files that matched its list.
    pub matched: u64,
    /// Entries that could not be read.
    pub errors: u64,
    /// File bytes read.
    pub bytes: u64,
    /// CPU time of the collections.
    pub cpu_ms: u64,
}

/// One agent's part in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct CollectionBrief {
    /// The agent.
    pub agent: String,
    /// Name of the machine that the attempt was on.
    pub host: String,
    /// One of the twelve states.
    pub state: String,
    /// Why, as a word.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// Rows stored.
    pub rows: u64,
    /// Files that matched.
    pub matched: u64,
    /// Entries that could not be read.
    pub errors: u64,
    /// Entries met.
    pub seen: u64,
    /// CPU time.
    pub cpu_ms: u64,
    /// File bytes read.
    pub bytes_read: u64,
    /// Time it waited for limits or its outbox.
    pub throttled_ms: u64,
    /// When it began, by the agent's clock.
    pub started: Option<Time>,
    /// When it ended, by the agent's clock.
    pub ended: Option<Time>,
    /// How long it took, or has been running.
    pub age_ms: u64,
    /// For how long the agent was not heard of; nothing where the part has ended.
    pub silent_s: Option<u64>,
    /// Where it is, or what took longest; lossy.
    pub path: String,
    /// How many attempts are known.
    pub attempts: u64,
}
