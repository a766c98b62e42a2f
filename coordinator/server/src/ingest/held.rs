//! Results that are set aside: moved, confirmed, into a queue of their agent, and taken back later.
//!
//! Two things lead there: the agent is in quarantine, or it sends more than its share. No other agent's results wait
//! behind them, and nothing is lost: what was set aside is published again under its own routing key and goes through ingest as
//! if it had just come.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_broker::{AmqpError, Delivery, Message, Publisher, Session, Start};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    HELD_BATCH_AGE_MS_MAX, HELD_BATCH_BYTES_MAX, HELD_BATCH_MESSAGES_MAX, HELD_PREFETCH,
    HELD_TAKEN_BACK_PER_S_MAX, HELD_TURN_MS_MAX, SHARE_BYTES_PER_S,
};
use muster_protocol::topology::{RESULTS, held_queue};
use muster_runtime::retry::{self, Retry};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::IngestError;
use crate::broker::quarantine as broker;
use crate::core::Core;
use crate::store::Write;

/// The header with the routing key under which a result came.
const KEY: &str = "x-muster-key";
/// The queue is taken for empty when nothing comes for so long.
const EMPTY: Duration = Duration::from_secs(2);
/// A batch is published when nothing more comes for so long.
const PAUSE: Duration = Duration::from_millis(10);

/// Deliveries of one class that wait to be set aside together.
#[derive(Debug, Default)]
pub struct Batch {
    deliveries: Vec<(AgentId, Delivery)>,
    bytes: usize,
    since: Option<Instant>,
}

impl Batch {
    /// Adds a delivery, which stays unacked until its batch is set aside.
    pub fn add(&mut self, agent: AgentId, delivery: Delivery) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes = self.bytes.saturating_add(delivery.body.len());
        self.deliveries.push((agent, delivery));
    }

    /// Returns when the batch must be set aside; `None` while it is empty.
    pub fn due(&self) -> Option<Instant> {
        let since = self.since?;
        let is_full =
            self.deliveries.len() >= HELD_BATCH_MESSAGES_MAX || self.bytes >= HELD_BATCH_BYTES_MAX;
        let age = if is_full { 0 } else { HELD_BATCH_AGE_MS_MAX };
        Some(since + Duration::from_millis(age))
    }

    /// Takes the batch out.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Moves a batch into the queues of its agents, then acks it. While that is not possible, it tries again: the
/// deliveries stay unacked.
pub async fn set_aside(
    core: &Core,
    publisher: &Publisher,
    batch: Batch,
) -> Result<(), IngestError> {
    let agents: BTreeSet<&AgentId> = batch.deliveries.iter().map(|(agent, _)| agent).collect();
    let messages: Vec<_> =
        batch.deliveries.iter().map(|(agent, delivery)| message(agent, delivery)).collect();
    let mut retry = Retry::new(retry::HELD);
    while let Err(problem) = put(core, publisher, &agents, &messages).await {
        if !problem.may_pass() {
            return Err(problem);
        }
        warn!(error = %problem, "results cannot be set aside; they wait unacked");
        // One of the queues may have been deleted by hand.
        for agent in &agents {
            core.held.set_queue(agent, false);
        }
        sleep(retry.pause()).await;
    }
    for (_, delivery) in batch.deliveries {
        delivery.settle.ack().await?;
    }
    Ok(())
}

async fn put(
    core: &Core,
    publisher: &Publisher,
    agents: &BTreeSet<&AgentId>,
    messages: &[Message],
) -> Result<(), IngestError> {
    let _queues = core.held.queues.lock().await;
    for agent in agents {
        if core.held.note(agent) {
            continue;
        }
        // On record before it is there: it must be taken back also after a crash.
        core.writer.write(Write::Held((*agent).clone())).await?;
        let (management, of) = (core.management.clone(), (*agent).clone());
        blocking(move || broker::declare(&management, &of)).await?;
        core.held.set_queue(agent, true);
    }
    Ok(publisher.publish_all(messages).await?)
}

