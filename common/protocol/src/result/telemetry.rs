//! `telemetry` messages: the 10-second self-sample, which is also the receipt for requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::clock::Timestamp;
use crate::ids::{AgentId, InstanceId, JournalId, MachineId, RequestId};
use crate::result::ReportedPolicy;

/// One self-sample; routing key `telemetry.<agent>.-`, AMQP type `telemetry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// The sender.
    pub agent: AgentId,
    /// When, by the agent's clock.
    pub at: Timestamp,
    /// The journal that this agent runs on.
    pub journal: JournalId,
    /// The process that took the sample.
    #[serde(default)]
    pub instance: Option<Instance>,
    /// Version of the agent.
    #[serde(default)]
    pub version: String,
    /// Name of the machine.
    #[serde(default)]
    pub host: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// `x86_64`, …
    #[serde(default)]
    pub arch: String,
    /// Labels, as the agent knows them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What this agent can do: `file_hash`, `profile.cpu`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The id of the request at offset 0 when this agent began to read the stream: tells one stream from another.
    #[serde(default)]
    pub stream_epoch: Option<RequestId>,
    /// Last offset of the stream that is journalled.
    #[serde(default)]
    pub stream_offset: Option<u64>,
    /// Offsets that retention took away before this agent read them, first and last.
    #[serde(default)]
    pub stream_gap: Option<(u64, u64)>,
    /// Messages on the stream and in the agent's own queue that could not be read and were passed over, since the
    /// start of the process.
    #[serde(default)]
    pub requests_unreadable: u64,
    /// The last directed requests that are journalled.
    #[serde(default)]
    pub directed: Vec<RequestId>,
    /// CPU of the process since the last sample, percent of one core.
    #[serde(default)]
    pub cpu_percent: f64,
    /// Resident memory.
    #[serde(default)]
    pub rss_bytes: u64,
    /// Threads of the process.
    #[serde(default)]
    pub threads: u32,
    /// Open file descriptors.
    #[serde(default)]
    pub fds: u32,
    /// Bytes that the process read (`rchar`), since its start.
    #[serde(default)]
    pub read_bytes: u64,
    /// Bytes that the process wrote (`wchar`), since its start.
    #[serde(default)]
    pub written_bytes: u64,
    /// Bytes a second that it read since the last sample, by a clock that never jumps.
    #[serde(default)]
    pub read_bytes_per_s: u64,
    /// Bytes per second that it wrote, over the same time.
    #[serde(default)]
    pub written_bytes_per_s: u64,
    /// Chunks and statuses that wait in the outbox.
    #[serde(default)]
    pub outbox_messages: u64,
    /// Their size.
    #[serde(default)]
    pub outbox_bytes: u64,
    /// The journal cannot be written: collections wait.
    #[serde(default)]
    pub journal_full: bool,
    /// What is waiting or running.
    #[serde(default)]
    pub collections: Vec<CollectionSample>,
    /// What the machine's owner allows: with the first sample after a connect, and now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<ReportedPolicy>>,
}

/// The process that took a sample. A restart ends one instance and begins the next, under an exclusive lock on the
/// agent's folder; two that report by turns are two machines, or two copies of the folder, under one agent's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id, of random bytes.
    pub id: InstanceId,
    /// When it began, by the agent's clock.
    pub started: Timestamp,
    /// Which of its samples this is, counted from 1.
    pub sample: u64,
    /// The machine that it runs on.
    #[serde(default)]
    pub machine: Option<MachineId>,
    /// Messages that the journal has ever put into its outbox: lower than before is a journal that was set back.
    #[serde(default)]
    pub generation: u64,
}

/// One collection at the moment of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollectionSample {
    /// Of which request.
    pub request: RequestId,
    /// `queued`, `running` or `paused`.
    pub state: String,
    /// Milliseconds since it began to run, or to stand still.
    #[serde(default)]
    pub age_ms: u64,
    /// Entries seen.
    #[serde(default)]
    pub seen: u64,
    /// Files hashed.
    #[serde(default)]
    pub hashed: u64,
    /// File bytes read.
    #[serde(default)]
    pub bytes: u64,
    /// CPU of its own threads.
    #[serde(default)]
    pub cpu_ms: u64,
    /// Time spent waiting for limits or the outbox.
    #[serde(default)]
    pub throttled_ms: u64,
    /// Where it is.
    #[serde(default)]
    pub path: ByteBuf,
}
