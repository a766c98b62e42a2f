//! The broker and what was set aside.

use serde::{Deserialize, Serialize};
#[cfg(test)]
use utoipa::ToSchema;

use crate::{BrokerHealth, Time};

/// `GET /api/v1/broker`: asked of the broker at most every five seconds, for all callers together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct BrokerView {
    /// The link to it.
    pub link: BrokerHealth,
    /// Its version; empty until it was asked.
    pub version: String,
    /// Why the figures are old or missing; empty where they are not.
    pub trouble: String,
    /// The queues of results.
    pub queues: Vec<QueueView>,
    /// Agents whose own queue is not empty; nothing where it is not known, or there are more than are listed.
    pub directed_waiting: Option<u64>,
    /// The fullest of them: at most 50.
    pub directed: Vec<QueueView>,
    /// When these were looked at: at most a minute ago while the broker answers.
    pub directed_as_of: Option<Time>,
    /// When the broker was asked.
    pub as_of: Option<Time>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Messages in it.
    pub messages: u64,
    /// Of them: handed out and not acknowledged yet.
    pub unacked: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Consumers.
    pub consumers: u64,
    /// Messages that came a second, where the broker says so.
    pub in_per_s: Option<f64>,
    /// Messages that went a second.
    pub out_per_s: Option<f64>,
    /// Bytes that it may hold; nothing where it has no bound.
    pub limit_bytes: Option<u64>,
}

/// One reason for which messages were set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct DeadView {
    /// Which queue they came from: `rows`, `status`, …
    pub class: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the last one was.
    pub last: Time,
}
