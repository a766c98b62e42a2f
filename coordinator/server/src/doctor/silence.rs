//! Agents that are not heard of, each with the cause where the coordinator knows it.

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::NEVER_HEARD_MS_MAX;

use super::{Check, Seen, ill, listed, well};
use crate::broker::alarms;
use crate::roster;
use crate::store::StoredAgent;
use muster_api::{AgentState, Verdict};

/// Agents that were heard of once, apart from those that are silent because the broker takes no messages. Without a broker
/// nothing can come, whatever the agents do.
pub(super) fn silent(agents: &[&StoredAgent], broker: &Seen<'_>, now: Timestamp) -> Check {
    let silent = agents.iter().filter(|agent| roster::state(agent, now) == AgentState::Silent);
    let (blocked, silent): (Vec<&StoredAgent>, Vec<&StoredAgent>) =
        silent.copied().partition(|agent| roster::is_blocked(agent, broker.blockage, now));
    let silent: Vec<_> = silent.into_iter().map(|agent| described(agent, now)).collect();
    if !broker.link.connected && !silent.is_empty() {
        let message = format!(
            "{} agents were not heard of lately: the coordinator has no broker",
            silent.len()
        );
        return ill("silent", Verdict::Warn, message, "see the check `broker`");
    }
    let what = "agents that were not heard of lately";
    let next = "on their machines: muster-agent doctor names what keeps an agent from being heard";
    let check = listed("silent", Verdict::Warn, &silent, what, next);
    let Some(blockage) = broker.blockage.filter(|_| !blocked.is_empty()) else { return check };
    let cause = format!("{} cannot be heard: {}", blocked.len(), blockage.sentence());
    if silent.is_empty() {
        return ill("silent", Verdict::Warn, cause, alarms::remedy(&blockage.reason));
    }
    Check { message: format!("{}; {cause}", check.message), ..check }
}

/// Names an agent, how long it has been silent, and what it reported of itself last.
fn described(agent: &StoredAgent, now: Timestamp) -> String {
    let Some((at, said)) = &agent.heard else { return agent.id.to_string() };
    let minutes = now.since_ms(*at) / 60_000;
    let full = if said.journal_full { ", its journal was full" } else { "" };
    format!("{} (for {minutes} min{full})", agent.id)
}

/// Agents that were enrolled and have never reported.
pub(super) fn never_heard(agents: &[&StoredAgent], now: Timestamp) -> Check {
    let is_late = |agent: &&&StoredAgent| {
        roster::state(agent, now) == AgentState::New
            && now.since_ms(agent.enrolled) > NEVER_HEARD_MS_MAX
    };
    let late: Vec<_> = agents.iter().filter(is_late).map(|agent| agent.id.to_string()).collect();
    if late.is_empty() {
        return well("never_heard", "none");
    }
    let what = "agents that were enrolled and never heard of";
    let next = "start muster-agent with their bundles, or muster agents revoke";
    listed("never_heard", Verdict::Warn, &late, what, next)
}
