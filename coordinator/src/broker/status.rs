//! `muster broker status`: what the queues hold and who reads them.

use common::topology;
use serde::Serialize;
use serde_json::Value;

use super::apply::queue_path;
use super::management::{Management, ManagementError};

/// How many directed queues are shown one by one.
const DIRECTED_SHOWN: usize = 10;

/// One queue. Figures are the broker's own, up to 5 s old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueStatus {
    /// The name.
    pub id: String,
    /// `stream`, `quorum` or `classic`; empty while it is missing.
    pub kind: String,
    /// `running`, `down`, … or `missing`.
    pub state: String,
    /// Messages in all.
    pub messages: u64,
    /// Delivered, but not settled yet.
    pub unsettled: u64,
    /// Bytes of the messages.
    pub bytes: u64,
    /// Consumers.
    pub consumers: u64,
}

/// The broker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The broker's version.
    pub broker: String,
    /// The stream and the queues of the fleet.
    pub queues: Vec<QueueStatus>,
    /// Messages in `results.dead`: results that were refused.
    pub dead_letters: u64,
    /// Number of directed queues: enrolled agents, as the broker knows them.
    pub directed_queues: u64,
    /// The fullest directed queues that are not empty.
    pub directed_fullest: Vec<QueueStatus>,
}

/// Asks the broker.
pub fn status(management: &Management) -> Result<Status, ManagementError> {
    let version = management.check()?;
    let mut queues = Vec::new();
    for queue in topology::queues(version.major) {
        let found = management.get(&queue_path(management, &queue.name))?;
        queues.push(match found {
            Some(found) => read(&found),
            None => {
                QueueStatus { id: queue.name, state: "missing".to_owned(), ..read(&Value::Null) }
            }
        });
    }
    let dead = queues.iter().find(|queue| queue.id == topology::DEAD);
    let dead_letters = dead.map_or(0, |queue| queue.messages);
    let path = format!(
        "/api/queues/{}?page=1&page_size={DIRECTED_SHOWN}&use_regex=true&name=%5E{}%5C.\
         &sort=messages&sort_reverse=true",
        management.vhost_segment(),
        topology::REQUESTS,
    );
    let page = management.get(&path)?.unwrap_or_default();
    let shown = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let directed_fullest = shown.map(read).filter(|queue| queue.messages > 0).collect();
    let directed_queues = number(&page, "filtered_count");
    Ok(Status { broker: version.text, queues, dead_letters, directed_queues, directed_fullest })
}

fn read(queue: &Value) -> QueueStatus {
    let text = |name: &str| queue.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    QueueStatus {
        id: text("name"),
        kind: text("type"),
        state: text("state"),
        messages: number(queue, "messages"),
        unsettled: number(queue, "messages_unacknowledged"),
        bytes: number(queue, "message_bytes"),
        consumers: number(queue, "consumers"),
    }
}

/// Reads a count; one that the broker has not taken yet is 0.
fn number(document: &Value, name: &str) -> u64 {
    document.get(name).and_then(Value::as_u64).unwrap_or(0)
}
