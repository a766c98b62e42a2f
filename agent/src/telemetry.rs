//! The self-sample, every ten seconds and at once after each connect: what this agent costs, does and has read.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use muster_broker::{AmqpError, Message, PublishError, Publisher};
use muster_profiler::capture;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::{
    POLICY_INTERVAL_MS, TELEMETRY_MESSAGE_BYTES_MAX, TELEMETRY_WAITING_MAX,
};
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::result::{Bounded, CollectionSample, ReportedPolicy, Telemetry};
use muster_protocol::topology::{Class, RESULTS, RoutingKey};
use muster_protocol::wire;
use muster_runtime::process::CostSource;
use serde_bytes::ByteBuf;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use crate::collectors;
use crate::core::{Core, lock};
use crate::journal::JournalError;

/// How often the policy goes along.
const POLICY_INTERVAL: Duration = Duration::from_millis(POLICY_INTERVAL_MS);

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
    let mut reported: Option<Instant> = None;
    loop {
        beat.tick().await;
        let is_due = reported.is_none_or(|at| at.elapsed() >= POLICY_INTERVAL);
        match sample(core, cost) {
            Ok(sample) => match publisher.publish(message(core, sample, is_due)).await {
                Ok(()) if is_due => reported = Some(Instant::now()),
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
        policy: None,
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
    let now = core.now();
    let paused: Vec<_> = lock(&core.paused).iter().take(TELEMETRY_WAITING_MAX).collect();
    let paused = paused.into_iter().map(|(request, standstill)| CollectionSample {
        request,
        state: "paused".to_owned(),
        age_ms: u64::try_from(now.since_ms(standstill.since)).unwrap_or_default(),
        seen: standstill.done.entries,
        hashed: standstill.done.hashed,
        bytes: standstill.done.bytes,
        cpu_ms: 0,
        throttled_ms: 0,
        path: ByteBuf::new(),
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
    running.chain(paused).chain(waiting).collect()
}

/// Writes a sample, with what the policy says where that is due.
fn message(core: &Core, sample: Telemetry, is_due: bool) -> Message {
    let at = sample.at;
    let bare = wire::encode(&sample).unwrap_or_default();
    let whole = is_due.then(|| with_policy(sample, core.policy.report())).flatten();
    let body = whole.unwrap_or(bare);
    let key = RoutingKey { class: Class::Telemetry, agent: core.agent.clone(), request: None };
    Message {
        exchange: RESULTS.to_owned(),
        routing_key: key.to_string(),
        kind: "telemetry".to_owned(),
        id: at.0.to_string(),
        headers: Vec::new(),
        body,
        expiration_ms: None,
        persistent: false,
    }
}

/// Writes a sample with a policy: without the names of the folders where these are too long for a message; nothing where the
/// sample alone leaves no room for it.
fn with_policy(mut sample: Telemetry, policy: ReportedPolicy) -> Option<Vec<u8>> {
    let counted = ReportedPolicy { folders: None, ..policy.clone() };
    [policy, counted].into_iter().find_map(|policy| {
        sample.policy = Some(Box::new(policy));
        sample.cut();
        let body = wire::encode(&sample).ok()?;
        (body.len() as u64 <= TELEMETRY_MESSAGE_BYTES_MAX).then_some(body)
    })
}

#[cfg(test)]
mod tests {
    use muster_protocol::ids::JournalId;
    use muster_protocol::limits::{POLICY_FOLDERS_MAX, RESULT_BYTES_MAX, RESULT_PATH_BYTES_MAX};
    use muster_protocol::result::ReportedFolders;

    use super::*;

    /// A policy of so many folders, as the coordinator reads it.
    fn told(folders: usize, bytes: usize) -> ReportedPolicy {
        let json = serde_json::json!({"agent": "a-1", "at": 0, "journal": JournalId::new()});
        let sample: Telemetry = serde_json::from_value(json).unwrap();
        let deny = vec![ByteBuf::from(vec![b'x'; bytes]); folders];
        let policy = ReportedPolicy {
            deny_rules: folders as u64,
            folders: Some(ReportedFolders { allow: deny.clone(), deny }),
            ..ReportedPolicy::default()
        };
        let body = with_policy(sample, policy).unwrap();
        assert!(body.len() as u64 <= TELEMETRY_MESSAGE_BYTES_MAX);
        *wire::decode::<Telemetry>(&body, RESULT_BYTES_MAX).unwrap().policy.unwrap()
    }

    #[test]
    fn folders_that_are_too_long_for_a_message_are_counted_and_not_named() {
        let named = told(POLICY_FOLDERS_MAX + 1, 100);
        assert_eq!(named.folders.unwrap().deny.len(), POLICY_FOLDERS_MAX, "the first of them");
        let counted = told(POLICY_FOLDERS_MAX, RESULT_PATH_BYTES_MAX);
        assert_eq!((counted.folders, counted.deny_rules), (None, POLICY_FOLDERS_MAX as u64));
    }
}
