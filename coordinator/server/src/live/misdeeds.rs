//! Dead letters of each agent within the running minute: which agents are to be put into quarantine.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_protocol::ids::AgentId;
use muster_protocol::limits::QUARANTINE_DEAD_LETTERS_PER_MINUTE;
use tokio::time::Instant;

use crate::store::DeadCount;

const MINUTE: Duration = Duration::from_mins(1);
/// Reasons for which no agent of the fleet can be blamed.
const BLAMELESS: [&str; 2] = ["unknown_agent", "revoked_agent"];

/// Dead letters of each agent within the running minute.
#[derive(Debug, Default)]
pub struct Misdeeds(Mutex<(Option<Instant>, BTreeMap<AgentId, u64>)>);

impl Misdeeds {
    /// Counts dead letters; returns the agents that are over the bound with them, once a minute each.
    pub(crate) fn count(&self, dead: &[DeadCount], now: Instant) -> Vec<AgentId> {
        let mut misdeeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, counts) = &mut *misdeeds;
        if since.is_none_or(|since| now.duration_since(since) >= MINUTE) {
            (*since, *counts) = (Some(now), BTreeMap::new());
        }
        let mut over = Vec::new();
        for one in dead.iter().filter(|one| !BLAMELESS.contains(&one.reason)) {
            let Some(agent) = &one.agent else { continue };
            let count = counts.entry(agent.clone()).or_default();
            let before = *count;
            *count = count.saturating_add(one.count);
            let bound = QUARANTINE_DEAD_LETTERS_PER_MINUTE;
            if before < bound && *count >= bound {
                over.push(agent.clone());
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_over_the_bound_once_a_minute() {
        let misdeeds = Misdeeds::default();
        let agent = AgentId::new("a-1").unwrap();
        let dead = |reason, count| {
            vec![DeadCount { class: "rows", reason, agent: Some(agent.clone()), count }]
        };
        let (now, bound) = (Instant::now(), QUARANTINE_DEAD_LETTERS_PER_MINUTE);
        assert!(misdeeds.count(&dead("revoked_agent", bound), now).is_empty());
        assert!(misdeeds.count(&dead("malformed", bound - 1), now).is_empty());
        assert_eq!(misdeeds.count(&dead("malformed", 1), now), std::slice::from_ref(&agent));
        assert!(misdeeds.count(&dead("malformed", bound), now).is_empty());
        assert!(misdeeds.count(&dead("malformed", bound - 1), now + MINUTE).is_empty());
        let none = DeadCount { class: "rows", reason: "routing_key", agent: None, count: bound };
        assert!(misdeeds.count(&[none], now).is_empty());
    }
}
