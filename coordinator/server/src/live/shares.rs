//! The share of one agent in what ingest takes a second: a token bucket of messages and one of bytes.
//!
//! Generous, so that an honest agent at full speed stays below it; what is over it is set aside and taken back later.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    SHARE_BURST_BYTES, SHARE_BURST_MESSAGES, SHARE_BYTES_PER_S, SHARE_MESSAGES_PER_S,
};
use tokio::time::Instant;

/// Agents that are remembered; then those whose buckets are full again are forgotten.
const AGENTS_MAX: usize = 20_000;

/// The buckets.
#[derive(Debug, Default)]
pub struct Shares(Mutex<BTreeMap<AgentId, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    messages: u64,
    bytes: u64,
    /// Until when it was filled.
    at: Instant,
}

impl Bucket {
    const fn full(at: Instant) -> Self {
        Self { messages: SHARE_BURST_MESSAGES, bytes: SHARE_BURST_BYTES, at }
    }

    fn fill(&mut self, now: Instant) {
        let ms = u64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        // Less than a message is not lost: the time counts on.
        if ms < 10 {
            return;
        }
        let more = |rate: u64| ms.saturating_mul(rate) / 1_000;
        let messages = self.messages.saturating_add(more(SHARE_MESSAGES_PER_S));
        self.messages = messages.min(SHARE_BURST_MESSAGES);
        self.bytes = self.bytes.saturating_add(more(SHARE_BYTES_PER_S)).min(SHARE_BURST_BYTES);
        self.at = now;
    }
}

impl Shares {
    /// Takes a message out of an agent's share; returns whether it was within it.
    pub fn take(&self, agent: &AgentId, bytes: usize, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= AGENTS_MAX && !buckets.contains_key(agent) {
            buckets.retain(|_, bucket| {
                bucket.fill(now);
                bucket.messages < SHARE_BURST_MESSAGES || bucket.bytes < SHARE_BURST_BYTES
            });
        }
        if !buckets.contains_key(agent) {
            buckets.insert(agent.clone(), Bucket::full(now));
        }
        let Some(bucket) = buckets.get_mut(agent) else { return true };
        bucket.fill(now);
        let bytes = bytes as u64;
        if bucket.messages == 0 || bucket.bytes < bytes {
            return false;
        }
        bucket.messages -= 1;
        bucket.bytes -= bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_share_is_a_burst_and_a_rate_for_each_agent() {
        let shares = Shares::default();
        let (one, other) = (AgentId::new("a-1").unwrap(), AgentId::new("a-2").unwrap());
        let now = Instant::now();
        let all = 0..SHARE_BURST_MESSAGES * 2;
        let taken = |agent: &AgentId, now| {
            all.clone().take_while(|_| shares.take(agent, 1, now)).count() as u64
        };
        assert_eq!(taken(&one, now), SHARE_BURST_MESSAGES);
        let later = now + Duration::from_secs(1);
        assert_eq!(taken(&one, later), SHARE_MESSAGES_PER_S);
        let half = usize::try_from(SHARE_BURST_BYTES / 2).unwrap();
        assert!(shares.take(&other, half, now) && shares.take(&other, half, now));
        assert!(!shares.take(&other, 1, now));
        assert!(shares.take(&other, 1, later));
    }
}
