//! The arguments of `profile.start`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::RequestId;

/// A kind of profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    /// Where CPU time goes.
    Cpu,
    /// Where threads are by the wall clock, whether they run or wait.
    Wall,
    /// Which memory is allocated, and where.
    Heap,
    /// Threads, tasks and collections at one moment.
    Tasks,
    /// The figures of the process and its telemetry at one moment.
    Metrics,
    /// The last lines of the log.
    Logs,
}

impl ProfileKind {
    /// Every kind of this version.
    pub const ALL: [Self; 6] =
        [Self::Cpu, Self::Wall, Self::Heap, Self::Tasks, Self::Metrics, Self::Logs];

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Heap => "heap",
            Self::Tasks => "tasks",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// Returns whether it is a profile of stacks; the others are documents.
    pub const fn has_stacks(self) -> bool {
        matches!(self, Self::Cpu | Self::Wall | Self::Heap)
    }

    /// Returns the kind of its blob, which is also the word of the capability.
    pub const fn blob(self) -> &'static str {
        match self {
            Self::Cpu => "profile.cpu",
            Self::Wall => "profile.wall",
            Self::Heap => "profile.heap",
            Self::Tasks => "profile.tasks",
            Self::Metrics => "profile.metrics",
            Self::Logs => "profile.logs",
        }
    }
}

impl fmt::Display for ProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProfileKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let words = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| format!("{word:?} is none of {}", words.join(", ")))
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
    /// Only while this hunt runs on the agent: the window opens when it begins there and closes when it ends, after
    /// `seconds` at the latest. Absent on the wire where there is none, so that older agents take the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<RequestId>,
    /// Samples a second and thread: of CPU time (`cpu`), of wall-clock time (`wall`).
    pub hertz: u32,
}