/// Runs a call of the management API on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, crate::broker::ManagementError> + Send + 'static,
) -> Result<T, IngestError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(outcome) => outcome.map_err(|problem| IngestError::Broker(problem.to_string())),
        Err(problem) => Err(IngestError::Broker(problem.to_string())),
    }
}

fn message(agent: &AgentId, delivery: &Delivery) -> Message {
    Message {
        routing_key: held_queue(agent),
        kind: delivery.kind.clone(),
        id: delivery.id.clone(),
        headers: vec![(KEY, delivery.routing_key.clone().into_bytes())],
        body: delivery.body.clone(),
        persistent: true,
        ..Message::default()
    }
}

/// Takes back what was set aside of agents that are not in quarantine, for as long as the session lives.
pub async fn take_back(
    core: &Core,
    session: &Session,
    publisher: &Publisher,
) -> Result<(), IngestError> {
    loop {
        for agent in core.held.to_take_back() {
            match take_back_of(core, session, publisher, &agent).await {
                Ok(()) => {}
                Err(problem) if problem.may_pass() => {
                    warn!(%agent, error = %problem, "results that were set aside are not taken back yet");
                }
                Err(problem) => return Err(problem),
            }
        }
        let pause = retry::HELD.first();
        // It may tell before this waits for it; then the pause is what leads on.
        drop(timeout(pause, core.held.changed.notified()).await);
    }
}

async fn take_back_of(
    core: &Core,
    session: &Session,
    publisher: &Publisher,
    agent: &AgentId,
) -> Result<(), IngestError> {
    match session.consumer(&held_queue(agent), Start::Queue, HELD_PREFETCH).await {
        Ok(mut consumer) => {
            info!(%agent, "results that were set aside are taken back");
            // Others wait for their turn as well.
            let until = Instant::now() + Duration::from_millis(HELD_TURN_MS_MAX);
            while !core.held.is_quarantined(agent) {
                if Instant::now() >= until {
                    return Ok(());
                }
                let Ok(first) = timeout(EMPTY, consumer.next()).await else { break };
                let mut batch = vec![first?];
                while batch.len() < usize::from(HELD_PREFETCH) {
                    let Ok(next) = timeout(PAUSE, consumer.next()).await else { break };
                    batch.push(next?);
                }
                give_back(publisher, batch).await?;
            }
            if core.held.is_quarantined(agent) {
                return Ok(());
            }
        }
        Err(AmqpError::Missing { .. }) => {}
        Err(problem) => return Err(problem.into()),
    }
    let _queues = core.held.queues.lock().await;
    let (management, of) = (core.management.clone(), agent.clone());
    if blocking(move || broker::delete(&management, &of)).await? {
        core.writer.write(Write::Drained(agent.clone())).await?;
        core.held.set_queue(agent, false);
    }
    Ok(())
}

/// Publishes results under their own routing keys, then acks them, no faster than the share of an agent.
async fn give_back(publisher: &Publisher, batch: Vec<Delivery>) -> Result<(), IngestError> {
    let original = |delivery: &Delivery| Message {
        exchange: RESULTS.to_owned(),
        routing_key: String::from_utf8_lossy(delivery.header(KEY).unwrap_or_default()).into_owned(),
        kind: delivery.kind.clone(),
        id: delivery.id.clone(),
        body: delivery.body.clone(),
        persistent: true,
        ..Message::default()
    };
    let messages: Vec<_> = batch.iter().map(original).collect();
    if let Err(problem) = publisher.publish_all(&messages).await {
        // They come again with the next consumer.
        for delivery in batch {
            delivery.settle.leave();
        }
        return Err(problem.into());
    }
    let count = batch.len() as u64;
    let bytes: u64 = batch.iter().map(|delivery| delivery.body.len() as u64).sum();
    for delivery in batch {
        delivery.settle.ack().await?;
    }
    let pause_ms =
        (count * 1_000 / HELD_TAKEN_BACK_PER_S_MAX).max(bytes * 2_000 / SHARE_BYTES_PER_S);
    sleep(Duration::from_millis(pause_ms)).await;
    Ok(())
}
