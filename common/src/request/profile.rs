//! The arguments of `profile.start`.

use serde::{Deserialize, Serialize};

/// A kind of profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    /// Where CPU time goes.
    Cpu,
}

impl ProfileKind {
    /// Returns the word in every output and in the blob's kind (`profile.cpu`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
        }
    }
}

/// Asks agents (or the coordinator) what they are doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileStart {
    /// Always 0: the revision that a control must exceed.
    pub revision: u64,
    /// What to sample, all over the same window.
    pub kinds: Vec<ProfileKind>,
    /// Length of the window.
    pub seconds: u32,
    /// Samples a second of CPU time and thread.
    pub hertz: u32,
}
