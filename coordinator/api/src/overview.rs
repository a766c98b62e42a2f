//! The first page: one document about everything.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::{AgentBrief, BrokerHealth, Check, FacetCount, HuntBrief, ProfileBrief, Time, Verdict};

/// `GET /api/v1/overview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Overview {
    /// The fleet's id.
    pub fleet: String,
    /// Version of the coordinator.
    pub version: String,
    /// The link to the broker.
    pub broker: BrokerHealth,
    /// Agents by state.
    pub agents: Vec<FacetCount>,
    /// Hunts that are not done, the latest first: at most 10.
    pub hunts: Vec<HuntBrief>,
    /// How many hunts are not done.
    pub hunts_open: u64,
    /// Hunts on record.
    pub hunts_total: u64,
    /// Profiles, the latest first: at most 10.
    pub profiles: Vec<ProfileBrief>,
    /// The busiest agents, by CPU: at most 10.
    pub busiest: Vec<AgentBrief>,
    /// Rows that were stored a second, over the last minute.
    pub rows_per_s: f64,
    /// Messages that were set aside since the store was made.
    pub dead_letters: u64,
    /// The worst verdict of the checks.
    pub verdict: Verdict,
    /// The checks that are not `ok`, the worst first.
    pub checks: Vec<Check>,
    /// When it was read.
    pub as_of: Time,
}

/// One thing that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct SearchHit {
    /// `agent`, `hunt`, `profile` or `digest`.
    pub kind: String,
    /// Its id; the digest.
    pub id: String,
    /// What it is, for people.
    pub text: String,
}

/// `GET /api/v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Search {
    /// What was found: at most 20.
    pub hits: Vec<SearchHit>,
    /// There is more.
    pub truncated: bool,
}
