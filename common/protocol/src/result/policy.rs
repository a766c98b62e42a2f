//! What the owner of a machine allows, as its agent reports it in telemetry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A machine's `policy.toml`. The folders themselves may tell what is kept there: they are named only where the owner says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedPolicy {
    /// What is carried out; nothing: all.
    #[serde(default)]
    pub capabilities: Option<Vec<String>>,
    /// Artifacts that may be collected; nothing: all that folders do not forbid.
    #[serde(default)]
    pub artifacts: Option<Vec<String>>,
    /// Command lines of processes are shown.
    #[serde(default)]
    pub shows_cmdline: bool,
    /// Bounds, by their key in `policy.toml`; one that is not here is open.
    #[serde(default)]
    pub bounds: BTreeMap<String, u64>,
    /// How many folders may be collected from; nothing: all.
    #[serde(default)]
    pub allow_rules: Option<u64>,
    /// How many folders may not.
    #[serde(default)]
    pub deny_rules: u64,
    /// The folders, where the owner says so (`tell_folders`).
    #[serde(default)]
    pub folders: Option<ReportedFolders>,
}

/// The folders of a policy, the first of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedFolders {
    /// Those that may be collected from.
    #[serde(default)]
    pub allow: Vec<ByteBuf>,
    /// Those that may not.
    #[serde(default)]
    pub deny: Vec<ByteBuf>,
}
