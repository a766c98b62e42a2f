//! The fleet over time.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::Time;

/// `GET /telemetry/fleet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct FleetCurve {
    /// What a point is: a `minute` or an `hour`.
    pub step: String,
    /// The same in milliseconds.
    pub step_ms: u64,
    /// Beginning of the span.
    pub since: Time,
    /// End of the span.
    pub until: Time,
    /// The points, the oldest first. Where nothing came there is none.
    pub points: Vec<FleetPoint>,
}

/// One point: how figures are spread over the agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct FleetPoint {
    /// The beginning of the minute or hour.
    pub at: Time,
    /// Agents that were heard of in it.
    pub live: u64,
    /// Agents that were on the roster and were not.
    pub silent: u64,
    /// CPU in percent of a core.
    pub cpu_percent: Spread,
    /// Resident memory in bytes.
    pub rss_bytes: Spread,
    /// Bytes read a second.
    pub read_bytes_per_s: Spread,
    /// Bytes written a second.
    pub written_bytes_per_s: Spread,
}

/// How one figure is spread over agents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct Spread {
    /// Half of the agents are at most here.
    pub p50: f64,
    /// 95 of 100 are at most here.
    pub p95: f64,
    /// 99 of 100 are at most here.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}
