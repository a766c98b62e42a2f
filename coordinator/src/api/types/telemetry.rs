//! Telemetry.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::Time;

/// One self-sample of an agent (or of the coordinator).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct TelemetryView {
    /// Whose.
    pub agent: String,
    /// Name of its machine.
    pub host: String,
    /// When, by the agent's clock.
    pub at: Time,
    /// When it arrived, by the coordinator's clock.
    pub received: Time,
    /// CPU of the process since the last sample, percent of one core.
    pub cpu_percent: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors.
    pub fds: u32,
    /// Bytes read since its start.
    pub read_bytes: u64,
    /// Bytes written since its start.
    pub written_bytes: u64,
    /// Messages that wait in its outbox.
    pub outbox_messages: u64,
    /// Their size.
    pub outbox_bytes: u64,
    /// It cannot write its journal.
    pub journal_full: bool,
    /// What waits or runs.
    pub collections: Vec<RunningView>,
}

/// One collection at the moment of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct RunningView {
    /// The request.
    pub request: String,
    /// `queued` or `running`.
    pub state: String,
    /// Since it began.
    pub age_ms: u64,
    /// Entries seen.
    pub seen: u64,
    /// Files hashed.
    pub hashed: u64,
    /// File bytes read.
    pub bytes: u64,
    /// CPU of its own threads.
    pub cpu_ms: u64,
    /// Time it waited.
    pub throttled_ms: u64,
    /// Where it is, lossily.
    pub path: String,
}
