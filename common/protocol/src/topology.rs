//! The broker's objects as data: names, kinds, arguments, routing keys and permissions.
//!
//! `muster broker apply` alone declares what stands here; no other code names a queue.

mod policies;

use std::fmt;
use std::str::FromStr;

use crate::ids::{AgentId, RequestId};
use crate::limits;

pub use policies::{Policy, policies, policy_of};

/// The stream that every agent reads: the fleet's log.
pub const REQUESTS: &str = "requests";
/// The topic exchange that every agent writes.
pub const RESULTS: &str = "results";
/// What was refused by the coordinator.
pub const DEAD: &str = "results.dead";

/// What the name of a queue begins with that holds one agent's results which were set aside.
pub const HELD: &str = "results.held";

/// The class of a result: the first word of its routing key, and its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// What became of a request.
    Status,
    /// Row chunks.
    Rows,
    /// Blob chunks.
    Blobs,
    /// The 10-second self-sample.
    Telemetry,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Status, Self::Rows, Self::Blobs, Self::Telemetry];

    /// Returns the word in the routing key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Rows => "rows",
            Self::Blobs => "blobs",
            Self::Telemetry => "telemetry",
        }
    }

    /// Returns the queue that the class is bound to.
    pub const fn queue(self) -> &'static str {
        match self {
            Self::Status => "results.status",
            Self::Rows => "results.rows",
            Self::Blobs => "results.blobs",
            Self::Telemetry => "results.telemetry",
        }
    }

    /// Returns the size of its largest message.
    pub const fn message_bytes_max(self) -> u64 {
        match self {
            Self::Status => limits::STATUS_MESSAGE_BYTES_MAX,
            Self::Rows => limits::ROWS_MESSAGE_BYTES_MAX,
            Self::Blobs => limits::BLOBS_MESSAGE_BYTES_MAX,
            Self::Telemetry => limits::TELEMETRY_MESSAGE_BYTES_MAX,
        }
    }

    /// Returns how many of its messages the broker may push before they are settled.
    pub const fn prefetch(self) -> u16 {
        match self {
            Self::Status => limits::STATUS_PREFETCH,
            Self::Rows => limits::ROWS_PREFETCH,
            Self::Blobs => limits::BLOBS_PREFETCH,
            Self::Telemetry => limits::TELEMETRY_PREFETCH,
        }
    }
}

/// A routing key that is not `<class>.<agent>.<request>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("routing key {0:?} is not <class>.<agent>.<request>")]
pub struct BadRoutingKey(pub String);

/// `<class>.<agent>.<request>`; telemetry has `-` for its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKey {
    /// What it is.
    pub class: Class,
    /// The sender, as the broker checked.
    pub agent: AgentId,
    /// On behalf of which request.
    pub request: Option<RequestId>,
}

impl fmt::Display for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.request {
            Some(request) => write!(f, "{}.{}.{request}", self.class.as_str(), self.agent),
            None => write!(f, "{}.{}.-", self.class.as_str(), self.agent),
        }
    }
}

impl FromStr for RoutingKey {
    type Err = BadRoutingKey;
    fn from_str(text: &str) -> Result<Self, BadRoutingKey> {
        let bad = || BadRoutingKey(text.chars().take(120).collect());
        let mut words = text.split('.');
        let (Some(class), Some(agent), Some(request), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad());
        };
        let class = Class::ALL.into_iter().find(|c| c.as_str() == class).ok_or_else(bad)?;
        let agent = AgentId::new(agent).map_err(|_| bad())?;
        let request = match request {
            "-" => None,
            id => Some(id.parse().map_err(|_| bad())?),
        };
        let key = Self { class, agent, request };
        // One spelling only: what does not print as it came is refused.
        if key.to_string() == text { Ok(key) } else { Err(bad()) }
    }
}

/// Returns the directed queue of an agent.
pub fn directed_queue(agent: &AgentId) -> String {
    format!("{REQUESTS}.{agent}")
}

/// Returns the queue of an agent's results that were set aside.
pub fn held_queue(agent: &AgentId) -> String {
    format!("{HELD}.{agent}")
}

