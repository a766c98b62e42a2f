//! Agents and their enrolment.

pub(crate) mod brief;
pub(crate) mod policy;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::Time;
use crate::open::{Open, Word};

/// How an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Enrolled, and never heard of.
    New,
    /// Heard of lately.
    Live,
    /// Not heard of for too long.
    Silent,
    /// It is shut out of the broker until the quarantine is lifted.
    Quarantined,
    /// Its credentials were taken back.
    Revoked,
}

impl AgentState {
    /// Every state, in the order in which an agent may come to them.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Live, Self::Silent, Self::Quarantined, Self::Revoked];

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Live => "live",
            Self::Silent => "silent",
            Self::Quarantined => "quarantined",
            Self::Revoked => "revoked",
        }
    }
}

impl Word for AgentState {
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AgentView {
    /// Its id.
    pub id: String,
    /// The name that it was enrolled under.
    pub name: String,
    /// How it is doing.
    #[cfg_attr(test, schema(value_type = AgentState))]
    pub state: Open<AgentState>,
    /// Why it is silent, where that is known; else empty.
    #[serde(default)]
    pub cause: String,
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
    /// What it can do.
    pub capabilities: Vec<String>,
    /// When it was enrolled.
    pub enrolled: Time,
    /// When its credentials were taken back.
    pub revoked: Option<Time>,
    /// Since when it is in quarantine.
    pub quarantined: Option<Time>,
    /// Why it is in quarantine.
    pub quarantine: Option<String>,
    /// When it was last heard of, by the coordinator's clock.
    pub last_seen: Option<Time>,
    /// CPU of the process between its last two samples, percent of one core; nothing where it was never heard of.
    #[serde(default)]
    pub cpu_percent: Option<f64>,
    /// Resident memory in its last sample.
    #[serde(default)]
    pub rss_bytes: Option<u64>,
    /// Its clock less the coordinator's, network included.
    pub clock_offset_ms: Option<i64>,
    /// What waits in its outbox.
    pub outbox_bytes: u64,
    /// It cannot write its journal.
    pub journal_full: bool,
    /// Requests that it holds and has not finished.
    pub collections: u64,
    /// Its machine, by a hash that is the fleet's own.
    #[serde(default)]
    pub machine: Option<String>,
    /// Two machines, or two copies of its folder, answer under this id.
    #[serde(default)]
    pub clone: bool,
    /// What is wrong with its identity, for people.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What its machine's owner allows; null where it has not reported that.
    #[serde(default)]
    pub policy: Option<policy::PolicyView>,
    /// The journals under which it was heard lately, the latest first.
    #[serde(default)]
    pub journals: Vec<policy::JournalView>,
    /// Where it stands on the stream of requests; null where it was never heard of.
    #[serde(default)]
    pub stream: Option<policy::StreamView>,
}

/// `POST /api/v1/agents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolAgents {
    /// Whom to enrol.
    pub agents: Vec<Enrol>,
}

/// One agent to enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// A name, from which the id is minted.
    pub name: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The answer to an enrolment. The passwords are nowhere else: whoever loses them enrols again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct EnrolledAgents {
    /// Where agents find the broker.
    pub broker: BrokerAddress,
    /// The new agents, in the order asked.
    pub agents: Vec<Enrolled>,
}

/// `POST /api/v1/agents/{id}/quarantine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuarantineAgent {
    /// Why, for the other operators.
    pub reason: String,
}

/// One new agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Enrolled {
    /// Its id, which is also its broker user.
    pub id: String,
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The password of the broker user.
    pub password: String,
}

/// Where agents find the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct BrokerAddress {
    /// Name or address.
    pub host: String,
    /// AMQP port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Certificate authorities (PEM) to trust beside the agent's system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}
