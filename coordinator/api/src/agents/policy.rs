//! What an agent reports of its machine's policy, and where it stands on the request stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::Time;

/// What the owner of a machine allows, as the agent last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct PolicyView {
    /// When it was reported, by the coordinator's clock.
    pub received: Time,
    /// What is carried out; null: all.
    pub capabilities: Option<Vec<String>>,
    /// Artifacts that may be collected; null: all that the folders do not forbid.
    pub artifacts: Option<Vec<String>>,
    /// Command lines of processes are shown.
    pub shows_cmdline: bool,
    /// Bounds, by their key in `policy.toml`; one that is not here is open.
    pub bounds: BTreeMap<String, u64>,
    /// How many folders may be collected from; null: all.
    pub allow_rules: Option<u64>,
    /// How many folders may not.
    pub deny_rules: u64,
    /// The folders that may be collected from, lossy: the first of them. Null where the owner does not tell them.
    pub allow_roots: Option<Vec<String>>,
    /// The folders that may not, in the same way.
    pub deny_roots: Option<Vec<String>>,
}

/// A journal under which an agent was heard lately: after a reinstallation it has another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct JournalView {
    /// Its id.
    pub journal: String,
    /// When a sample under it last came, by the coordinator's clock.
    pub last_seen: Time,
}

/// Where an agent stands on the stream of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct StreamView {
    /// The last offset that it has journalled; null where it has read none.
    pub offset: Option<u64>,
    /// The first offset that retention took away before the agent read it; null where none was lost.
    pub gap_first: Option<u64>,
    /// The last one.
    pub gap_last: Option<u64>,
}
