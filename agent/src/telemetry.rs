//! The self-sample, every ten seconds and at once after each connect: what this agent costs, does and has read.

use std::time::{Duration, Instant};

use common::amqp::{AmqpError, Message, PublishError, Publisher};
use common::ids::RequestId;
use common::limits::TELEMETRY_WAITING_MAX;
use common::result::{CollectionSample, Telemetry};
use common::topology::{Class, RESULTS, RoutingKey};
use common::wire;
use serde_bytes::ByteBuf;
use tracing::{debug, warn};

use crate::core::{Core, lock};
use crate::journal::JournalError;

/// What this version can do.
pub const CAPABILITIES: [&str; 2] = ["file_hash", "profile.cpu"];

/// CPU of the process between two samples.
#[derive(Debug)]
pub struct Sampler {
    at: Instant,
    ticks: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { at: Instant::now(), ticks: cpu_ticks() }
    }
}

impl Sampler {
    fn cpu_percent(&mut self) -> f64 {
        let now = Self::default();
        let seconds = now.at.duration_since(self.at).as_secs_f64().max(0.001);
        let spent = now.ticks.saturating_sub(self.ticks);
        *self = now;
        #[expect(clippy::cast_precision_loss, reason = "ticks of ten seconds")]
        let seconds_spent = spent as f64 / rustix::param::clock_ticks_per_second().max(1) as f64;
        (seconds_spent / seconds * 1_000.0).round() / 10.0
    }
}

/// Publishes samples until the connection is gone. A sample that is not taken is lost, and no loss.
pub(crate) async fn publish(
    core: &Core,
    publisher: &Publisher,
    sampler: &mut Sampler,
    interval: Duration,
) -> AmqpError {
    loop {
        match sample(core, sampler) {
            Ok(sample) => match publisher.publish(message(core, &sample)).await {
                Ok(()) => {}
                Err(PublishError::Refused(why)) => debug!(error = why, "telemetry not taken"),
                Err(PublishError::Denied(why)) => return AmqpError::Denied(why),
                Err(PublishError::Gone(why)) => return AmqpError::Gone(why),
            },
            Err(problem) => warn!(error = %problem, "no telemetry: the journal cannot be read"),
        }
        tokio::time::sleep(interval).await;
    }
}

/// Takes one sample.
pub fn sample(core: &Core, sampler: &mut Sampler) -> Result<Telemetry, JournalError> {
    let place = core.journal.stream_place()?;
    let (outbox_messages, outbox_bytes) = core.journal.outbox_size();
    let io = read("/proc/self/io");
    Ok(Telemetry {
        agent: core.agent.clone(),
        at: core.now(),
        journal: core.journal.id(),
        version: core.identity.version.to_owned(),
        host: core.identity.host.clone(),
        os: core.identity.os.to_owned(),
        arch: core.identity.arch.to_owned(),
        labels: core.labels.clone(),
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        stream_epoch: place.and_then(|place| place.epoch),
        stream_offset: place.map(|place| place.offset),
        stream_gap: *lock(&core.stream_gap),
        directed: core.journal.directed()?,
        cpu_percent: sampler.cpu_percent(),
        rss_bytes: rss_bytes(),
        threads: u32::try_from(field(&read("/proc/self/status"), "Threads:")).unwrap_or(u32::MAX),
        fds: fds(),
        read_bytes: field(&io, "rchar:"),
        written_bytes: field(&io, "wchar:"),
        outbox_messages,
        outbox_bytes,
        journal_full: core.journal.is_full(),
        collections: collections(core),
    })
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

/// A file of `/proc`, empty where it may not be read (`io` needs rights that a hardened unit takes away).
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn rss_bytes() -> u64 {
    let pages = read("/proc/self/statm").split(' ').nth(1).and_then(|n| n.parse().ok());
    pages.unwrap_or(0_u64).saturating_mul(rustix::param::page_size() as u64)
}

fn fds() -> u32 {
    let count = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn cpu_ticks() -> u64 {
    let stat = read("/proc/self/stat");
    // After the name in parentheses, which may hold anything: state is field 3, utime 14, stime 15.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn proc_is_read() {
        assert!(super::rss_bytes() > 100_000);
        assert!(super::fds() > 2);
        assert_eq!(super::field("a: 1\nrchar: 77\n", "rchar:"), 77);
    }
}
