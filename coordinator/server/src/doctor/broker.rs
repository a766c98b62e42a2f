//! The checks of the broker: the link, alarms, queues near their bounds, queues that are missing.

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::QUEUE_FULL_PERCENT;
use muster_protocol::topology::policy_of;

use super::{ill, listed, well};
use crate::broker::alarms;
use crate::broker::queues::QueueStatus;
use crate::broker::settings::Advice;
use crate::live::broker_health::{Blockage, Look};
use crate::store::StoredAgent;
use muster_api::{BrokerHealth, Check, Verdict};

/// A link that is up for less has consumers that the broker's figures do not show yet.
const CONSUMES_AFTER_MS: i64 = 30_000;
/// What makes the broker's objects again.
const APPLY: &str = "muster broker apply";

/// What is known of the broker.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The link.
    pub link: &'a BrokerHealth,
    /// The latest time in which it took no messages.
    pub blockage: Option<&'a Blockage>,
    /// The queues.
    pub look: &'a Look,
    /// Lines that its configuration lacks; `None` until it was looked at.
    pub settings: Option<&'a [Advice]>,
}

pub(super) fn link(broker: &BrokerHealth) -> Check {
    if let (true, Some(reason)) = (broker.connected, &broker.blocked) {
        return ill("broker", Verdict::Bad, alarms::sentence(reason), alarms::remedy(reason));
    }
    if broker.connected {
        let message = format!("{}, since {}", broker.address, broker.since);
        let Some(unread) = &broker.cause else { return well("broker", message) };
        let next = "muster broker status; the coordinator connects again by itself";
        return ill("broker", Verdict::Bad, format!("{message}, but {unread}"), next);
    }
    let cause = broker.cause.as_deref().unwrap_or("not connected");
    let message = format!("not connected to {} since {}: {cause}", broker.address, broker.since);
    ill(
        "broker",
        Verdict::Bad,
        message,
        "muster broker status; start RabbitMQ, or correct [broker] in coordinator.toml",
    )
}

/// Looks at the queues that all agents share, and at the fullest of the others.
pub(super) fn queues(seen: &Seen<'_>, now: Timestamp) -> Check {
    let name = "queues";
    let found = match &seen.look.found {
        Ok(found) => found,
        Err(cause) => {
            let message = format!("the management API shows no queues: {cause}");
            let next = "see management_url in coordinator.toml; muster broker status";
            return ill(name, Verdict::Warn, message, next);
        }
    };
    let missing: Vec<_> = found.shared.iter().filter(|queue| queue.is_missing()).collect();
    if !missing.is_empty() {
        return ill(name, Verdict::Bad, names(&missing, "missing"), APPLY);
    }
    let is_settled = seen.link.connected && now.since_ms(seen.link.since.0) > CONSUMES_AFTER_MS;
    let unread: Vec<_> = found.results().filter(|queue| queue.consumers == 0).collect();
    if is_settled && !unread.is_empty() {
        let next = "restart muster serve, and see its log";
        return ill(name, Verdict::Bad, names(&unread, "without a consumer"), next);
    }
    let all = found.shared.iter().chain(&found.fullest);
    let full = all.clone().filter(|queue| queue.full_percent >= Some(QUEUE_FULL_PERCENT));
    let full: Vec<_> =
        full.map(|q| format!("{} {} %", q.id, q.full_percent.unwrap_or(0))).collect();
    if !full.is_empty() {
        let message = format!("near its bound: {}", full.join(", "));
        let next = "muster broker status; when a results queue is full, agents keep their results and wait";
        return ill(name, Verdict::Warn, message, next);
    }
    if !seen.look.growing.is_empty() {
        let message =
            format!("results come faster than they are stored: {}", seen.look.growing.join(", "));
        return ill(
            name,
            Verdict::Warn,
            message,
            "muster doctor again in a minute; see the coordinator's disk",
        );
    }
    let strange =
        all.filter(|q| q.policy.as_deref().is_some_and(|policy| policy != policy_of(&q.id)));
    let strange: Vec<_> = strange.collect();
    if !strange.is_empty() {
        let message = names(&strange, "not bounded by the fleet's policy");
        return ill(name, Verdict::Warn, message, APPLY);
    }
    well(name, format!("{} and {} of agents", found.shared.len(), found.directed.len()))
}

fn names(queues: &[&QueueStatus], what: &str) -> String {
    let names: Vec<_> = queues.iter().map(|queue| queue.id.as_str()).collect();
    format!("{what}: {}", names.join(", "))
}

/// Names the lines that the broker's configuration lacks.
pub(super) fn settings(seen: &Seen<'_>) -> Check {
    let name = "broker_settings";
    let Some(advice) = seen.settings else { return well(name, "not looked at yet") };
    if advice.is_empty() {
        return well(name, "as shipped in compose/rabbitmq.conf");
    }
    let lines: Vec<_> = advice.iter().map(Advice::sentence).collect();
    let next = "add the lines and restart RabbitMQ; docs/reference/config.md";
    ill(name, Verdict::Warn, lines.join("; "), next)
}

/// Names the agents whose own queue is gone: each of them connects again and again.
pub(super) fn directed(look: &Look, agents: &[&StoredAgent]) -> Check {
    let Ok(found) = &look.found else { return well("agent_queues", "not looked at") };
    // An agent that was enrolled since the look has its queue.
    let known = agents.iter().filter(|agent| agent.enrolled < look.at);
    let without: Vec<_> = known
        .filter(|agent| !found.directed.contains(&agent.id))
        .map(|agent| agent.id.to_string())
        .collect();
    listed("agent_queues", Verdict::Bad, &without, "agents have no queue of their own", APPLY)
}
