//! How many dead letters of each agent are kept with their bytes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_protocol::ids::AgentId;
use muster_protocol::limits::{DEAD_KEPT_BYTES_MAX, DEAD_KEPT_MESSAGES_MAX};
use tokio::time::Instant;

/// What one agent may have kept is counted over such a time.
const HOUR: Duration = Duration::from_hours(1);
/// Agents whose kept dead letters are remembered; then those that kept none lately are forgotten.
const SENDERS_MAX: usize = 10_000;

/// How much each agent has had kept of its dead letters within the hour.
#[derive(Debug, Default)]
pub struct DeadLetterBudget(Mutex<BTreeMap<Option<AgentId>, Tally>>);

#[derive(Debug, Clone, Copy)]
struct Tally {
    since: Instant,
    messages: u64,
    bytes: u64,
}

impl DeadLetterBudget {
    /// Returns whether another dead letter of this agent is kept with its bytes, and counts it if so.
    pub fn admits(&self, agent: Option<&AgentId>, bytes: u64, now: Instant) -> bool {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= SENDERS_MAX {
            tallies.retain(|_, tally| now.duration_since(tally.since) < HOUR);
        }
        let fresh = Tally { since: now, messages: 0, bytes: 0 };
        let tally = tallies.entry(agent.cloned()).or_insert(fresh);
        if now.duration_since(tally.since) >= HOUR {
            *tally = fresh;
        }
        let is_kept = tally.messages < DEAD_KEPT_MESSAGES_MAX
            && tally.bytes.saturating_add(bytes) <= DEAD_KEPT_BYTES_MAX;
        if is_kept {
            tally.messages += 1;
            tally.bytes += bytes;
        }
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_agent_so_many_dead_letters_an_hour_are_kept() {
        let kept = DeadLetterBudget::default();
        let (one, other) = (AgentId::new("a-1").unwrap(), AgentId::new("a-2").unwrap());
        let now = Instant::now();
        let admitted = (0..DEAD_KEPT_MESSAGES_MAX * 2).filter(|_| kept.admits(Some(&one), 1, now));
        assert_eq!(admitted.count() as u64, DEAD_KEPT_MESSAGES_MAX);
        assert!(kept.admits(Some(&other), DEAD_KEPT_BYTES_MAX, now));
        assert!(!kept.admits(Some(&other), 1, now));
        assert!(kept.admits(None, 1, now));
        assert!(kept.admits(Some(&one), 1, now + HOUR));
    }
}
