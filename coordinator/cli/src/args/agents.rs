//! Flags of the verbs of `agents`.

use clap::{Args, ValueEnum};
use muster_api::{AgentState, States};

use crate::parse;

/// Orders of the list; with `-` before it the greatest comes first.
const SORTS: [&str; 14] = [
    "id",
    "-id",
    "host",
    "-host",
    "last_seen",
    "-last_seen",
    "cpu",
    "-cpu",
    "rss",
    "-rss",
    "outbox",
    "-outbox",
    "version",
    "-version",
];

/// A state of an agent, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Enrolled, and never heard of.
    New,
    /// Heard of lately.
    Live,
    /// Not heard of for too long.
    Silent,
    /// Shut out of the broker until it is released.
    Quarantined,
    /// Taken out of the fleet.
    Revoked,
}

impl State {
    /// Returns the word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => AgentState::New.as_str(),
            Self::Live => AgentState::Live.as_str(),
            Self::Silent => AgentState::Silent.as_str(),
            Self::Quarantined => AgentState::Quarantined.as_str(),
            Self::Revoked => AgentState::Revoked.as_str(),
        }
    }
}

/// Flags of `agents list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only agents that match.
    #[arg(long, value_name = "EXPR")]
    pub target: Option<String>,
    /// Only agents whose id, name, host or a label holds this text.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Only agents in these states, joined by commas [default: all but revoked].
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with_all = ["all", "revoked"])]
    pub state: Vec<State>,
    /// What comes first; with `-` the greatest [default: id].
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = SORTS)]
    pub sort: Option<String>,
    /// How many agents [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Also those that were revoked.
    #[arg(long, conflicts_with = "revoked")]
    pub all: bool,
    /// Only those that were revoked.
    #[arg(long)]
    pub revoked: bool,
}

/// Kinds of what an agent is asked for.
const KINDS: [&str; 2] = ["hunt", "profile"];
/// Flags of `agents requests`.
#[derive(Debug, Args)]
pub struct Requests {
    /// The agent, or the unique beginning of its id.
    pub agent: String,
    /// Only hunts, or profiles.
    #[arg(long, value_delimiter = ',', value_parser = KINDS)]
    pub kind: Vec<String>,
    /// Only where the agent's part is in these states, joined by commas.
    #[arg(long, value_delimiter = ',', value_parser = States::WORDS)]
    pub state: Vec<String>,
    /// How many [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `agents uploads`.
#[derive(Debug, Args)]
pub struct Uploads {
    /// The agent, or the unique beginning of its id.
    pub agent: String,
    /// How many [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `agents preview`.
#[derive(Debug, Args)]
pub struct Preview {
    /// The target expression.
    #[arg(long, value_name = "EXPR")]
    pub target: String,
    /// A part of the agents that match, as of a hunt; which ones, the id of the request decides.
    #[arg(long, value_name = "PART", value_parser = parse::share_ppm)]
    pub sample: Option<u32>,
}
