//! Results that are set aside: moved, confirmed, into a queue of their agent, and taken back later.
//!
//! Two things lead there: the agent is in quarantine, or it sends more than its share. Nobody else's results wait behind
//! them, and nothing is lost: what was set aside is published again under its own routing key and goes through ingest as
//! if it had just come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_broker::{AmqpError, Delivery, Message, Publisher, Session, Start};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    HELD_BATCH_AGE_MS_MAX, HELD_BATCH_BYTES_MAX, HELD_BATCH_MESSAGES_MAX, HELD_MS_MIN,
    HELD_PREFETCH, HELD_RETRY_MS, HELD_TAKEN_BACK_PER_S_MAX, HELD_TURN_MS_MAX, SHARE_BYTES_PER_S,
};
use muster_protocol::topology::{RESULTS, held_queue};
use tokio::sync::Notify;
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

/// What is known of agents that are not treated as the others.
#[derive(Debug, Default)]
pub struct Held {
    agents: Mutex<BTreeMap<AgentId, Aside>>,
    /// Told when there is something to bar or to take back.
    pub changed: Notify,
    /// Held while queues are declared and filled, or found empty and deleted.
    queues: tokio::sync::Mutex<()>,
    /// Held while an agent's rights at the broker are changed.
    pub rights: tokio::sync::Mutex<()>,
}

/// One agent.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent states of one agent")]
struct Aside {
    is_quarantined: bool,
    /// Its rights were taken since its last result came.
    is_barred: bool,
    /// It was released, and what was set aside before is being taken back.
    is_pardoned: bool,
    /// There is a queue for what is set aside.
    has_queue: bool,
    /// When its last result was set aside.
    last: Option<Instant>,
}

impl Held {
    /// Takes over what the store knows.
    pub fn load(&self, quarantined: impl Iterator<Item = AgentId>, held: Vec<AgentId>) {
        let mut agents = self.lock();
        for agent in quarantined {
            agents.entry(agent).or_default().is_quarantined = true;
        }
        for agent in held {
            let aside = agents.entry(agent).or_default();
            (aside.has_queue, aside.is_pardoned) = (true, !aside.is_quarantined);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentId, Aside>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an agent is in quarantine.
    pub fn is_quarantined(&self, agent: &AgentId) -> bool {
        self.lock().get(agent).is_some_and(|aside| aside.is_quarantined)
    }

    /// Returns whether an agent's misdeeds may be those that it is or was in quarantine for.
    pub fn is_excused(&self, agent: &AgentId) -> bool {
        self.lock().get(agent).is_some_and(|aside| aside.is_quarantined || aside.is_pardoned)
    }

    /// Puts an agent into quarantine.
    pub fn impose(&self, agent: &AgentId) {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        (aside.is_quarantined, aside.is_barred, aside.is_pardoned) = (true, false, false);
        self.changed.notify_waiters();
    }

    /// Takes an agent out of quarantine.
    pub fn lift(&self, agent: &AgentId) {
        let mut agents = self.lock();
        if let Some(aside) = agents.get_mut(agent) {
            *aside = Aside { is_pardoned: true, has_queue: aside.has_queue, ..Aside::default() };
            if !aside.has_queue {
                agents.remove(agent);
            }
        }
        self.changed.notify_waiters();
    }

    /// Returns the agents whose rights are to be taken; more of them may have come since it was last done.
    pub fn to_bar(&self) -> Vec<AgentId> {
        let agents = self.lock();
        let open = agents.iter().filter(|(_, aside)| aside.is_quarantined && !aside.is_barred);
        open.map(|(agent, _)| agent.clone()).collect()
    }

    /// Notes that an agent's rights were taken.
    pub fn barred(&self, agent: &AgentId) {
        if let Some(aside) = self.lock().get_mut(agent) {
            aside.is_barred = true;
        }
    }

    /// Returns the agents whose results are to be taken back.
    fn to_take_back(&self) -> Vec<AgentId> {
        let agents = self.lock();
        let rested = Duration::from_millis(HELD_MS_MIN);
        let due = agents.iter().filter(|(_, aside)| {
            aside.has_queue
                && !aside.is_quarantined
                && aside.last.is_none_or(|last| last.elapsed() >= rested)
        });
        due.map(|(agent, _)| agent.clone()).collect()
    }

    /// Notes that a result of an agent is set aside; returns whether its queue is there, as far as is known.
    fn note(&self, agent: &AgentId) -> bool {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        aside.last = Some(Instant::now());
        aside.is_barred = false;
        aside.has_queue
    }

    fn set_queue(&self, agent: &AgentId, has_queue: bool) {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        aside.has_queue = has_queue;
        if !has_queue && !aside.is_quarantined {
            agents.remove(agent);
        }
    }
}

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
    while let Err(problem) = put(core, publisher, &agents, &messages).await {
        if !problem.may_pass() {
            return Err(problem);
        }
        warn!(error = %problem, "results cannot be set aside; they wait unacked");
        // One of the queues may have been deleted by hand.
        for agent in &agents {
            core.held.set_queue(agent, false);
        }
        sleep(Duration::from_millis(HELD_RETRY_MS)).await;
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
        let pause = Duration::from_millis(HELD_RETRY_MS);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_taken_back_when_the_quarantine_is_lifted() {
        let held = Held::default();
        let agent = AgentId::new("a-1").unwrap();
        held.load(std::iter::once(agent.clone()), vec![agent.clone()]);
        assert!(held.is_quarantined(&agent) && held.is_excused(&agent));
        assert_eq!(held.to_bar(), std::slice::from_ref(&agent));
        held.barred(&agent);
        assert!(held.to_bar().is_empty() && held.to_take_back().is_empty());
        // It got in once more: its rights are taken again.
        assert!(held.note(&agent));
        assert_eq!(held.to_bar(), std::slice::from_ref(&agent));
        held.lift(&agent);
        assert!(!held.is_quarantined(&agent) && held.is_excused(&agent));
        assert_eq!(held.to_take_back(), std::slice::from_ref(&agent));
        held.set_queue(&agent, false);
        assert!(!held.is_excused(&agent) && held.to_take_back().is_empty());
    }
}
