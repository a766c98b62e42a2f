//! The bounds of the queues as RabbitMQ's policies: unlike a queue's arguments they can be changed while it holds messages.

use super::{Argument, Class, DEAD, HELD, REQUESTS, number};
use crate::limits;

/// Above what a site's own policies usually have; RabbitMQ applies one policy per queue, the highest.
const PRIORITY: i64 = 100;

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name.
    pub name: &'static str,
    /// The names of queues that it is for: a regular expression.
    pub pattern: String,
    /// Which policy applies where several match.
    pub priority: i64,
    /// What it sets.
    pub definition: Vec<(&'static str, Argument)>,
}

impl Policy {
    fn new(name: &'static str, pattern: String, definition: Vec<(&'static str, Argument)>) -> Self {
        Self { name, pattern, priority: PRIORITY, definition }
    }
}

/// Returns the policies of the fleet for a broker of this major version.
pub fn policies(major: u32) -> Vec<Policy> {
    let exactly = |queue: &str| format!("^{}$", queue.replace('.', r"\."));
    let bytes = |max: u64| ("max-length-bytes", number(max));
    let overflow = |how| ("overflow", Argument::Text(how));
    let stream = vec![("max-age", Argument::Text("30D")), bytes(limits::STREAM_BYTES_MAX)];
    let kept_until_acked = |max: u64| {
        let mut results = vec![bytes(max), overflow("reject-publish")];
        if major >= 4 {
            // 4.0 counts every acquisition, so a crashing coordinator would condemn good chunks: its default drops
            // a message at the 21st delivery. 3.10 has no limit by default, and refuses a policy with -1.
            results.push(("delivery-limit", Argument::Number(-1)));
        }
        results
    };
    let results = kept_until_acked(limits::RESULT_QUEUE_BYTES_MAX);
    let held = kept_until_acked(limits::HELD_QUEUE_BYTES_MAX);
    let of_agents = |prefix: &str| format!(r"^{}\.[a-z0-9-]+$", prefix.replace('.', r"\."));
    let words = [Class::Status, Class::Rows, Class::Blobs].map(Class::queue).join("|");
    let telemetry = vec![
        ("max-length", number(limits::TELEMETRY_QUEUE_MESSAGES_MAX)),
        bytes(limits::TELEMETRY_QUEUE_BYTES_MAX),
        overflow("drop-head"),
        ("message-ttl", Argument::Number(600_000)),
    ];
    let dead = vec![bytes(limits::DEAD_QUEUE_BYTES_MAX), overflow("drop-head")];
    let directed = vec![
        ("max-length", number(limits::DIRECTED_QUEUE_MESSAGES_MAX)),
        overflow("reject-publish"),
    ];
    vec![
        Policy::new("muster-requests", exactly(REQUESTS), stream),
        Policy::new("muster-results", format!("^({})$", words.replace('.', r"\.")), results),
        Policy::new("muster-telemetry", exactly(Class::Telemetry.queue()), telemetry),
        Policy::new("muster-dead", exactly(DEAD), dead),
        Policy::new("muster-directed", of_agents(REQUESTS), directed),
        Policy::new("muster-held", of_agents(HELD), held),
    ]
}

/// Returns the name of the policy that bounds a queue.
pub fn policy_of(queue: &str) -> &'static str {
    match queue {
        REQUESTS => "muster-requests",
        DEAD => "muster-dead",
        _ if queue == Class::Telemetry.queue() => "muster-telemetry",
        _ if queue.starts_with(REQUESTS) => "muster-directed",
        _ if queue.starts_with(HELD) => "muster-held",
        _ => "muster-results",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_named_by_one_pattern() {
        let patterns: Vec<_> = policies(3).into_iter().map(|policy| policy.pattern).collect();
        assert_eq!(
            patterns,
            [
                r"^requests$",
                r"^(results\.status|results\.rows|results\.blobs)$",
                r"^results\.telemetry$",
                r"^results\.dead$",
                r"^requests\.[a-z0-9-]+$",
                r"^results\.held\.[a-z0-9-]+$",
            ]
        );
    }

    #[test]
    fn only_a_broker_that_counts_deliveries_is_told_not_to() {
        let has_limit = |major| format!("{:?}", policies(major)).contains("delivery-limit");
        assert!(has_limit(4) && !has_limit(3));
    }

    #[test]
    fn every_queue_has_its_policy() {
        for queue in super::super::queues() {
            assert!(policies(4).iter().any(|policy| policy.name == policy_of(&queue.name)));
        }
    }
}
