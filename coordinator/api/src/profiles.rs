//! Profiles.

pub(crate) mod brief;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::{Open, Route, States, Time};

/// What `profile top` adds up by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Functions, each with the line that costs most; those of Rust's own library are counted to their callers.
    #[default]
    Function,
    /// Functions, every frame of the stacks among them.
    Frame,
    /// Lines of functions, without Rust's own library.
    Line,
    /// Source files, without Rust's own library.
    File,
    /// Packages of Rust functions, else the files that they were mapped from, without Rust's own library.
    Module,
    /// Threads by name.
    Thread,
    /// Hunts; `agent` is the agent's own work, `untagged` that of threads that nobody claimed.
    Hunt,
    /// Agents of a merged profile.
    Agent,
}

/// One request for profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// What is sampled.
    pub kinds: Vec<String>,
    /// Seconds asked for.
    pub seconds: u32,
    /// Samples a second asked for.
    pub hertz: u32,
    /// Whether it is a hunt, of which agents took profiles by themselves because it stood still.
    #[serde(default)]
    pub on_stall: bool,
    /// Who asked.
    pub operator: String,
    /// Which agents.
    pub target: String,
    /// When it was signed.
    pub issued: Time,
    /// Until when agents may begin.
    pub expires: Time,
    /// The way it took.
    #[cfg_attr(test, schema(value_type = Route))]
    pub route: Open<Route>,
    /// Whether the broker has confirmed it.
    pub published: bool,
    /// How many agents are expected to answer.
    pub targeted: u64,
    /// Their states.
    pub states: States,
    /// Whether nothing more is to come by itself.
    pub done: bool,
    /// 0 when all targeted agents finished, else 2.
    pub exit_code: u8,
    /// One for each agent.
    pub agents: Vec<ProfileAgentView>,
}

/// One agent's profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ProfileAgentView {
    /// The request.
    pub profile: String,
    /// The agent.
    pub agent: String,
    /// Name of its machine.
    pub host: String,
    /// One of the twelve states.
    pub state: String,
    /// Why, as a word.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// CPU that the agent's own work for the profile cost, beside the samples: switching on and off, writing the blobs.
    /// Null where that is not told from the rest: for what an agent took of a hunt by itself, and for the coordinator.
    pub own_cpu_ms: Option<u64>,
    /// Each kind that was taken, in the order of the request.
    pub profiles: Vec<ProfileKindView>,
    /// The figures of one of them once more: of `cpu` where it was taken, else of the first.
    #[serde(flatten)]
    pub shown: ProfileKindView,
}

/// One kind of an agent's profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ProfileKindView {
    /// `cpu`, `wall`, …
    pub kind: String,
    /// First moment of the window, by the agent's clock.
    pub window_start: Option<Time>,
    /// Last moment of the window.
    pub window_end: Option<Time>,
    /// Samples a second.
    pub hertz: u32,
    /// Samples in the profile; 0 for what is no profile of stacks.
    pub samples: u64,
    /// Samples that were lost.
    pub lost: u64,
    /// CPU time of the process over the window.
    pub cpu_ms: u64,
    /// How often a thread took a sample of itself, in its signal handler or, of memory, in the allocator.
    pub handler_runs: u64,
    /// CPU time of these, by a counter of the sampler's own.
    pub handler_us: u64,
    /// CPU time of the sampler's own thread; profiles of the same time share it.
    pub sweeper_us: u64,
    /// Both together, in percent of a core over the window.
    pub sampling_percent: f64,
    /// Whether the window was cut short.
    pub partial: bool,
    /// Size of the blob, 0 while it is not stored.
    pub bytes: u64,
    /// SHA-256 of the blob, once it is stored.
    pub sha256: Option<String>,
}

/// A file that profiles get their names from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct SymbolsView {
    /// The build id that the linker gave it, in hexadecimal.
    pub id: String,
    /// Its size.
    pub bytes: u64,
    /// When it was added.
    pub added: Time,
}
