//! The broker's objects as data: names, kinds, arguments, routing keys and permissions.
//!
//! `muster broker apply` is the only one that declares what stands here; nobody else names a queue.

use std::fmt;
use std::str::FromStr;

use crate::ids::{AgentId, RequestId};
use crate::limits;

/// The stream that every agent reads: the fleet's log.
pub const REQUESTS: &str = "requests";
/// The topic exchange that every agent writes.
pub const RESULTS: &str = "results";
/// What was refused by the coordinator.
pub const DEAD: &str = "results.dead";

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
    /// Who says it, as the broker checked.
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

fn result_queue(class: Class, major: u32) -> Queue {
    let mut arguments = vec![
        ("x-max-length-bytes", number(limits::RESULT_QUEUE_BYTES_MAX)),
        ("x-overflow", Argument::Text("reject-publish")),
    ];
    if major >= 4 {
        // 4.0 counts every acquisition, so a crashing coordinator would condemn good chunks: its default drops
        // a message at the 21st delivery. 3.10 has no limit by default, but takes -1 and drops at the second.
        arguments.push(("x-delivery-limit", Argument::Number(-1)));
    }
    let binding = Some(format!("{}.#", class.as_str()));
    Queue { name: class.queue().to_owned(), kind: QueueKind::Quorum, arguments, binding }
}

/// Returns the queues of the fleet for a broker of this major version.
pub fn queues(major: u32) -> Vec<Queue> {
    let requests = Queue {
        name: REQUESTS.to_owned(),
        kind: QueueKind::Stream,
        arguments: vec![
            ("x-max-age", Argument::Text("30D")),
            ("x-max-length-bytes", number(limits::STREAM_BYTES_MAX)),
            ("x-stream-max-segment-size-bytes", number(limits::STREAM_SEGMENT_BYTES)),
        ],
        binding: None,
    };
    let telemetry = Queue {
        name: Class::Telemetry.queue().to_owned(),
        kind: QueueKind::Classic,
        arguments: vec![
            ("x-max-length", number(limits::TELEMETRY_QUEUE_MESSAGES_MAX)),
            ("x-overflow", Argument::Text("drop-head")),
            ("x-message-ttl", Argument::Number(600_000)),
        ],
        binding: Some("telemetry.#".to_owned()),
    };
    let dead = Queue {
        name: DEAD.to_owned(),
        kind: QueueKind::Quorum,
        arguments: vec![
            ("x-max-length-bytes", number(limits::DEAD_QUEUE_BYTES_MAX)),
            ("x-overflow", Argument::Text("drop-head")),
        ],
        binding: None,
    };
    let results = [Class::Status, Class::Rows, Class::Blobs];
    let results = results.into_iter().map(|class| result_queue(class, major));
    std::iter::once(requests).chain(results).chain([telemetry, dead]).collect()
}

/// Returns the queue that enrolment makes for an agent.
pub fn directed(agent: &AgentId) -> Queue {
    Queue {
        name: directed_queue(agent),
        kind: QueueKind::Classic,
        arguments: vec![
            ("x-max-length", number(limits::DIRECTED_QUEUE_MESSAGES_MAX)),
            ("x-overflow", Argument::Text("reject-publish")),
        ],
        binding: None,
    }
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

/// Returns the rights of one agent's user: its own keys out, the stream and its own queue in.
pub fn agent_permissions(agent: &AgentId) -> Permissions {
    Permissions {
        configure: "^$".to_owned(),
        write: format!("^{RESULTS}$"),
        read: format!(r"^{REQUESTS}(\.{agent})?$"),
        topic_write: r"^(status|rows|blobs|telemetry)\.{username}\..*$".to_owned(),
    }
}
