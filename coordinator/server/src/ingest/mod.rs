//! Results come in: checked, committed, and only then acked.
//!
//! One consumer a class. A delivery that passes [`mod@check`] goes to the store's writer without waiting for the ones before it;
//! acks follow in the same order, each after its own commit. What does not pass is gathered and moved to the dead letters
//! ([`dead_letters`]) while the loop goes on; what its agent may not send now is set aside ([`held`]).

pub mod blobs;
pub mod check;
pub mod dead_letters;
pub mod defect;
pub mod held;
pub mod quarantine;
pub mod sweep;
pub mod targeted;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use muster_broker::{
    AmqpError, Consumer, Delivery, PublishError, Publisher, Session, Settle, Start,
};
use muster_protocol::ids::AgentId;
use muster_protocol::limits::TARGET_LOOK_MS;
use muster_protocol::topology::Class;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::core::Core;
use crate::live::counters::Received;
use crate::store::{AttemptKey, Chunk, Write};
use crate::store::{Reader, StoreError, WriteOutcome};
use check::{Envelope, Refused, check_body, check_outside};
use dead_letters::{DeadLetterBatch, dead_letter};
use targeted::{Answer, Targeting, Verdict};

/// Why the ingest of one session ended: the session is dropped and made again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The broker or the way to it.
    #[error(transparent)]
    Amqp(#[from] AmqpError),
    /// A result could not be published where it was to be moved.
    #[error("a result cannot be moved: {0}")]
    Dead(#[from] muster_broker::PublishError),
    /// The broker's management API.
    #[error("{0}")]
    Broker(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Returns whether the session is as good as before: a queue was full or missing, or the management API away.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Dead(PublishError::Refused(_)) | Self::Broker(_))
    }
}

/// A delivery whose write is on its way.
struct Pending {
    delivery: Delivery,
    landed: oneshot::Receiver<WriteOutcome>,
    blob: Option<Box<Chunk>>,
    came: Received,
}

/// Consumes one result queue until the session ends.
pub async fn run(
    core: &Core,
    session: &Session,
    publisher: &Publisher,
    class: Class,
) -> Result<(), IngestError> {
    let reader = core.place.reader()?;
    let consumer = session.consumer(class.queue(), Start::Queue, class.prefetch()).await?;
    let lane = Lane {
        core,
        publisher,
        class,
        reader,
        consumer,
        pending: VecDeque::new(),
        dead_batch: DeadLetterBatch::default(),
        dead_lettering: None,
        assembling: Vec::new(),
        aside: held::Batch::default(),
        moving: None,
        targeting: Targeting::default(),
    };
    lane.run().await
}

/// The word for a result of an agent that the request is not for.
const NOT_TARGETED: &str = "not_targeted";

/// Work that goes on beside the consumer's loop.
type Work<'a> = Pin<Box<dyn Future<Output = Result<(), IngestError>> + Send + 'a>>;

/// One class: its deliveries, and what has become of those that are not acked yet. The broker's prefetch bounds all of
/// them together.
struct Lane<'a> {
    core: &'a Core,
    publisher: &'a Publisher,
    class: Class,
    reader: Reader,
    consumer: Consumer,
    pending: VecDeque<Pending>,
    dead_batch: DeadLetterBatch,
    dead_lettering: Option<Work<'a>>,
    assembling: Vec<Work<'a>>,
    aside: held::Batch,
    moving: Option<Work<'a>>,
    targeting: Targeting,
}

/// What is to be done with a delivery.
enum Checked {
    /// It is stored.
    Good(Box<Write>),
    /// It is refused.
    Dead(&'static str),
    /// It is refused, and its attempt can never be complete without it.
    Rejected(&'static str, Box<AttemptKey>),
    /// It is set aside.
    Aside(AgentId),
    /// A sample of an agent in quarantine, or over its share: the next one says the same.
    Dropped,
    /// The request is not for its agent, by what the agent has reported.
    Untargeted(Answer),
}

impl Checked {
    fn refused(why: Refused) -> Result<Self, StoreError> {
        match why {
            Refused::Dead(reason) => Ok(Self::Dead(reason)),
            Refused::Rejected(reason, run) => Ok(Self::Rejected(reason, run)),
            Refused::Store(problem) => Err(problem),
        }
    }
}

impl Lane<'_> {
    async fn run(mut self) -> Result<(), IngestError> {
        let look = Duration::from_millis(TARGET_LOOK_MS);
        let mut next_look = Instant::now();
        loop {
            let due = self.dead_batch.due().filter(|_| self.dead_lettering.is_none());
            let aside_due = self.aside.due().filter(|_| self.moving.is_none());
            tokio::select! {
                biased;
                landed = next_landed(&mut self.pending), if !self.pending.is_empty() => {
                    self.settle(landed?).await?;
                }
                assembled = finish_any(&mut self.assembling) => assembled?,
                lettered = finish(&mut self.dead_lettering) => lettered?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    let letters = self.dead_batch.take();
                    let work = dead_letter(self.core, self.publisher, self.class, letters);
                    self.dead_lettering = Some(Box::pin(work));
                }
                moved = finish(&mut self.moving) => moved?,
                () = sleep_until(aside_due.unwrap_or_else(Instant::now)), if aside_due.is_some() => {
                    let work = held::set_aside(self.core, self.publisher, self.aside.take());
                    self.moving = Some(Box::pin(work));
                }
                () = sleep_until(next_look), if self.targeting.is_waiting() => {
                    next_look = Instant::now() + look;
                    self.look_again().await?;
                }
                delivery = self.consumer.next() => self.take(delivery?).await?,
            }
        }
    }

