//! Reads a queue or a stream. Each delivery must be settled; streams are only ever acked.
//!
//! There is no nack: on a stream it stalls the consumer for good (RabbitMQ 3.10), and poison is the
//! reader's decision: it publishes it elsewhere and then acks.

use std::fmt;
use std::sync::Arc;

use futures_lite::StreamExt as _;
use lapin::options::BasicAckOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, Channel};
use serde_bytes::ByteBuf;
use tracing::{debug, error};

use super::error::AmqpError;
use super::filter::Defect;
use super::session::SharedConnection;
use muster_protocol::request::Sealed;

/// Where to start reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A queue that is not a stream.
    Queue,
    /// A stream, from its first message that is kept.
    StreamFirst,
    /// A stream, from what is published from now on.
    StreamNext,
    /// A stream, at this offset. When it is no longer kept the first kept one comes; **when it is beyond the
    /// end nothing comes, without an error**.
    StreamAt(u64),
}

impl Start {
    pub(super) fn arguments(self) -> FieldTable {
        let mut table = FieldTable::default();
        let offset = match self {
            Self::Queue => return table,
            Self::StreamFirst => AMQPValue::LongString("first".into()),
            Self::StreamNext => AMQPValue::LongString("next".into()),
            Self::StreamAt(offset) => {
                AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX))
            }
        };
        table.insert("x-stream-offset".into(), offset);
        table
    }
}

/// Reads one queue on a channel of its own.
pub struct Consumer {
    connection: Arc<SharedConnection>,
    _channel: Channel,
    stream: lapin::Consumer,
    queue: String,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Consumer {
    pub(super) fn new(
        connection: Arc<SharedConnection>,
        channel: Channel,
        stream: lapin::Consumer,
        queue: &str,
    ) -> Self {
        Self { connection, _channel: channel, stream, queue: queue.to_owned() }
    }

    /// Waits for the next delivery, for as long as it takes. An error is the end: drop the session and
    /// connect again. May be cancelled without loss.
    pub async fn next(&mut self) -> Result<Delivery, AmqpError> {
        let came = tokio::select! {
            biased;
            came = self.stream.next() => came,
            () = self.connection.gone() => {
                return Err(AmqpError::Gone("the connection was dropped".to_owned()));
            }
        };
        match came {
            Some(Ok(delivery)) => Ok(Delivery::new(&self.connection, &self.queue, delivery)),
            Some(Err(error)) => Err(AmqpError::of_channel(&error, &self.queue)),
            None if self.connection.is_gone() => {
                Err(AmqpError::Gone("the connection was closed".to_owned()))
            }
            None => Err(AmqpError::Missing {
                queue: self.queue.clone(),
                cause: "the broker ended the consumer".to_owned(),
            }),
        }
    }
}

/// One message, and the duty to settle it.
pub struct Delivery {
    /// The routing key: on `results` the broker has checked its agent.
    pub routing_key: String,
    /// The exchange that it was published to.
    pub exchange: String,
    /// The `type` property; empty when there is none.
    pub kind: String,
    /// The `message_id` property; empty when there is none.
    pub id: String,
    /// Whether the publisher asked for further routing keys (`CC`, `BCC`): RabbitMQ 3.10 does not check those
    /// against the user's rights, so such a message is not to be believed.
    pub has_cc: bool,
    /// Whether the broker delivered it before.
    pub redelivered: bool,
    /// Its offset, on a stream. Offsets grow but have holes: the broker uses one up at each new segment.
    pub stream_offset: Option<u64>,
    /// What is wrong with it, when it did not arrive as it was: then key, properties and body are not to be
    /// taken for the sender's.
    pub defect: Option<Defect>,
    /// The body.
    pub body: Vec<u8>,
    /// The duty.
    pub settle: Settle,
    headers: Option<FieldTable>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("routing_key", &self.routing_key)
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("stream_offset", &self.stream_offset)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Delivery {
    fn new(
        connection: &Arc<SharedConnection>,
        queue: &str,
        delivery: lapin::message::Delivery,
    ) -> Self {
        let properties = delivery.properties;
        let text = |value: &Option<lapin::types::ShortString>| {
            value.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let headers = properties.headers().clone();
        let named = |name: &str| headers.as_ref().is_some_and(|table| table.contains_key(name));
        let offset = headers.as_ref().and_then(|t| t.inner().get("x-stream-offset"));
        let stream_offset = match offset {
            Some(AMQPValue::LongLongInt(offset)) => u64::try_from(*offset).ok(),
            _ => None,
        };
        Self {
            routing_key: delivery.routing_key.to_string(),
            exchange: delivery.exchange.to_string(),
            kind: text(properties.kind()),
            id: text(properties.message_id()),
            has_cc: named("CC") || named("BCC"),
            redelivered: delivery.redelivered,
            stream_offset,
            defect: headers.as_ref().and_then(Defect::of),
            body: delivery.data,
            settle: Settle {
                connection: Arc::clone(connection),
                acker: delivery.acker,
                queue: queue.to_owned(),
                settled: false,
            },
            headers,
        }
    }

    /// Returns the bytes of a header, whether it came as a byte array or as a string.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        match self.headers.as_ref()?.inner().get(name)? {
            AMQPValue::ByteArray(bytes) => Some(bytes.as_slice()),
            AMQPValue::LongString(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// Returns the request that the message carries, unverified; what is missing is empty.
    pub fn sealed(&self) -> Sealed {
        let header = |name| ByteBuf::from(self.header(name).unwrap_or_default());
        Sealed {
            kind: self.kind.clone(),
            id: self.id.clone(),
            body: ByteBuf::from(self.body.as_slice()),
            sig: header("sig"),
            cert: header("cert"),
        }
    }
}

/// The duty to settle a delivery. Dropped unsettled while the connection lives, it logs an error: the broker
/// would hold the message back permanently.
#[must_use = "a delivery must be settled"]
pub struct Settle {
    connection: Arc<SharedConnection>,
    acker: Acker,
    queue: String,
    settled: bool,
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settle").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Settle {
    /// Acks the delivery.
    pub async fn ack(self) -> Result<(), AmqpError> {
        self.settle(false).await
    }

    /// Acks this delivery and all before it on the same consumer.
    pub async fn ack_up_to(self) -> Result<(), AmqpError> {
        self.settle(true).await
    }

    /// Leaves the delivery to a later [`Settle::ack_up_to`] of the same consumer.
    pub fn covered(mut self) {
        self.settled = true;
    }

    /// Leaves the delivery unsettled on purpose, because its session is about to be closed: it comes again.
    pub fn leave(mut self) {
        self.settled = true;
    }

    async fn settle(mut self, multiple: bool) -> Result<(), AmqpError> {
        self.settled = true;
        let ack = self.acker.ack(BasicAckOptions { multiple });
        match self.connection.bounded(ack).await? {
            Ok(true) => Ok(()),
            Ok(false) => Err(AmqpError::Gone("the channel of the delivery is closed".to_owned())),
            Err(error) => Err(AmqpError::of_channel(&error, &self.queue)),
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.connection.is_gone() || self.acker.poisoned() {
            debug!(queue = %self.queue, "a delivery ended with its connection; it comes again");
        } else {
            error!(queue = %self.queue, "a delivery was dropped unsettled; the broker holds it back");
        }
    }
}
