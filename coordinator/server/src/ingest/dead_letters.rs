//! Refused results: gathered, published to the dead letters together, counted in one write, then acked.
//!
//! A refusal must cost less than the message that caused it, and must not keep other agents' results waiting. Of one
//! agent only so many dead letters an hour are kept with their bytes, so that it cannot flush those of others out of
//! the queue; all are counted.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_broker::{Delivery, Message, Publisher};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    DEAD_BATCH_AGE_MS_MAX, DEAD_BATCH_BYTES_MAX, DEAD_BATCH_MESSAGES_MAX,
};
use muster_protocol::topology::{Class, DEAD};
use tokio::time::Instant;
use tracing::debug;

use super::quarantine::judge;
use super::{IngestError, defect};
use crate::core::Core;
use crate::store::{DeadCount, Write};

/// One refused delivery.
#[derive(Debug)]
pub struct Letter {
    delivery: Delivery,
    reason: &'static str,
    agent: Option<AgentId>,
}

/// Refused deliveries of one class that are to be dead letters together.
#[derive(Debug, Default)]
pub struct DeadLetterBatch {
    letters: Vec<Letter>,
    bytes: usize,
    since: Option<Instant>,
}

impl DeadLetterBatch {
    /// Adds a delivery that stays unacked until its batch is published.
    pub fn add(&mut self, delivery: Delivery, reason: &'static str) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes = self.bytes.saturating_add(delivery.body.len());
        let agent = match &delivery.defect {
            Some(defect) => sender(&defect.routing_key),
            None => sender(delivery.routing_key.as_bytes()),
        };
        self.letters.push(Letter { delivery, reason, agent });
    }

    /// Returns when the batch must be published; `None` while it is empty.
    pub fn due(&self) -> Option<Instant> {
        let since = self.since?;
        let is_full =
            self.letters.len() >= DEAD_BATCH_MESSAGES_MAX || self.bytes >= DEAD_BATCH_BYTES_MAX;
        let age = if is_full { 0 } else { DEAD_BATCH_AGE_MS_MAX };
        Some(since + Duration::from_millis(age))
    }

    /// Takes the batch out.
    pub fn take(&mut self) -> Vec<Letter> {
        let taken = std::mem::take(self);
        taken.letters
    }
}

/// Returns the agent that published under a routing key: the broker checked that word, even of a malformed key.
pub fn sender(routing_key: &[u8]) -> Option<AgentId> {
    let word = routing_key.split(|byte| *byte == b'.').nth(1)?;
    AgentId::new(std::str::from_utf8(word).ok()?).ok()
}

/// Publishes the letters that are kept, counts all of them, then acks them. Dying in between repeats some letters and
/// loses none.
pub async fn dead_letter(
    core: &Core,
    publisher: &Publisher,
    class: Class,
    letters: Vec<Letter>,
) -> Result<(), IngestError> {
    let now = Instant::now();
    let kept = letters.iter().filter(|letter| {
        core.dead_letter_budget.admits(
            letter.agent.as_ref(),
            letter.delivery.body.len() as u64,
            now,
        )
    });
    let messages: Vec<_> = kept.map(message).collect();
    publisher.publish_all(&messages).await?;
    let counts = counts(class, &letters);
    for one in &counts {
        let agent = one.agent.as_ref().map_or("", AgentId::as_str);
        debug!(class = one.class, reason = one.reason, agent, count = one.count, "dead letters");
    }
    core.writer.write(Write::Dead(counts.clone())).await?;
    for letter in letters {
        letter.delivery.settle.ack().await?;
    }
    judge(core, &counts).await?;
    Ok(())
}

fn message(letter: &Letter) -> Message {
    let delivery = &letter.delivery;
    Message {
        routing_key: DEAD.to_owned(),
        kind: delivery.kind.clone(),
        id: delivery.id.clone(),
        headers: defect::headers(delivery, letter.reason),
        body: delivery.body.clone(),
        persistent: true,
        ..Message::default()
    }
}

fn counts(class: Class, letters: &[Letter]) -> Vec<DeadCount> {
    let mut counts: BTreeMap<(&Option<AgentId>, &'static str), u64> = BTreeMap::new();
    for letter in letters {
        *counts.entry((&letter.agent, letter.reason)).or_default() += 1;
    }
    let count = |((agent, reason), count): ((&Option<AgentId>, _), _)| DeadCount {
        class: class.as_str(),
        reason,
        agent: agent.clone(),
        count,
    };
    counts.into_iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_read_from_a_malformed_key_too() {
        let name = |key: &[u8]| sender(key).map(|agent| agent.to_string());
        for key in [b"rows.web-1-ab12.x.y".as_slice(), b"rows.web-1-ab12", b"rows.web-1-ab12.\xff"]
        {
            assert_eq!(name(key).as_deref(), Some("web-1-ab12"));
        }
        for key in [b"rows".as_slice(), b"rows..x", b"rows.\xff.x"] {
            assert_eq!(name(key), None);
        }
    }
}
