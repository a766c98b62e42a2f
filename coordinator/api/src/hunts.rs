//! Requests, hunts and collections.

pub(crate) mod brief;
pub(crate) mod control;
pub(crate) mod inquiry;
pub(crate) mod request;
pub(crate) mod why;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use self::control::{Applied, ControlView, Hold};
use super::Time;
use crate::open::{Open, Word};

/// The way that a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// The stream, to everyone.
    Broadcast,
    /// The queues of the agents that it names.
    Directed,
    /// Not by way of the broker: the coordinator itself is meant.
    Coordinator,
}

impl Route {
    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Directed => "directed",
            Self::Coordinator => "coordinator",
        }
    }
}

impl Word for Route {
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// The answer to `POST /api/v1/requests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Launched {
    /// The id of the request.
    pub id: String,
    /// What it asks for.
    pub kind: String,
    /// How many agents are expected to answer.
    pub targeted: u64,
    /// The way it takes.
    #[cfg_attr(test, schema(value_type = Route))]
    pub route: Open<Route>,
    /// Whether the broker has confirmed it; else it is sent when the broker is back.
    pub published: bool,
    /// Why it is not published yet; else empty.
    #[serde(default)]
    pub note: String,
}

/// A file that matched and whose content is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntFile {
    /// The hunt.
    pub hunt: String,
    /// The agent that sent it.
    pub agent: String,
    /// Name of its machine.
    pub host: String,
    /// SHA-256 of the content, under which it is fetched.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// Where it lay, not UTF-8 lossily; at most a hundred names.
    pub paths: Vec<String>,
    /// Too many rows would have had to be looked through for the names: some may be missing.
    #[serde(default)]
    pub paths_partial: bool,
}

/// The answer to `POST /api/v1/lists`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ListPiece {
    /// The name by which a hunt may refer to the piece.
    pub sha256: String,
    /// How many hashes it holds.
    pub hashes: u64,
}

/// How many agents are in each state; their sum is `targeted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct States {
    /// Nothing is known to have reached the agent.
    pub silent: u64,
    /// The agent has the request.
    pub seen: u64,
    /// Waits for a lane.
    pub queued: u64,
    /// Runs.
    pub running: u64,
    /// Stopped for a while.
    pub paused: u64,
    /// Has ended; chunks are still missing.
    pub finishing: u64,
    /// Has ended well and everything is stored.
    pub finished: u64,
    /// Ended by an error.
    pub failed: u64,
    /// Ended by the operator.
    pub cancelled: u64,
    /// Refused by the agent.
    pub declined: u64,
    /// Never began, and now may not.
    pub expired: u64,
    /// Ended, and chunks have been missing for too long.
    pub incomplete: u64,
}

impl States {
    /// The words of the states, in the order of every output.
    pub const WORDS: [&'static str; 12] = [
        "silent",
        "seen",
        "queued",
        "running",
        "paused",
        "finishing",
        "finished",
        "failed",
        "cancelled",
        "declined",
        "expired",
        "incomplete",
    ];

    /// Returns the states with their words, in the order of every output.
    pub const fn named(&self) -> [(&'static str, u64); 12] {
        let [
            silent,
            seen,
            queued,
            running,
            paused,
            finishing,
            finished,
            failed,
            cancelled,
            declined,
            expired,
            incomplete,
        ] = Self::WORDS;
        [
            (silent, self.silent),
            (seen, self.seen),
            (queued, self.queued),
            (running, self.running),
            (paused, self.paused),
            (finishing, self.finishing),
            (finished, self.finished),
            (failed, self.failed),
            (cancelled, self.cancelled),
            (declined, self.declined),
            (expired, self.expired),
            (incomplete, self.incomplete),
        ]
    }

    /// Returns the number of agents.
    pub fn sum(&self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }

    /// Returns the number of agents of which nothing more is to come by itself.
    pub fn ended(&self) -> u64 {
        self.finished
            + self.failed
            + self.cancelled
            + self.declined
            + self.expired
            + self.incomplete
    }

    /// Returns how a hunt or profile did that is over: `finished`, or what became of the agents that did not finish, as
    /// `ended: 3 failed, 1 expired`; nothing while something may still come.
    pub fn outcome(&self) -> Option<String> {
        if self.ended() != self.sum() {
            return None;
        }
        let others = self.named().into_iter();
        let others = others.filter(|(state, agents)| *state != "finished" && *agents > 0);
        let others =
            others.map(|(state, agents)| format!("{} {state}", crate::units::count(agents)));
        let others: Vec<_> = others.collect();
        Some(match others.as_slice() {
            [] => "finished".to_owned(),
            others => format!("ended: {}", others.join(", ")),
        })
    }
}

/// What has been done so far: of ended collections by their footers, of running ones by telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Progress {
    /// Directory entries met.
    pub seen: u64,
    /// Files hashed.
    pub files: u64,
    /// Of them: files with a digest in the hunt's list of hashes, by the footers of the agents.
    #[serde(default)]
    pub matched: u64,
    /// Entries that could not be evaluated: denied, vanished, or with an error when they were read.
    #[serde(default)]
    pub errors: u64,
    /// File bytes read.
    pub bytes: u64,
    /// Files hashed a second, over the last samples of the running collections.
    pub files_per_s: f64,
    /// Megabytes (1,000,000 bytes) read per second, over the same samples.
    pub mb_per_s: f64,
    /// CPU time of the collections.
    pub cpu_ms: u64,
    /// Time that collections waited for limits or for their outbox.
    pub throttled_ms: u64,
    /// Rows that are stored.
    pub rows: u64,
    /// Bytes of chunks that are stored.
    pub stored_bytes: u64,
}

