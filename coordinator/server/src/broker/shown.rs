//! The queues that all agents share, as the page about the broker shows them: a question each, whatever else there is.

use muster_api::QueueView;
use muster_protocol::topology;
use serde_json::Value;

use super::apply::queue_path;
use super::management::{Management, ManagementError};
use super::queues::{QueueStatus, bound_of};

/// The shared queues at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedQueues {
    /// Those that are there.
    pub queues: Vec<QueueView>,
    /// Names of those that are not.
    pub missing: Vec<String>,
}

/// Asks for them.
pub fn shared(management: &Management) -> Result<SharedQueues, ManagementError> {
    let mut shared = SharedQueues { queues: Vec::new(), missing: Vec::new() };
    for queue in topology::queues() {
        match management.get(&queue_path(management, &queue.name))? {
            Some(found) => shared.queues.push(view(&found)),
            None => shared.missing.push(queue.name),
        }
    }
    Ok(shared)
}

/// Asks for the version of the broker.
pub fn version(management: &Management) -> Result<String, ManagementError> {
    let overview = management.get("/api/overview")?.unwrap_or_default();
    let text = overview.get("rabbitmq_version").or(overview.get("management_version"));
    Ok(text.and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn view(queue: &Value) -> QueueView {
    let rate = |of: &str| queue.get("message_stats")?.get(of)?.get("rate")?.as_f64();
    let rate = |of: &str| rate(of).filter(|rate| rate.is_finite());
    QueueView {
        in_per_s: rate("publish_details"),
        out_per_s: rate("ack_details"),
        limit_bytes: bound_of(queue, "max-length-bytes"),
        ..of(&QueueStatus::read(queue))
    }
}

/// Shows what a list of queues has of one.
pub fn of(queue: &QueueStatus) -> QueueView {
    QueueView {
        name: queue.id.clone(),
        messages: queue.messages,
        unacked: queue.unsettled,
        bytes: queue.bytes,
        consumers: queue.consumers,
        in_per_s: None,
        out_per_s: None,
        limit_bytes: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_that_the_broker_has_not_taken_yet_are_not_made_up() {
        let new = view(&json!({"name": "rows"}));
        assert_eq!((new.messages, new.in_per_s, new.limit_bytes), (0, None, None));
        let queue = view(&json!({
            "name": "rows", "messages": 9, "messages_unacknowledged": 4,
            "message_bytes": 900, "consumers": 1,
            "message_stats": {"publish_details": {"rate": 2.5}, "ack_details": {"rate": 1.5}},
            "effective_policy_definition": {"max-length-bytes": 100},
        }));
        assert_eq!((queue.messages, queue.unacked, queue.bytes, queue.consumers), (9, 4, 900, 1));
        assert_eq!((queue.in_per_s, queue.out_per_s), (Some(2.5), Some(1.5)));
        assert_eq!(queue.limit_bytes, Some(100));
    }
}
