//! Telemetry.

pub(crate) mod fleet;

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use super::{AgentState, FleetPoint, Open, Page, Time};

/// The latest self-sample of an agent (or of the coordinator).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct TelemetryView {
    /// Whose.
    pub agent: String,
    /// Name of its machine.
    pub host: String,
    /// `live`, or `silent`: then this is how it was, not how it is.
    #[cfg_attr(test, schema(value_type = AgentState))]
    pub state: Open<AgentState>,
    /// When, by the agent's clock.
    pub at: Time,
    /// When it arrived, by the coordinator's clock.
    pub received: Time,
    /// How long ago that was.
    pub age_ms: u64,
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
    /// Bytes read a second, since the sample before.
    pub read_bytes_per_s: u64,
    /// Bytes written per second.
    pub written_bytes_per_s: u64,
    /// Messages that wait in its outbox.
    pub outbox_messages: u64,
    /// Their size.
    pub outbox_bytes: u64,
    /// It cannot write its journal.
    pub journal_full: bool,
    /// What waits or runs.
    pub collections: Vec<RunningView>,
}

/// `GET /telemetry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TelemetryPage {
    /// The samples.
    #[serde(flatten)]
    pub page: Page<TelemetryView>,
    /// What the agents that are live cost now, where `fleet=1` asks for it; the coordinator is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetPoint>,
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

/// What an agent (or the coordinator) cost over a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct CurveView {
    /// Whose.
    pub agent: String,
    /// Name of its machine, when it ever told.
    pub host: String,
    /// What a point is: a `sample`, a `minute` or an `hour`.
    pub step: String,
    /// The same in milliseconds; of samples, their usual distance.
    pub step_ms: u64,
    /// Beginning of the span.
    pub since: Time,
    /// End of the span.
    pub until: Time,
    /// The points, the oldest first. Where nothing came there is none.
    pub points: Vec<PointView>,
    /// What ran meanwhile, the oldest first.
    pub marks: Vec<MarkView>,
    /// How many more there were.
    pub marks_left_out: u64,
}

/// One point of a curve. Of a sample, least, mean and greatest are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct PointView {
    /// The sample's time, or the beginning of the minute or hour.
    pub at: Time,
    /// How many samples it stands for.
    pub samples: u64,
    /// CPU in percent of a core: the least,
    pub cpu_percent_min: f64,
    /// the mean,
    pub cpu_percent: f64,
    /// the greatest.
    pub cpu_percent_max: f64,
    /// Resident memory: the least,
    pub rss_bytes_min: u64,
    /// the mean,
    pub rss_bytes: u64,
    /// the greatest.
    pub rss_bytes_max: u64,
    /// Bytes read a second: the least,
    pub read_bytes_per_s_min: u64,
    /// the mean,
    pub read_bytes_per_s: u64,
    /// the greatest.
    pub read_bytes_per_s_max: u64,
    /// Bytes written a second: the least,
    pub written_bytes_per_s_min: u64,
    /// the mean,
    pub written_bytes_per_s: u64,
    /// the greatest.
    pub written_bytes_per_s_max: u64,
    /// The most threads.
    pub threads: u64,
    /// The most open file descriptors.
    pub fds: u64,
    /// The fullest outbox.
    pub outbox_bytes: u64,
}

/// A hunt or a profile on the time axis of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct MarkView {
    /// Id of the request.
    pub id: String,
    /// `hunt` or `profile`.
    pub kind: String,
    /// `started`, `finished`, …: what the agent last said of it.
    pub state: String,
    /// When it began.
    pub started: Time,
    /// When it ended; null while it runs.
    pub ended: Option<Time>,
    /// CPU of a hunt's own threads.
    pub cpu_ms: u64,
    /// File bytes that a hunt read.
    pub read_bytes: u64,
}
