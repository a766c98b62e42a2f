//! Agents in a list: one line each, found by a target expression, and what a target would hit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::AgentState;
use crate::{Open, Page, Route, Time};

/// One agent in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AgentBrief {
    /// Its id.
    pub id: String,
    /// The name that it was enrolled under.
    pub name: String,
    /// Name of its machine, as it says.
    pub host: String,
    /// `linux`.
    pub os: String,
    /// `x86_64`, …
    pub arch: String,
    /// Version of the agent.
    pub version: String,
    /// Labels: those of the enrolment, overridden by what it says itself.
    pub labels: BTreeMap<String, String>,
    /// How it is doing.
    #[cfg_attr(test, schema(value_type = AgentState))]
    pub state: Open<AgentState>,
    /// Why it is silent, where that is known; else empty.
    #[serde(default)]
    pub cause: String,
    /// Two machines, or two copies of its folder, answer under this id.
    #[serde(default)]
    pub clone: bool,
    /// When it was last heard of, by the coordinator's clock.
    pub last_seen: Option<Time>,
    /// CPU of the process between its last two samples, percent of one core; nothing where it was never heard of.
    pub cpu_percent: Option<f64>,
    /// Resident memory in its last sample.
    pub rss_bytes: Option<u64>,
    /// Requests that it holds and has not finished.
    pub collections: u64,
    /// What waits in its outbox.
    pub outbox_bytes: u64,
    /// It cannot write its journal.
    pub journal_full: bool,
    /// Its clock less the coordinator's, network included.
    pub clock_offset_ms: Option<i64>,
}

/// `GET /api/v1/agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentsPage {
    /// The agents that the filter leaves.
    #[serde(flatten)]
    pub page: Page<AgentBrief>,
    /// What they are, where `facets=1` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facets: Option<Facets>,
}

/// What a set of agents is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Facets {
    /// Agents by state.
    pub state: Vec<FacetCount>,
    /// Agents by operating system.
    pub os: Vec<FacetCount>,
    /// Agents by version.
    pub version: Vec<FacetCount>,
    /// Label keys, the most frequent first: at most 50.
    pub labels: Vec<LabelFacet>,
}

/// How many agents have one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct FacetCount {
    /// The value, as endpoints say it.
    pub value: String,
    /// How many agents have it.
    pub count: u64,
}

/// One label key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct LabelFacet {
    /// The key.
    pub key: String,
    /// How many agents have it.
    pub count: u64,
    /// Its values, the most frequent first: at most 50.
    pub values: Vec<FacetCount>,
}

/// `POST /api/v1/targets/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PreviewTarget {
    /// The expression.
    pub expr: String,
    /// The part of the matching agents that is meant, in millionths.
    #[serde(default)]
    pub sample_ppm: Option<u32>,
}

/// Whom a target would hit now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct TargetPreview {
    /// Where the expression does not parse, and why: then nothing else is said.
    pub error: Option<TargetError>,
    /// How many agents that are not revoked match.
    pub matched: u64,
    /// What they are.
    pub facets: Facets,
    /// The first 50 of them, by id.
    pub first: Vec<AgentBrief>,
    /// Agents that do not match.
    pub left_out: u64,
    /// Agents that would match and are revoked.
    pub revoked: u64,
    /// The way a request for it takes.
    #[cfg_attr(test, schema(value_type = Option<Route>))]
    pub route: Option<Open<Route>>,
}

/// Where an expression does not parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct TargetError {
    /// Position in bytes.
    pub at: u64,
    /// Why.
    pub why: String,
}

/// A hunt or profile that an agent was expected for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AgentRequest {
    /// Id of the request.
    pub id: String,
    /// `hunt` or `profile`.
    pub kind: String,
    /// Who signed it.
    pub operator: String,
    /// Which agents.
    pub target: String,
    /// What it is about: the first root of a hunt, the kinds of a profile; lossy.
    pub subject: String,
    /// When it was signed.
    pub issued: Time,
    /// The agent's part: one of the twelve states.
    pub state: String,
    /// Why, as a word.
    pub code: String,
    /// When the part began, by the agent's clock.
    pub started: Option<Time>,
    /// When it ended, by the agent's clock.
    pub ended: Option<Time>,
    /// Rows stored.
    pub rows: u64,
    /// Files that matched.
    pub matched: u64,
    /// Entries that could not be read.
    pub errors: u64,
    /// CPU time of the part.
    pub cpu_ms: u64,
    /// File bytes read.
    pub bytes_read: u64,
}

/// A profile or file that an agent sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AgentUpload {
    /// Id of the request that asked for it.
    pub request: String,
    /// `file`, or the kind of a profile.
    pub kind: String,
    /// Where a file lay, lossy; the kind of a profile.
    pub name: String,
    /// Size of the content.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// When its first piece was stored, by the coordinator's clock; nothing where that is not known any more.
    pub received: Option<Time>,
}
