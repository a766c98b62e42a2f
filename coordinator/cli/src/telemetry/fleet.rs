//! What the fleet costs: quantiles over its live agents; the coordinator is no agent.

use muster_api::quantile::{quantile, rank};
use muster_api::{AgentState, TelemetryView};
use muster_protocol::ids::AgentId;
use serde::Serialize;

/// Shares of the fleet whose cost is shown.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];

/// How many agents are heard, and what they cost.
#[derive(Debug, Serialize)]
pub(super) struct Fleet {
    pub(super) live: usize,
    pub(super) silent: usize,
    pub(super) quantiles: Vec<Quantile>,
}

/// What a share of the live agents costs at most; nothing where none is live.
#[derive(Debug, Serialize)]
pub(super) struct Quantile {
    #[serde(rename = "quantile")]
    pub(super) name: &'static str,
    pub(super) cpu_percent: Option<f64>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) read_bytes_per_s: Option<u64>,
    pub(super) written_bytes_per_s: Option<u64>,
}

/// Sums up samples.
pub(super) fn fleet(samples: &[TelemetryView]) -> Fleet {
    let agents = samples.iter().filter(|sample| sample.agent != AgentId::COORDINATOR);
    let (live, silent): (Vec<_>, Vec<_>) =
        agents.partition(|sample| sample.state == AgentState::Live);
    let of = |(name, share)| Quantile {
        name,
        cpu_percent: quantile(live.iter().map(|sample| sample.cpu_percent).collect(), share),
        rss_bytes: count(&live, |sample| sample.rss_bytes, share),
        read_bytes_per_s: count(&live, |sample| sample.read_bytes_per_s, share),
        written_bytes_per_s: count(&live, |sample| sample.written_bytes_per_s, share),
    };
    Fleet {
        live: live.len(),
        silent: silent.len(),
        quantiles: QUANTILES.into_iter().map(of).collect(),
    }
}

fn count(live: &[&TelemetryView], take: fn(&TelemetryView) -> u64, share: f64) -> Option<u64> {
    let mut values: Vec<_> = live.iter().map(|sample| take(sample)).collect();
    values.sort_unstable();
    rank(values.len(), share).and_then(|rank| values.get(rank).copied())
}
