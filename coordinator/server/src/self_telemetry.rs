//! The coordinator's own telemetry: the same sample as an agent's, under the id `coordinator`.

use std::time::Duration;

use muster_profiler::{ProcessReport, capture};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::TELEMETRY_INTERVAL_MS;
use muster_protocol::result::Telemetry;
use muster_runtime::process::Meter;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::core::Core;
use crate::store::Write;

/// Stores a sample at once and then every ten seconds until told to stop.
pub(crate) async fn run(core: &Core, stop: CancellationToken) {
    let mut meter = Meter::default();
    let mut beat = tokio::time::interval(Duration::from_millis(TELEMETRY_INTERVAL_MS));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let sample = sample(core, &mut meter);
        if let Err(problem) = core.writer.write(Write::Telemetry(Box::new(sample))).await {
            debug!(error = %problem, "own telemetry is not stored");
        }
    }
}

/// Reports what this process costs, and which tasks run in it.
pub(crate) fn report(core: &Core, meter: &mut Meter) -> ProcessReport {
    ProcessReport { telemetry: sample(core, meter), tasks: core.tasks.running() }
}

fn sample(core: &Core, meter: &mut Meter) -> Telemetry {
    let cost = meter.read();
    Telemetry {
        agent: AgentId::coordinator(),
        at: core.clock.now(),
        journal: core.journal,
        instance: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        labels: std::collections::BTreeMap::new(),
        capabilities: capture::offered().into_iter().map(|kind| kind.blob().to_owned()).collect(),
        stream_epoch: None,
        stream_offset: None,
        stream_gap: None,
        requests_unreadable: 0,
        directed: Vec::new(),
        cpu_percent: cost.cpu_percent,
        rss_bytes: cost.rss_bytes,
        threads: cost.threads,
        fds: cost.fds,
        read_bytes: cost.read_bytes,
        written_bytes: cost.written_bytes,
        read_bytes_per_s: cost.read_bytes_per_s,
        written_bytes_per_s: cost.written_bytes_per_s,
        outbox_messages: 0,
        outbox_bytes: 0,
        journal_full: false,
        collections: Vec::new(),
        policy: None,
    }
}
