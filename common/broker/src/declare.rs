//! Passive declarations: what a queue holds. Only `muster broker apply` makes queues.

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};

use super::error::AmqpError;
use super::session::SharedConnection;

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait to be delivered.
    pub messages: u64,
    /// Consumers.
    pub consumers: u64,
}

/// Asks with a passive declaration, on a channel that is closed afterwards: a queue that is missing
/// closes it anyway.
pub(super) async fn depth(connection: &SharedConnection, queue: &str) -> Result<Depth, AmqpError> {
    let name = ShortString::try_new(queue)
        .map_err(|error| AmqpError::Config(format!("queue name: {error}")))?;
    let channel = connection.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    #[expect(clippy::disallowed_methods, reason = "the door; passive declares nothing")]
    let asked = channel.queue_declare(name, options, FieldTable::default());
    let answer = connection.bounded(asked).await?;
    let answer = answer.map_err(|error| AmqpError::of_channel(&error, queue))?;
    Ok(Depth { messages: answer.message_count().into(), consumers: answer.consumer_count().into() })
}
