//! `status` messages: what became of a request on one agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

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
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One status message; routing key `status.<agent>.<request>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Who says it.
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

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Footer {
    /// Of `file_hash`.
    pub files: Option<FilesFooter>,
    /// Of a profile's one kind, as version 1 wrote it; see [`Footer::profiles`].
    pub profile: Option<ProfileFooter>,
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
    /// How often the collection was taken up again after the agent had died.
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

impl Footer {
    /// Returns the figures of each kind of a profile, whichever version wrote them.
    pub fn profiles(&self) -> impl Iterator<Item = &ProfileFooter> {
        self.profile.iter().chain(&self.profiles)
    }
}

/// What `file_hash` saw. Every entry is counted once: [`FilesFooter::accounted`] equals `seen`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilesFooter {
    /// Entries met: each root, and each name found in a folder that was entered. What lies in a folder that
    /// was not entered is not met; a root below another root is met once, as a root.
    pub seen: u64,
    /// Regular files that were read and whose digests were computed (`ok`, `changed`, `cache_mismatch`); a further name of
    /// a file counts again. Each is a row, but for those that are `unmatched`.
    pub hashed: u64,
    /// Regular files whose digests come from the cache (`cached`). Each is a row, but for those that are `unmatched`.
    pub cached: u64,
    /// Of `hashed` and `cached`: those of which a digest is in the hunt's list.
    pub matched: u64,
    /// Of `hashed` and `cached`: those that were judged by the hunt's list, are not in it, and are no rows.
    pub unmatched: u64,
    /// Folders that were entered (or would have been, but for `max_depth`) and, in a listing, every row of
    /// status `ok`.
    pub listed: u64,
    /// Entries that the operator's own filter left out, by reason: `include`, `exclude`, `kind`, `size`, `mtime`,
    /// `ctime`, `btime`, `owner`, `group`, `mode`, `file_system`. They are no rows.
    pub filtered: BTreeMap<String, u64>,
    /// Rows of what policy left out, by status: `skipped_kind` (links, pipes, sockets, devices), `skipped_fs`.
    pub skipped: BTreeMap<String, u64>,
    /// Rows of what could not be read, by status: `denied`, `denied_by_policy`, `vanished`, `io_error`.
    pub failed: BTreeMap<String, u64>,
    /// Roots below which nothing was looked at, lossily, each with the status of its row: it does not exist, cannot
    /// be read, is a link, lies on a file system that is not entered.
    pub roots_failed: BTreeMap<String, String>,
    /// Rows that a condition could not be held against, by the condition: `btime` where the file system knows no
    /// birth. They count above as well.
    pub unjudged: BTreeMap<String, u64>,
    /// File systems that were not entered, by policy or for `one_file_system`: mount point, a blank, type. At most 64,
    /// the others under `more` ([`super::bounds`]).
    pub mounts_skipped: BTreeMap<String, u64>,
    /// Files that matched and whose content was sent, or had been sent for another name of it.
    pub uploaded: u64,
    /// Bytes that were sent of them.
    pub upload_bytes: u64,
    /// Files that matched, were to be sent and were not, by reason: `file_too_big`, `no_room` (the bytes of the
    /// collection are used up), `empty`, `changed`, `denied`, `denied_by_policy`, `vanished`, `io_error`.
    pub not_uploaded: BTreeMap<String, u64>,
    /// File bytes behind the digests of the rows; a further name of a file counts again.
    pub bytes_hashed: u64,
    /// File bytes really read, repeats after a restart included.
    pub bytes_read: u64,
    /// The path that took longest.
    pub slowest_path: ByteBuf,
    /// How long it took.
    pub slowest_ms: u64,
}

impl FilesFooter {
    /// Returns the sum of all that an entry can become: hashed, cached, listed, filtered, skipped, failed.
    pub fn accounted(&self) -> u64 {
        let sum = |counts: &BTreeMap<String, u64>| {
            counts.values().fold(0_u64, |sum, count| sum.saturating_add(*count))
        };
        self.hashed
            .saturating_add(self.cached)
            .saturating_add(self.listed)
            .saturating_add(sum(&self.filtered))
            .saturating_add(sum(&self.skipped))
            .saturating_add(sum(&self.failed))
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
