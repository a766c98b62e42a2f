//! Profiles in a list: one line each.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::{States, Time};

/// One request for profiles in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ProfileBrief {
    /// Its id.
    pub id: String,
    /// What is sampled.
    pub kinds: Vec<String>,
    /// Seconds asked for.
    pub seconds: u32,
    /// Samples a second asked for.
    pub hertz: u32,
    /// The hunt of which only threads are sampled; nothing where the whole process is.
    pub hunt: Option<String>,
    /// Whether it is a hunt, of which agents took profiles by themselves because it stood still.
    pub on_stall: bool,
    /// Who asked.
    pub operator: String,
    /// Which agents.
    pub target: String,
    /// The first agent that is expected.
    pub agent: Option<String>,
    /// When it was signed.
    pub issued: Time,
    /// Whether nothing more is to come by itself.
    pub done: bool,
    /// How many agents are expected to answer.
    pub targeted: u64,
    /// Their states.
    pub states: States,
}
