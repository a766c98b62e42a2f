//! Quarantine: an agent whose results are refused again and again is shut out of the broker until an operator lifts it.
//!
//! Nothing of it is acked as done: what it had sent is set aside ([`super::held`]), what it has not sent stays in its
//! outbox.

use muster_protocol::ids::AgentId;
use muster_protocol::limits::QUARANTINE_DEAD_LETTERS_PER_MINUTE;
use muster_runtime::retry;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::IngestError;
use super::held::blocking;
use crate::broker::quarantine as broker;
use crate::core::Core;
use crate::store::{Audit, DeadCount, StoreError, Write};

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
        let pause = retry::QUARANTINE.first();
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timeout(pause, core.held.changed.notified()) => {}
        }
    }
}
