//! The self-sample, every ten seconds and at once after each connect: what this agent costs, does and has read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_broker::{AmqpError, Message, PublishError, Publisher};
use muster_profiler::capture;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::TELEMETRY_WAITING_MAX;
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::result::{Bounded, CollectionSample, Telemetry};
use muster_protocol::topology::{Class, RESULTS, RoutingKey};
use muster_protocol::wire;
use muster_runtime::process::CostSource;
use serde_bytes::ByteBuf;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use crate::collectors;
use crate::core::{Core, lock};
use crate::journal::JournalError;

/// Returns what this agent can do here: its collectors, and each kind of profile that works on this machine.
pub fn capabilities() -> Vec<String> {
    let kinds = capture::offered().into_iter().map(ProfileKind::blob);
    let artifacts = collectors::ALL.into_iter().map(|c| c.artifact().schema().artifact);
    artifacts.chain(kinds).map(str::to_owned).collect()
}

/// Publishes samples until the connection is gone. A sample that is not taken is lost, and no loss.
pub(crate) async fn publish(
    core: &Core,
    publisher: &Publisher,
    cost: &mut CostSource,
    interval: Duration,
) -> AmqpError {
    let mut beat = tokio::time::interval(interval.max(Duration::from_millis(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match sample(core, cost) {
            Ok(sample) => match publisher.publish(message(core, &sample)).await {
                Ok(()) => {}
                Err(PublishError::Refused(why)) => debug!(error = why, "telemetry not taken"),
                Err(PublishError::Denied(why)) => return AmqpError::Denied(why),
                Err(PublishError::Gone(why)) => return AmqpError::Gone(why),
            },
            Err(problem) => warn!(error = %problem, "no telemetry: the journal cannot be read"),
        }
    }
}

/// Takes one sample, cut to what the coordinator takes.
pub fn sample(core: &Core, cost: &mut CostSource) -> Result<Telemetry, JournalError> {
    let place = core.journal.stream_place()?;
    let (outbox_messages, outbox_bytes) = core.journal.outbox_size();
    let cost = cost.read();
    let mut sample = Telemetry {
        agent: core.agent.clone(),
        at: core.now(),
        journal: core.journal.id(),
        instance: Some(core.next_instance()?),
        version: core.identity.version.to_owned(),
        host: core.identity.host.clone(),
        os: core.identity.os.to_owned(),
        arch: core.identity.arch.to_owned(),
        labels: core.labels.clone(),
        capabilities: capabilities(),
        stream_epoch: place.and_then(|place| place.epoch),
        stream_offset: place.map(|place| place.offset),
        stream_gap: *lock(&core.stream_gap),
        requests_unreadable: core.unreadable.load(Ordering::Relaxed),
        directed: core.journal.directed()?,
        cpu_percent: cost.cpu_percent,
        rss_bytes: cost.rss_bytes,
        threads: cost.threads,
        fds: cost.fds,
        read_bytes: cost.read_bytes,
        written_bytes: cost.written_bytes,
        read_bytes_per_s: cost.read_bytes_per_s,
        written_bytes_per_s: cost.written_bytes_per_s,
        outbox_messages,
        outbox_bytes,
        journal_full: core.journal.is_full(),
        collections: collections(core),
    };
    sample.cut();
    Ok(sample)
}

fn collections(core: &Core) -> Vec<CollectionSample> {
    let waiting: Vec<RequestId> =
        lock(&core.admission).waiting().take(TELEMETRY_WAITING_MAX).collect();
    let runs: Vec<_> = lock(&core.runs).values().cloned().collect();
    let running = runs.iter().map(|run| {
        let (progress, cpu_ms, throttled_ms, age) = run.session.snapshot();
        CollectionSample {
            request: run.task.body.id,
            state: "running".to_owned(),
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            seen: progress.seen,
            hashed: progress.hashed,
            bytes: progress.bytes,
            cpu_ms,
            throttled_ms,
            path: ByteBuf::from(progress.path),
        }
    });
    let waiting = waiting.into_iter().map(|request| CollectionSample {
        request,
        state: "queued".to_owned(),
        age_ms: 0,
        seen: 0,
        hashed: 0,
        bytes: 0,
        cpu_ms: 0,
        throttled_ms: 0,
        path: ByteBuf::new(),
    });
    running.chain(waiting).collect()
}

fn message(core: &Core, sample: &Telemetry) -> Message {
    let key = RoutingKey { class: Class::Telemetry, agent: core.agent.clone(), request: None };
    Message {
        exchange: RESULTS.to_owned(),
        routing_key: key.to_string(),
        kind: "telemetry".to_owned(),
        id: sample.at.0.to_string(),
        headers: Vec::new(),
        body: wire::encode(sample).unwrap_or_default(),
        expiration_ms: None,
        persistent: false,
    }
}
