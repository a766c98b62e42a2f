//! What the fleet costs: quantiles over its live agents; the coordinator is no agent.

use muster_api::{FleetPoint, Spread};
use serde::Serialize;

/// The name of a share of the fleet, and how its cost is read.
type Share = (&'static str, fn(&Spread) -> f64);

/// Shares of the fleet whose cost is shown.
const QUANTILES: [Share; 4] = [
    ("p50", |spread| spread.p50),
    ("p95", |spread| spread.p95),
    ("p99", |spread| spread.p99),
    ("max", |spread| spread.max),
];

/// How many agents are heard, and what they cost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fleet {
    pub(super) live: u64,
    pub(super) silent: u64,
    pub(super) quantiles: Vec<Quantile>,
}

/// What a share of the live agents costs at most; nothing where none is live.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Quantile {
    #[serde(rename = "quantile")]
    pub(super) name: &'static str,
    pub(super) cpu_percent: Option<f64>,
    pub(super) rss_bytes: Option<u64>,
    pub(super) read_bytes_per_s: Option<u64>,
    pub(super) written_bytes_per_s: Option<u64>,
}

/// Takes what the coordinator has summed up.
pub(super) fn fleet(point: &FleetPoint) -> Fleet {
    let is_any = point.live > 0;
    let of = |(name, take): (&'static str, fn(&Spread) -> f64)| {
        let count = |spread: &Spread| is_any.then(|| whole(take(spread)));
        Quantile {
            name,
            cpu_percent: is_any.then(|| take(&point.cpu_percent)),
            rss_bytes: count(&point.rss_bytes),
            read_bytes_per_s: count(&point.read_bytes_per_s),
            written_bytes_per_s: count(&point.written_bytes_per_s),
        }
    };
    Fleet {
        live: point.live,
        silent: point.silent,
        quantiles: QUANTILES.into_iter().map(of).collect(),
    }
}

/// Returns a figure that is a whole number as one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and bytes are whole numbers"
)]
pub(super) fn whole(figure: f64) -> u64 {
    figure as u64
}
