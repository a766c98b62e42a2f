//! `muster broker status`: what the queues hold and which programs read them, and whether the broker blocks publishers.

use muster_protocol::topology;
use serde::Serialize;

use super::alarms;
use super::management::{Management, ManagementError};
pub use super::queues::QueueStatus;
use super::queues::queues;
use super::settings::Advice;

/// The broker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The broker's version.
    pub broker: String,
    /// Why the broker takes no messages: `low on disk on rabbit@mq1`; `None` while it does.
    pub blocked: Option<String>,
    /// Lines that the broker's configuration lacks; filled in where a connection can be tried.
    pub settings: Vec<Advice>,
    /// The stream and the queues of the fleet.
    pub queues: Vec<QueueStatus>,
    /// Messages in `results.dead`: results that were refused.
    pub dead_letters: u64,
    /// Number of directed queues: enrolled agents, as the broker knows them.
    pub directed_queues: u64,
    /// The fullest directed queues that are not empty.
    pub directed_fullest: Vec<QueueStatus>,
}

/// Directed queues that are printed.
const FULLEST_MAX: usize = 10;

/// Asks the broker.
pub fn status(management: &Management) -> Result<Status, ManagementError> {
    let version = management.check()?;
    let blocked = alarms::blocks(management)?;
    let found = queues(management)?;
    let dead = found.shared.iter().find(|queue| queue.id == topology::DEAD);
    Ok(Status {
        broker: version.text,
        blocked,
        settings: Vec::new(),
        dead_letters: dead.map_or(0, |queue| queue.messages),
        directed_queues: found.directed.len() as u64,
        queues: found.shared,
        directed_fullest: found.fullest.into_iter().take(FULLEST_MAX).collect(),
    })
}
