//! Pauses, drains, resumes and cancels of a hunt: who sent them, what holds, and how far it has come.

use muster_protocol::request::lifecycle;
use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::Time;
use crate::open::Word;

/// What the controls of a hunt, all together, want of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// Nothing: it goes its way.
    #[default]
    None,
    /// What has not begun waits; what runs goes on.
    Drain,
    /// Nothing runs.
    Pause,
    /// It has ended, permanently.
    Cancel,
}

impl Hold {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Drain, Self::Pause, Self::Cancel];

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drain => "drain",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.as_str() == word)
    }

    /// Returns whether a resume lets it go on.
    pub const fn is_pause(self) -> bool {
        matches!(self, Self::Drain | Self::Pause)
    }
}

impl Word for Hold {
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl From<lifecycle::Hold> for Hold {
    fn from(hold: lifecycle::Hold) -> Self {
        match hold {
            lifecycle::Hold::None => Self::None,
            lifecycle::Hold::Drain => Self::Drain,
            lifecycle::Hold::Pause => Self::Pause,
            lifecycle::Hold::Cancel => Self::Cancel,
        }
    }
}

/// One control of a hunt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ControlView {
    /// The id of its request.
    pub id: String,
    /// `pause`, `drain`, `resume`, `cancel`.
    pub verb: String,
    /// Its place among the controls; a cancel counts whatever its revision is.
    pub revision: u64,
    /// Who signed it.
    pub operator: String,
    /// When.
    pub at: Time,
}

/// How many agents have applied the newest pause, drain or resume of a hunt. One of which the part has ended, or is not going to
/// begin, has nothing left to apply and counts as well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Applied {
    /// Its revision.
    pub revision: u64,
    /// Agents that have applied it.
    pub applied: u64,
    /// Agents that are expected to answer the hunt.
    pub of: u64,
    /// The first agents, by id, that have not: at most 20.
    pub waiting: Vec<String>,
}
