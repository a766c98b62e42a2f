//! Results come in: checked, committed, and only then acked.
//!
//! One consumer a class. A delivery that passes [`mod@check`] goes to the store's writer without waiting for the ones before it;
//! acks follow in the same order, each after its own commit. What does not pass goes to `results.dead`, confirmed,
//! before it is acked.

pub mod blobs;
pub mod check;
pub mod counted;
pub mod defect;

use std::collections::VecDeque;

use common::amqp::{AmqpError, Delivery, Message, Publisher, Session, Start};
use common::topology::{Class, DEAD};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use crate::core::Core;
use crate::store::{Chunk, Write};
use crate::store::{Landed, Reader, StoreError};
use check::{Outside, Refused, check};
use counted::Came;

/// Why the ingest of one session ended: the session is dropped and made anew.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The broker or the way to it.
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    /// A dead letter could not be published.
    #[error("results.dead: {0}")]
    Dead(#[from] common::amqp::PublishError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A delivery whose write is on its way.
struct Pending {
    delivery: Delivery,
    landed: oneshot::Receiver<Landed>,
    blob: Option<Box<Chunk>>,
    came: Came,
}

/// Consumes one result queue until the session ends.
pub async fn run(
    core: &Core,
    session: &Session,
    publisher: &Publisher,
    class: Class,
) -> Result<(), IngestError> {
    let reader = core.place.reader()?;
    let mut consumer = session.consumer(class.queue(), Start::Queue, class.prefetch()).await?;
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let room = usize::from(class.prefetch());
    loop {
        tokio::select! {
            biased;
            landed = next_landed(&mut pending), if !pending.is_empty() => {
                settle(core, publisher, class, &mut pending, landed?).await?;
            }
            delivery = consumer.next(), if pending.len() < room => {
                let delivery = delivery?;
                let checked = examine(&reader, class, &delivery);
                take(core, publisher, class, delivery, checked, &mut pending).await?;
            }
        }
    }
}

async fn next_landed(pending: &mut VecDeque<Pending>) -> Result<Landed, StoreError> {
    match pending.front_mut() {
        Some(first) => (&mut first.landed).await.map_err(|_| StoreError::Ended),
        None => std::future::pending().await,
    }
}

/// Acks the first of those that wait: its commit is durable. What can never be stored becomes a dead letter.
async fn settle(
    core: &Core,
    publisher: &Publisher,
    class: Class,
    pending: &mut VecDeque<Pending>,
    landed: Landed,
) -> Result<(), IngestError> {
    let Some(first) = pending.pop_front() else { return Ok(()) };
    if let Landed::Refused(why) = landed {
        core.counted.add(first.came, landed);
        core.changed.notify_waiters();
        return bury(core, publisher, class, first.delivery, why).await;
    }
    if let Some(chunk) = first.blob.as_ref().filter(|_| landed != Landed::OverQuota) {
        // Before the ack: after a crash the redelivered chunk brings us here again.
        blobs::assemble(core, chunk).await?;
    }
    core.counted.add(first.came, landed);
    if landed == Landed::Conflict {
        warn!("two different chunks claim one position; the later one is kept as a conflict");
    }
    first.delivery.settle.ack().await?;
    core.changed.notify_waiters();
    Ok(())
}

fn examine(reader: &Reader, class: Class, delivery: &Delivery) -> Result<Write, Refused> {
    if let Some(defect) = &delivery.defect {
        return Err(Refused::Dead(defect.reason.as_str()));
    }
    let outside = Outside {
        class,
        routing_key: &delivery.routing_key,
        kind: &delivery.kind,
        has_cc: delivery.has_cc,
    };
    check(outside, &delivery.body, reader)
}

async fn take(
    core: &Core,
    publisher: &Publisher,
    class: Class,
    delivery: Delivery,
    checked: Result<Write, Refused>,
    pending: &mut VecDeque<Pending>,
) -> Result<(), IngestError> {
    let write = match checked {
        Ok(write) => write,
        Err(Refused::Dead(reason)) => return bury(core, publisher, class, delivery, reason).await,
        Err(Refused::Rejected(reason, run)) => {
            core.writer.write(Write::Rejected(run, reason)).await?;
            return bury(core, publisher, class, delivery, reason).await;
        }
        Err(Refused::Store(problem)) => {
            delivery.settle.leave();
            return Err(problem.into());
        }
    };
    let blob = match &write {
        Write::Chunk(chunk) if chunk.blob.is_some() => Some(Box::new(chunk.clone())),
        _ => None,
    };
    let came = Came::of(class, delivery.body.len(), &write);
    let landed = core.writer.begin(write).await?;
    pending.push_back(Pending { delivery, landed, blob, came });
    Ok(())
}

/// Publishes a refused message to the dead letters, counts it, and acks it.
async fn bury(
    core: &Core,
    publisher: &Publisher,
    class: Class,
    delivery: Delivery,
    reason: &'static str,
) -> Result<(), IngestError> {
    debug!(class = class.as_str(), reason, routing_key = %delivery.routing_key.escape_debug(), "dead letter");
    let message = Message {
        routing_key: DEAD.to_owned(),
        kind: delivery.kind.clone(),
        id: delivery.id.clone(),
        headers: defect::headers(&delivery, reason),
        body: delivery.body,
        persistent: true,
        ..Message::default()
    };
    publisher.publish(message).await?;
    core.writer.write(Write::Dead(class.as_str(), reason)).await?;
    delivery.settle.ack().await?;
    Ok(())
}
