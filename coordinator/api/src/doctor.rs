//! The state of the whole: fleet, health, doctor.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::Time;

/// `GET /api/v1/fleet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct FleetView {
    /// The fleet's id.
    pub id: String,
    /// The public key of its root, in hexadecimal.
    pub root: String,
    /// Version of the coordinator.
    pub version: String,
    /// The link to the broker.
    pub broker: BrokerHealth,
    /// Agents that are not revoked.
    pub agents: u64,
    /// Those of them that were heard of lately.
    pub live: u64,
    /// Hunts on record.
    pub hunts: u64,
    /// Profile requests on record.
    pub profiles: u64,
}

/// The link to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct BrokerHealth {
    /// Whether it is up.
    pub connected: bool,
    /// `host:port`.
    pub address: String,
    /// Since when it is as it is.
    pub since: Time,
    /// Why it is not up; while it is up, which queues are not read and why.
    pub cause: Option<String>,
    /// Why the broker takes no messages from any publisher: `low on disk`, `low on memory`.
    #[serde(default)]
    pub blocked: Option<String>,
}

/// `GET /healthz`: 200 as long as the API answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Health {
    /// `ok`, or `degraded` when something waits.
    pub status: String,
    /// Version of the coordinator.
    pub version: String,
    /// `ok`, `no broker`, `the broker blocks publishers: …`, or which queues are not read and why.
    pub broker: String,
    /// `ok`, or why nothing can be written.
    pub store: String,
}

/// The answer to `POST /api/v1/doctor/rebuild`: the read models, made again from what they are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Rebuilt {
    /// Hunts and profiles that were made again.
    pub rebuilt: u64,
    /// Records that differed from what their sources make of them, and are right now; 0 is well.
    pub different: u64,
    /// The requests of these: at most 100.
    pub of: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is well.
    Ok,
    /// Somebody should look.
    Warn,
    /// Somebody must act.
    Bad,
}

impl Verdict {
    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Check {
    /// What was looked at: `broker`, `store`, `dead_letters`, …
    pub name: String,
    /// What was found.
    pub verdict: Verdict,
    /// The same for people.
    pub message: String,
    /// What to do; empty when nothing.
    #[serde(rename = "try")]
    pub next: String,
}

/// `GET /api/v1/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Doctor {
    /// The worst of the verdicts.
    pub verdict: Verdict,
    /// All checks.
    pub checks: Vec<Check>,
}
