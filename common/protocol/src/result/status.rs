//! `status` messages: what became of a request on one agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::artifact::{self, Figures};
use crate::clock::Timestamp;
use crate::ids::{AgentId, Attempt, InstanceId, MachineId, RequestId};

/// What an agent says of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Will not run; `code` and `reason` say why.
    Declined,
    /// Waits for a lane.
    Queued,
    /// Runs.
    Started,
    /// Runs; carries a footer of what was done so far.
    Progress,
    /// Stands still by an operator's word; goes on when it is resumed.
    Paused,
    /// Ran to its end.
    Finished,
    /// Ended by an error.
    Failed,
    /// Ended by the operator.
    Cancelled,
}

impl State {
    /// Returns whether nothing can follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Declined | Self::Finished | Self::Failed | Self::Cancelled)
    }

    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Progress => "progress",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One status message; routing key `status.<agent>.<request>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The sender.
    pub agent: AgentId,
    /// Of which request.
    pub request: RequestId,
    /// Of which run.
    pub attempt: Attempt,
    /// What became of it.
    pub state: State,
    /// When, by the agent's clock.
    pub at: Timestamp,
    /// For a refusal or a failure: a word of a closed list (see `docs/reference/codes.md`).
    #[serde(default)]
    pub code: String,
    /// The same for people.
    #[serde(default)]
    pub reason: String,
    /// The highest revision among the controls (pauses, drains, resumes) that the agent had applied; 0 before the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// With a final state: how many chunks the attempt has, rows and blobs together.
    #[serde(default)]
    pub chunks: Option<u64>,
    /// What was done, in figures.
    #[serde(default)]
    pub footer: Option<Footer>,
    /// Name of the machine that the attempt runs on.
    #[serde(default)]
    pub host: String,
    /// The machine.
    #[serde(default)]
    pub machine: Option<MachineId>,
    /// The process that reports.
    #[serde(default)]
    pub instance: Option<InstanceId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, from = "Carried")]
pub struct Footer {
    /// Of the artifact of a hunt.
    pub artifact: Option<ArtifactFooter>,
    /// Of each kind of a profile.
    pub profiles: Vec<ProfileFooter>,
    /// When the collection first began, by the agent's clock.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// CPU of the collection's own threads in user mode.
    pub cpu_user_ms: u64,
    /// CPU of the collection's own threads in the kernel.
    pub cpu_system_ms: u64,
    /// Time spent waiting for limits or for room in the outbox.
    pub throttled_ms: u64,
    /// Rows emitted.
    pub rows: u64,
    /// How often the collection was taken up again, after the agent had ended or a pause.
    pub resumed: u32,
    /// What its threads used beside CPU, and what they waited for.
    pub spent: Spent,
}

/// What the threads of a collection used beside CPU. CPU and waits together are the time that the threads were there,
/// to within a millisecond a figure: nothing is left out, for what has no name of its own is `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Time that the threads were there, added up.
    pub threads_ms: u64,
    /// Of it: time in which they were on no processor, by cause: `limit`, `outbox`, `journal`, `peers`, `open`, `read`,
    /// `list`, `processor`, `other`. What is 0 is left out.
    pub waits_ms: BTreeMap<String, u64>,
    /// Page faults that needed no disk.
    pub faults_minor: u64,
    /// Page faults that waited for a disk.
    pub faults_major: u64,
    /// What had to be fetched from a disk for their reads.
    pub disk_read_bytes: u64,
    /// What their writes cost a disk.
    pub disk_written_bytes: u64,
}

impl Spent {
    /// Returns both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut waits_ms = self.waits_ms.clone();
        for (cause, ms) in &other.waits_ms {
            let sum = waits_ms.entry(cause.clone()).or_default();
            *sum = sum.saturating_add(*ms);
        }
        Self {
            threads_ms: self.threads_ms.saturating_add(other.threads_ms),
            waits_ms,
            faults_minor: self.faults_minor.saturating_add(other.faults_minor),
            faults_major: self.faults_major.saturating_add(other.faults_major),
            disk_read_bytes: self.disk_read_bytes.saturating_add(other.disk_read_bytes),
            disk_written_bytes: self.disk_written_bytes.saturating_add(other.disk_written_bytes),
        }
    }
}

/// What the collector of an artifact did: figures that every artifact has, and its own footer, which passes as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFooter {
    /// Which artifact it is of.
    pub artifact: String,
    /// The version of its schema.
    pub schema: u32,
    /// What every artifact counts.
    pub counters: Counters,
    /// Named MessagePack of the artifact's own footer.
    pub body: ByteBuf,
}

/// What the collector of any artifact counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Entries met: files and folders, or processes.
    pub entries: u64,
    /// Files whose digests are known.
    pub hashed: u64,
    /// Entries that could not be read.
    pub errors: u64,
    /// Bytes read.
    pub bytes: u64,
}

impl ArtifactFooter {
    /// Returns its figures; of a newer schema only those that every artifact has.
    pub fn figures(&self) -> Figures {
        let known = artifact::find(&self.artifact);
        let read = known.and_then(|artifact| artifact.figures(&self.body).ok());
        read.unwrap_or_else(|| Figures {
            seen: self.counters.entries,
            hashed: self.counters.hashed,
            bytes_read: self.counters.bytes,
            ..Figures::default()
        })
    }
}

/// A footer on the wire, in whichever form an agent has written it: before artifacts were types, that of `file_hash` was
/// a field of its own, and a profile had one kind.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Carried {
    artifact: Option<ArtifactFooter>,
    files: Option<artifact::file_hash::Footer>,
    profile: Option<ProfileFooter>,
    profiles: Vec<ProfileFooter>,
    started: Timestamp,
    ended: Timestamp,
    cpu_user_ms: u64,
    cpu_system_ms: u64,
    throttled_ms: u64,
    rows: u64,
    resumed: u32,
    spent: Spent,
}

impl From<Carried> for Footer {
    fn from(footer: Carried) -> Self {
        // What was decoded can be encoded.
        let files = || footer.files.and_then(|files| files.sealed().ok());
        Self {
            artifact: footer.artifact.or_else(files),
            profiles: footer.profile.into_iter().chain(footer.profiles).collect(),
            started: footer.started,
            ended: footer.ended,
            cpu_user_ms: footer.cpu_user_ms,
            cpu_system_ms: footer.cpu_system_ms,
            throttled_ms: footer.throttled_ms,
            rows: footer.rows,
            resumed: footer.resumed,
            spent: footer.spent,
        }
    }
}

/// What a profile is made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileFooter {
    /// `cpu`, …
    pub kind: String,
    /// First moment of the window, by the agent's clock.
    pub window_start: Timestamp,
    /// Last moment of the window.
    pub window_end: Timestamp,
    /// Samples a second that were asked for.
    pub hertz: u32,
    /// Samples in the blob.
    pub samples: u64,
    /// Samples that did not fit the ring.
    pub lost: u64,
    /// CPU time of the process over the window.
    pub cpu_ms: u64,
    /// How often a thread took a sample of itself: its signal handler, or of memory the allocator.
    pub handler_runs: u64,
    /// CPU time of these, by a counter of their own.
    pub handler_us: u64,
    /// CPU time of the sampler's own thread over the window; profiles of the same time share it.
    pub sweeper_us: u64,
    /// Whether the window was cut short.
    pub partial: bool,
    /// SHA-256 of the blob, 32 bytes.
    pub blob_sha256: ByteBuf,
    /// Size of the blob.
    pub blob_bytes: u64,
}
