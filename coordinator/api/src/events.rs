//! What `GET /events` sends: one stream of changes for one page of a client.

use serde::{Deserialize, Serialize};

use crate::CollectionBrief;

/// The name of the query parameter that names a topic; may be repeated.
pub const TOPIC: &str = "topic";

/// The names of the events. The data of `overview`, `hunt` and `profiles` is the document that the endpoint of that name gives;
/// of `agents` and `agent` nothing but the number of the change: ask again for what is shown.
pub mod event {
    /// [`crate::Overview`] has changed.
    pub const OVERVIEW: &str = "overview";
    /// The list of agents has changed.
    pub const AGENTS: &str = "agents";
    /// One agent has changed; the data names it.
    pub const AGENT: &str = "agent";
    /// A hunt has changed: its `HuntView`.
    pub const HUNT: &str = "hunt";
    /// Parts of a hunt have changed: [`crate::HuntAgentsEvent`].
    pub const HUNT_AGENTS: &str = "hunt-agents";
    /// The list of profiles has changed.
    pub const PROFILES: &str = "profiles";
    /// Too much has changed to send: ask again for what is shown of the topic that the data names.
    pub const RESYNC: &str = "resync";
}

/// What a topic's event without a document carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicChanged {
    /// The topic as it was asked for: `agents`, `agent:ID`, `hunt-agents:ID`.
    pub topic: String,
}

/// Parts of a hunt that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HuntAgentsEvent {
    /// The hunt.
    pub hunt: String,
    /// The parts as they are now: at most 500.
    pub agents: Vec<CollectionBrief>,
}