/// What the threads of ended collections used, and what they waited for. CPU and waits add up to `threads_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(default)]
pub struct Spent {
    /// Time that the threads were there, added up.
    pub threads_ms: u64,
    /// CPU in user mode.
    pub cpu_user_ms: u64,
    /// CPU in the kernel.
    pub cpu_system_ms: u64,
    /// Time in which they were on no processor, by cause: `limit`, `outbox`, `journal`, `peers`, `open`, `read`, `list`,
    /// `processor`, `other`.
    pub waits_ms: BTreeMap<String, u64>,
    /// Page faults that needed no disk.
    pub faults_minor: u64,
    /// Page faults that waited for a disk.
    pub faults_major: u64,
    /// What had to be fetched from a disk.
    pub disk_read_bytes: u64,
    /// What was written to a disk.
    pub disk_written_bytes: u64,
}

/// One hunt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct HuntView {
    /// Its id.
    pub id: String,
    /// A number that grows with every change of what is shown.
    #[serde(default)]
    pub change: u64,
    /// When it was read.
    #[serde(default)]
    pub as_of: Time,
    /// What operators call it; empty where they gave it no name.
    #[serde(default)]
    pub name: String,
    /// The case that it belongs to; empty for none.
    #[serde(default)]
    pub case: String,
    /// Why it was made, or what came of it, in an operator's words.
    #[serde(default)]
    pub note: String,
    /// What is collected: `file_hash`.
    pub artifact: String,
    /// Who launched it.
    pub operator: String,
    /// Which agents.
    pub target: String,
    /// What is walked, lossily.
    pub roots: Vec<String>,
    /// The digests that are computed.
    pub hashes: Vec<String>,
    /// How many hashes its list has; 0 where it carries none and every file comes back.
    #[serde(default)]
    pub ioc: u64,
    /// When it was signed.
    pub issued: Time,
    /// Until when agents may begin.
    pub expires: Time,
    /// The way it took.
    #[cfg_attr(test, schema(value_type = Route))]
    pub route: Open<Route>,
    /// Whether the broker has confirmed it.
    pub published: bool,
    /// Whether the operator cancelled it.
    pub cancelled: bool,
    /// What its controls want of it.
    #[serde(default = "no_hold")]
    #[cfg_attr(test, schema(value_type = Hold))]
    pub hold: Open<Hold>,
    /// The highest revision of its pauses, drains and resumes; the next one takes one above. 0 before the first.
    #[serde(default)]
    pub revision: u64,
    /// Its controls, the newest last: at most the last 50.
    #[serde(default)]
    pub controls: Vec<ControlView>,
    /// How far the newest pause, drain or resume has come; nothing before the first, and of a hunt that was cancelled.
    #[serde(default)]
    pub applied: Option<Applied>,
    /// When it ended, by the coordinator's clock: when the last part did. Nothing while something may still come.
    #[serde(default)]
    pub ended_at: Option<Time>,
    /// How it ended, for people: `finished`, or `ended: 3 failed, 1 expired`. Empty while something may still come.
    #[serde(default)]
    pub outcome: String,
    /// How many agents are expected to answer.
    pub targeted: u64,
    /// Their states.
    pub states: States,
    /// What was done so far.
    pub progress: Progress,
    /// What that cost, by the footers of the agents.
    #[serde(default)]
    pub spent: Spent,
    /// Whether nothing more is to come by itself.
    pub done: bool,
    /// 0 when all targeted agents finished; 2 when some did not (or not yet).
    pub exit_code: u8,
    /// What is to be known beside the figures, for people.
    #[serde(default)]
    pub notes: Vec<String>,
}

const fn no_hold() -> Open<Hold> {
    Open::Known(Hold::None)
}