/// The kind of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// An append-only log with offsets.
    Stream,
    /// A replicated queue.
    Quorum,
    /// A durable queue on one node.
    Classic,
}

/// The value of a queue argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A word.
    Text(&'static str),
}

/// One queue: everything that its declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name.
    pub name: String,
    /// The kind (`x-queue-type`).
    pub kind: QueueKind,
    /// The other arguments.
    pub arguments: Vec<(&'static str, Argument)>,
    /// The key pattern by which it hangs on the `results` exchange.
    pub binding: Option<String>,
}

fn number(value: u64) -> Argument {
    Argument::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Returns the queues of the fleet. Their bounds are in [`policies()`], so that they can be changed.
pub fn queues() -> Vec<Queue> {
    let requests = Queue {
        name: REQUESTS.to_owned(),
        kind: QueueKind::Stream,
        arguments: vec![("x-stream-max-segment-size-bytes", number(limits::STREAM_SEGMENT_BYTES))],
        binding: None,
    };
    let results = Class::ALL.map(|class| Queue {
        name: class.queue().to_owned(),
        kind: if class == Class::Telemetry { QueueKind::Classic } else { QueueKind::Quorum },
        arguments: Vec::new(),
        binding: Some(format!("{}.#", class.as_str())),
    });
    let dead = Queue {
        name: DEAD.to_owned(),
        kind: QueueKind::Quorum,
        arguments: Vec::new(),
        binding: None,
    };
    std::iter::once(requests).chain(results).chain([dead]).collect()
}

/// Returns the queue that enrolment makes for an agent.
pub fn directed(agent: &AgentId) -> Queue {
    Queue {
        name: directed_queue(agent),
        kind: QueueKind::Classic,
        arguments: Vec::new(),
        binding: None,
    }
}

/// Returns the queue for an agent's results that are set aside. The coordinator makes it when there are any.
pub fn held(agent: &AgentId) -> Queue {
    Queue { name: held_queue(agent), kind: QueueKind::Quorum, arguments: Vec::new(), binding: None }
}

/// Returns the agent that a directed queue belongs to; `None` for any other queue.
pub fn directed_agent(queue: &str) -> Option<AgentId> {
    let agent = queue.strip_prefix(REQUESTS)?.strip_prefix('.')?;
    AgentId::new(agent).ok()
}

/// What a broker user may do: regular expressions, as RabbitMQ takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Declare and delete.
    pub configure: String,
    /// Publish and bind.
    pub write: String,
    /// Consume and get.
    pub read: String,
    /// Routing keys that it may write on `results`.
    pub topic_write: String,
}

/// The routing keys of one agent, and no byte beyond: the library that parses them here knows UTF-8 only. RabbitMQ puts
/// the user's name in; `\z`, because `$` also matches before a line end.
const TOPIC_WRITE: &str =
    r"\A((status|rows|blobs)\.{username}\.[0-9a-f-]{36}|telemetry\.{username}\.-)\z";

/// Returns the rights of one agent's user: its own keys out, the stream and its own queue in.
pub fn agent_permissions(agent: &AgentId) -> Permissions {
    Permissions {
        configure: "^$".to_owned(),
        write: format!("^{RESULTS}$"),
        read: format!(r"^{REQUESTS}(\.{agent})?$"),
        topic_write: TOPIC_WRITE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_results_of_all_classes_fit_into_memory_together() {
        let held = Class::ALL.map(|class| class.message_bytes_max() * u64::from(class.prefetch()));
        let largest = Class::ALL.map(Class::message_bytes_max).into_iter().fold(0, u64::max);
        let aside = largest * u64::from(limits::HELD_PREFETCH);
        assert!(held.iter().sum::<u64>() + aside <= limits::RESULT_UNSETTLED_BYTES_MAX);
        let cap = u64::try_from(limits::RESULT_BYTES_MAX).unwrap();
        assert!(Class::ALL.iter().all(|class| class.message_bytes_max() <= cap));
    }
}
