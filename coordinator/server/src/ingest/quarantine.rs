//! Quarantine: an agent whose results are refused again and again is shut out of the broker until an operator lifts it.
//!
//! Nothing of it is acked as done: what it had sent is set aside ([`super::held`]), what it has not sent stays in its
//! outbox.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_protocol::ids::AgentId;
use muster_protocol::limits::{QUARANTINE_DEAD_LETTERS_PER_MINUTE, QUARANTINE_RETRY_MS};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::IngestError;
use super::held::blocking;
use crate::broker::quarantine as broker;
use crate::core::Core;
use crate::store::{Audit, DeadCount, StoreError, Write};

const MINUTE: Duration = Duration::from_mins(1);
/// Reasons for which no agent of the fleet can be blamed.
const BLAMELESS: [&str; 2] = ["unknown_agent", "revoked_agent"];

/// Dead letters of each agent within the running minute.
#[derive(Debug, Default)]
pub struct Misdeeds(Mutex<(Option<Instant>, BTreeMap<AgentId, u64>)>);

impl Misdeeds {
    /// Counts dead letters; returns the agents that are over the bound with them, once a minute each.
    fn count(&self, dead: &[DeadCount], now: Instant) -> Vec<AgentId> {
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

/// Puts the agents into quarantine whose dead letters are too many.
pub async fn judge(core: &Core, dead: &[DeadCount]) -> Result<(), StoreError> {
    for agent in core.misdeeds.count(dead, Instant::now()) {
        // What it did before its quarantine may still be coming out of its queue.
        if core.held.is_excused(&agent) {
            continue;
        }
        let reasons: Vec<_> = dead
            .iter()
            .filter(|one| one.agent.as_ref() == Some(&agent))
            .map(|one| one.reason)
            .collect();
        let cause = format!(
            "{QUARANTINE_DEAD_LETTERS_PER_MINUTE} refused results in a minute ({})",
            reasons.join(", ")
        );
        let line = Audit {
            token: "coordinator".to_owned(),
            action: "quarantine",
            subject: agent.to_string(),
            detail: cause.clone(),
            ..Audit::default()
        };
        error!(%agent, cause, next = "muster agents show; muster agents release", "agent quarantined");
        impose(core, &agent, cause, line).await?;
    }
    Ok(())
}

/// Records the quarantine of an agent; [`enforce`] then shuts it out of the broker.
pub async fn impose(
    core: &Core,
    agent: &AgentId,
    cause: String,
    line: Audit,
) -> Result<(), StoreError> {
    core.writer.write(Write::Quarantined(agent.clone(), cause, line)).await?;
    core.held.impose(agent);
    Ok(())
}

/// Gives an agent its rights back, then records that its quarantine has ended; what was set aside is taken back.
pub async fn lift(core: &Core, agent: &AgentId, line: Audit) -> Result<(), IngestError> {
    let _rights = core.held.rights.lock().await;
    let (management, of) = (core.management.clone(), agent.clone());
    blocking(move || broker::admit(&management, &of)).await?;
    core.writer.write(Write::Released(agent.clone(), line)).await?;
    core.held.lift(agent);
    Ok(())
}

/// Takes the rights of agents in quarantine until told to stop, again where one still got something in.
pub async fn enforce(core: &Core, stop: CancellationToken) {
    loop {
        for agent in core.held.to_bar() {
            let _rights = core.held.rights.lock().await;
            if !core.held.is_quarantined(&agent) {
                continue;
            }
            let (management, of) = (core.management.clone(), agent.clone());
            match blocking(move || broker::bar(&management, &of)).await {
                Ok(()) => core.held.barred(&agent),
                Err(problem) => {
                    warn!(%agent, error = %problem, "the broker does not shut the agent out yet");
                }
            }
        }
        let pause = Duration::from_millis(QUARANTINE_RETRY_MS);
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timeout(pause, core.held.changed.notified()) => {}
        }
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