/// What entries of one agent's part were not read for, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
#[serde(default)]
pub struct Reasons {
    /// Left out by the operator's own filter: `include`, `exclude`, `kind`, `size`, `mtime`, …
    pub filtered: BTreeMap<String, u64>,
    /// Left out by policy: `skipped_kind`, `skipped_fs`.
    pub skipped: BTreeMap<String, u64>,
    /// Could not be read: `denied`, `vanished`, `io_error`.
    pub errors: BTreeMap<String, u64>,
    /// Rows that a condition could not be held against: `btime` where the file system knows no birth.
    pub unjudged: BTreeMap<String, u64>,
    /// Files that matched and were to be sent, and were not.
    #[serde(default)]
    pub not_uploaded: BTreeMap<String, u64>,
}

/// One agent's part in a hunt or a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct CollectionView {
    /// The hunt.
    pub hunt: String,
    /// The agent.
    pub agent: String,
    /// Name of the machine that the run was on.
    pub host: String,
    /// The machine, by a hash that is the fleet's own; nothing where the run named none.
    #[serde(default)]
    pub machine: Option<String>,
    /// Two machines answered under this id while the hunt could run: its rows are of one of them.
    #[serde(default)]
    pub clone: bool,
    /// One of the twelve states.
    pub state: String,
    /// Why, as a word.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// The request that asked for the run that counts.
    pub attempt: Option<String>,
    /// The journal of the run that counts.
    pub journal: Option<String>,
    /// How many runs are known.
    pub attempts: u64,
    /// How many chunks the run has, once it has ended.
    pub chunks: Option<u64>,
    /// How many of them are stored.
    pub chunks_stored: u64,
    /// Rows stored.
    pub rows: u64,
    /// When its first row was stored, by the coordinator's clock.
    pub first_row: Option<Time>,
    /// When it began, by the agent's clock.
    pub started: Option<Time>,
    /// When it ended, by the agent's clock.
    pub ended: Option<Time>,
    /// Entries met.
    pub seen: u64,
    /// Files hashed.
    pub hashed: u64,
    /// Of them: files with a digest in the hunt's list of hashes.
    #[serde(default)]
    pub matched: u64,
    /// Of them: files that are not in that list, and are no rows.
    #[serde(default)]
    pub unmatched: u64,
    /// Of `matched`: files whose content has been sent.
    #[serde(default)]
    pub uploaded: u64,
    /// Bytes that were sent of them.
    #[serde(default)]
    pub upload_bytes: u64,
    /// Files whose digest comes from the agent's cache.
    #[serde(default)]
    pub cached: u64,
    /// Files without a digest by their nature.
    pub listed: u64,
    /// Left out by the operator's own filter.
    pub filtered: u64,
    /// Left out by policy.
    pub skipped: u64,
    /// Could not be judged.
    pub errors: u64,
    /// The same three by reason; and rows that a condition could not be held against, by condition.
    #[serde(default)]
    pub reasons: Reasons,
    /// File systems that were not entered: mount point, a blank, type.
    #[serde(default)]
    pub mounts_skipped: BTreeMap<String, u64>,
    /// File bytes hashed.
    pub bytes_hashed: u64,
    /// File bytes read, repeats after a restart included.
    pub bytes_read: u64,
    /// CPU time of the collection.
    pub cpu_ms: u64,
    /// Time it waited for limits or its outbox.
    pub throttled_ms: u64,
    /// What its threads used and waited for, by its last footer.
    #[serde(default)]
    pub spent: Spent,
    /// How often it was taken up again.
    pub resumed: u32,
    /// Where it is, or what took longest; lossy.
    pub path: String,
    /// Every attempt that is known; only where one agent's part is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts_known: Vec<AttemptView>,
}

/// One attempt of an agent at a hunt or a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct AttemptView {
    /// The request that asked for it.
    pub attempt: String,
    /// The journal that it ran on.
    pub journal: String,
    /// Whether its rows count.
    pub counts: bool,
    /// Name of the machine that it was on.
    pub host: String,
    /// One of the twelve states, as if there were no other attempt.
    pub state: String,
    /// Why, as a word.
    pub code: String,
    /// Why, for people.
    pub reason: String,
    /// How many chunks it has, once it has ended.
    pub chunks: Option<u64>,
    /// How many of them are stored.
    pub chunks_stored: u64,
    /// Rows stored.
    pub rows: u64,
    /// When it began, by the agent's clock.
    pub started: Option<Time>,
    /// When it ended, by the agent's clock.
    pub ended: Option<Time>,
    /// When its last status came, by the coordinator's clock.
    pub received: Option<Time>,
    /// How often it was taken up again.
    pub resumed: u32,
}

#[cfg(test)]
mod tests {
    use super::States;

    #[test]
    fn what_is_over_says_what_became_of_those_that_did_not_finish() {
        let well = States { finished: 3, ..States::default() };
        assert_eq!(well.outcome().as_deref(), Some("finished"));
        let others = States { failed: 1_200, expired: 1, ..well };
        assert_eq!(others.outcome().as_deref(), Some("ended: 1,200 failed, 1 expired"));
        let open = States { finishing: 1, ..others };
        assert_eq!(open.outcome(), None, "something may still come");
    }
}
