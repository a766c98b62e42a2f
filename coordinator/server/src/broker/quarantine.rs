//! One agent in quarantine: its user may not connect, and what it had sent lies in a queue of its own.
//!
//! The user, its password, its rights and its queue of requests stay, so that lifting the quarantine restores everything.

use muster_protocol::ids::AgentId;
use muster_protocol::limits::AGENT_CONNECTIONS_MAX;
use muster_protocol::topology;
use serde_json::json;

use super::apply::{arguments, policies, queue_path};
use super::management::{Management, ManagementError, segment};

/// Connections of an agent in quarantine.
pub(super) const CONNECTIONS: u32 = 0;

fn connections(management: &Management, agent: &AgentId, max: u32) -> Result<(), ManagementError> {
    let path = format!("/api/user-limits/{}/max-connections", segment(agent.as_str()));
    management.put(&path, &json!({ "value": max }))
}

/// Allows an agent no connection and closes those that it has. Safe to repeat.
///
/// Its rights stay: without them a publish that is under way would be denied instead of cut off, and the agent waits
/// longer before it sends such a message again.
pub fn bar(management: &Management, agent: &AgentId) -> Result<(), ManagementError> {
    // The limit first: what is closed must not come back.
    connections(management, agent, CONNECTIONS)?;
    management.delete(&format!("/api/connections/username/{}", segment(agent.as_str())))?;
    Ok(())
}

/// Allows an agent its connections again.
pub fn admit(management: &Management, agent: &AgentId) -> Result<(), ManagementError> {
    connections(management, agent, AGENT_CONNECTIONS_MAX)
}

/// Declares the queue for an agent's results that are set aside.
pub fn declare(management: &Management, agent: &AgentId) -> Result<(), ManagementError> {
    let queue = topology::held(agent);
    policies::bound(management, &queue.name, management.check()?.major)?;
    let body = json!({"durable": true, "arguments": arguments(&queue)});
    management.put(&queue_path(management, &queue.name), &body)
}

/// Deletes that queue if it is empty; returns whether it is gone.
pub fn delete(management: &Management, agent: &AgentId) -> Result<bool, ManagementError> {
    let path = queue_path(management, &topology::held_queue(agent));
    match management.delete(&format!("{path}?if-empty=true")) {
        Ok(_) => Ok(true),
        Err(ManagementError::Refused { .. }) => Ok(false),
        Err(problem) => Err(problem),
    }
}