    async fn take(&mut self, delivery: Delivery) -> Result<(), IngestError> {
        match self.examine(&delivery) {
            Ok(Checked::Good(write)) => self.begin(delivery, *write).await?,
            Ok(Checked::Dead(reason)) => self.dead_batch.add(delivery, reason),
            Ok(Checked::Rejected(reason, run)) => {
                // Durable before the ack: the writer has it before the count of the dead letter.
                drop(self.core.writer.begin(Write::Rejected(run, reason)).await?);
                self.dead_batch.add(delivery, reason);
            }
            Ok(Checked::Dropped) => delivery.settle.ack().await?,
            Ok(Checked::Untargeted(answer)) if self.targeting.has_room(&answer) => {
                self.targeting.wait(delivery, answer);
            }
            // The untargeted: later, when fewer wait.
            Ok(Checked::Aside(agent) | Checked::Untargeted((_, agent))) => {
                self.aside.add(agent, delivery);
            }
            Err(problem) => {
                delivery.settle.leave();
                return Err(problem.into());
            }
        }
        Ok(())
    }

    fn examine(&mut self, delivery: &Delivery) -> Result<Checked, StoreError> {
        if let Some(defect) = &delivery.defect {
            return Ok(Checked::Dead(defect.reason.as_str()));
        }
        let outside = Envelope {
            class: self.class,
            routing_key: &delivery.routing_key,
            kind: &delivery.kind,
            has_cc: delivery.has_cc,
        };
        let key = match check_outside(outside, &self.reader) {
            Ok(key) => key,
            Err(refused) => return Checked::refused(refused),
        };
        let is_within = self.core.shares.take(&key.agent, delivery.body.len(), Instant::now());
        if self.core.held.is_quarantined(&key.agent) || !is_within {
            return Ok(match self.class {
                Class::Telemetry => Checked::Dropped,
                _ => Checked::Aside(key.agent),
            });
        }
        if let Some(request) = key.request {
            let answer = (request, key.agent.clone());
            match self.targeting.verdict(&self.reader, &answer)? {
                Verdict::Meant => {}
                Verdict::NotYet => return Ok(Checked::Untargeted(answer)),
                Verdict::Never => return Ok(Checked::Dead(NOT_TARGETED)),
            }
        }
        match check_body(outside, &key, &delivery.body, &self.reader) {
            Ok(write) => Ok(Checked::Good(Box::new(write))),
            Err(refused) => Checked::refused(refused),
        }
    }

    /// Hands a write to the store; its ack follows when it is durable.
    async fn begin(&mut self, delivery: Delivery, write: Write) -> Result<(), IngestError> {
        let blob = match &write {
            Write::Chunk(chunk) if chunk.blob.is_some() => Some(Box::new(chunk.key())),
            _ => None,
        };
        let came = Received::of(self.class, delivery.body.len(), &write);
        let landed = self.core.writer.begin(write).await?;
        self.pending.push_back(Pending { delivery, landed, blob, came });
        Ok(())
    }

    /// Acks the first of those that wait: its commit is durable. A blob that it completes is put together before the ack:
    /// after a crash the redelivered chunk leads here again. What can never be stored becomes a dead letter.
    async fn settle(&mut self, landed: WriteOutcome) -> Result<(), IngestError> {
        let Some(first) = self.pending.pop_front() else { return Ok(()) };
        self.core.counters.add(first.came, landed);
        match (landed, first.blob) {
            (WriteOutcome::Refused(why), _) => self.dead_batch.add(first.delivery, why),
            (WriteOutcome::Complete, Some(chunk)) => {
                let work = complete(self.core, chunk, first.delivery.settle);
                self.assembling.push(Box::pin(work));
                return Ok(());
            }
            (landed, _) => {
                if landed == WriteOutcome::Conflict {
                    let class = self.class.as_str();
                    warn!(class, "a chunk contradicts what is stored; its attempt fails");
                }
                first.delivery.settle.ack().await?;
            }
        }
        Ok(())
    }

    /// Looks again at the deliveries that wait for what their agents report.
    async fn look_again(&mut self) -> Result<(), IngestError> {
        for (waiting, verdict) in self.targeting.decided(&self.reader)? {
            if verdict == Verdict::Meant {
                self.take(waiting.delivery).await?;
            } else {
                self.dead_batch.add(waiting.delivery, NOT_TARGETED);
            }
        }
        Ok(())
    }
}

/// Puts a blob together, then acks the chunk that completed it.
async fn complete(core: &Core, chunk: Box<Chunk>, settle: Settle) -> Result<(), IngestError> {
    blobs::assemble(core, &chunk).await?;
    settle.ack().await?;
    Ok(())
}

/// Waits for any of the works that go on, and forgets it; without any it waits without end.
async fn finish_any(works: &mut Vec<Work<'_>>) -> Result<(), IngestError> {
    poll_fn(|context| {
        let done =
            works.iter_mut().enumerate().find_map(|(at, work)| match work.as_mut().poll(context) {
                Poll::Ready(outcome) => Some((at, outcome)),
                Poll::Pending => None,
            });
        let Some((at, outcome)) = done else { return Poll::Pending };
        drop(works.swap_remove(at));
        Poll::Ready(outcome)
    })
    .await
}

/// Waits for the work that goes on, and forgets it; without any it waits without end.
async fn finish(work: &mut Option<Work<'_>>) -> Result<(), IngestError> {
    let Some(running) = work else { return std::future::pending().await };
    let outcome = running.await;
    *work = None;
    outcome
}

async fn next_landed(pending: &mut VecDeque<Pending>) -> Result<WriteOutcome, StoreError> {
    match pending.front_mut() {
        Some(first) => (&mut first.landed).await.map_err(|_| StoreError::Ended),
        None => std::future::pending().await,
    }
}
