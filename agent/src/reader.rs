//! Reads the stream and the agent's own queue into the journal, and opens the lanes once both are read to
//! their ends.
//!
//! The stream is taken up **at** the saved offset, not after it: the message there must be the saved one. When
//! it is another, or nothing comes (an offset beyond the end is silence, not an error), the stream was made again
//! and is read from its beginning; ids keep that harmless.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_broker::{AmqpError, Consumer, Delivery, Session, Start};
use muster_protocol::limits::REQUEST_PREFETCH;
use muster_protocol::topology::{REQUESTS, directed_queue};
use muster_runtime::retry;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::core::{Core, lock};
use crate::intake::Source;
use crate::journal::{JournalError, StreamPlace};

/// Once the count of messages says that the end is reached, so short a silence confirms it.
const CONFIRM: Duration = Duration::from_millis(150);
/// Pause before a delivery is tried again that the journal could not take.
const RETRY: Duration = retry::JOURNAL.first();

/// Reads until the connection is gone.
pub(crate) async fn read(core: &Core, session: &Session, quiet: Duration) -> AmqpError {
    let ends = Ends { core, stream: AtomicBool::new(false), directed: AtomicBool::new(false) };
    let result = tokio::select! {
        result = stream(&ends, session, quiet) => result,
        result = directed(&ends, session, quiet) => result,
    };
    match result {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// Which of the two ways in has been read to its end.
struct Ends<'a> {
    core: &'a Core,
    stream: AtomicBool,
    directed: AtomicBool,
}

impl Ends<'_> {
    fn reached(&self, end: &AtomicBool) {
        if !end.swap(true, Ordering::Relaxed)
            && self.stream.load(Ordering::Relaxed)
            && self.directed.load(Ordering::Relaxed)
        {
            lock(&self.core.admission).open();
            self.core.wake.notify_one();
        }
    }
}

async fn directed(
    ends: &Ends<'_>,
    session: &Session,
    quiet: Duration,
) -> Result<std::convert::Infallible, AmqpError> {
    let queue = directed_queue(&ends.core.agent);
    let mut owed = session.depth(&queue).await?.messages;
    let mut consumer = session.consumer(&queue, Start::Queue, REQUEST_PREFETCH).await?;
    if owed == 0 {
        ends.reached(&ends.directed);
    }
    loop {
        let is_open = ends.directed.load(Ordering::Relaxed);
        let Some(delivery) = next(&mut consumer, (!is_open).then_some(quiet)).await? else {
            // The rest is held by a dead consumer of ours, which the broker will notice.
            ends.reached(&ends.directed);
            continue;
        };
        take(ends.core, delivery, Source::Directed).await?;
        owed = owed.saturating_sub(1);
        if owed == 0 {
            ends.reached(&ends.directed);
        }
    }
}

/// What the first delivery after a connect says about the stream.
#[derive(Debug, PartialEq, Eq)]
enum First {
    /// The one that was read last: all is well.
    Known,
    /// Retention took some away.
    Gap(u64, u64),
    /// A new message, as it should be.
    New,
    /// Another stream than the one that was read.
    Recreated,
}

fn judge(saved: Option<StreamPlace>, offset: u64, id: &str) -> First {
    let Some(saved) = saved else { return First::New };
    let is_same = saved.id.map_or_else(
        || id.parse::<muster_protocol::ids::RequestId>().is_err(),
        |saved| saved.to_string() == id,
    );
    match offset.checked_sub(saved.offset) {
        Some(0) if is_same => First::Known,
        Some(0) | None => First::Recreated,
        Some(1) => First::New,
        Some(_) => First::Gap(saved.offset + 1, offset - 1),
    }
}

async fn stream(
    ends: &Ends<'_>,
    session: &Session,
    quiet: Duration,
) -> Result<std::convert::Infallible, AmqpError> {
    let core = ends.core;
    let mut saved = patiently(|| core.journal.stream_place()).await;
    let is_new_journal = saved.is_none();
    let count = session.depth(REQUESTS).await?.messages;
    'stream: loop {
        let start = saved.map_or(Start::StreamFirst, |place| Start::StreamAt(place.offset));
        let mut consumer = session.consumer(REQUESTS, start, REQUEST_PREFETCH).await?;
        let mut is_first = true;
        let mut wait = quiet;
        loop {
            let is_open = ends.stream.load(Ordering::Relaxed);
            let Some(delivery) = next(&mut consumer, (!is_open).then_some(wait)).await? else {
                if is_first && saved.is_some() {
                    warn!(
                        queue = REQUESTS,
                        "nothing at the saved offset: reading the stream from its beginning"
                    );
                    saved = None;
                    patiently(|| core.journal.forget_stream()).await;
                    continue 'stream;
                }
                ends.reached(&ends.stream);
                continue;
            };
            let Some(offset) = delivery.stream_offset else {
                if let Some(defect) = &delivery.defect {
                    patiently(|| core.pass_over(defect, None)).await;
                    delivery.settle.ack().await?;
                    continue;
                }
                error!(queue = REQUESTS, "a delivery without an offset: this is no stream");
                delivery.settle.ack().await?;
                continue;
            };
            if is_first {
                is_first = false;
                match judge(saved, offset, &delivery.id) {
                    First::Known => {
                        delivery.settle.ack().await?;
                        if offset + 1 >= count {
                            wait = CONFIRM.min(quiet);
                        }
                        continue;
                    }
                    First::New => {}
                    First::Gap(from, to) => {
                        warn!(
                            queue = REQUESTS,
                            from, to, "requests were removed before this agent read them"
                        );
                        *lock(&core.stream_gap) = Some((from, to));
                    }
                    First::Recreated => {
                        warn!(
                            queue = REQUESTS,
                            "another stream than before: reading it from its beginning"
                        );
                        delivery.settle.leave();
                        saved = None;
                        patiently(|| core.journal.forget_stream()).await;
                        continue 'stream;
                    }
                }
            }
            let is_history = is_new_journal && !is_open;
            take(core, delivery, Source::Stream { offset, is_history }).await?;
            if offset + 1 >= count {
                wait = CONFIRM.min(quiet);
            }
        }
    }
}

/// Waits for a delivery, without end or until it has been quiet for `wait`.
async fn next(
    consumer: &mut Consumer,
    wait: Option<Duration>,
) -> Result<Option<Delivery>, AmqpError> {
    match wait {
        None => consumer.next().await.map(Some),
        Some(wait) => timeout(wait, consumer.next()).await.map_or(Ok(None), |came| came.map(Some)),
    }
}

/// Journals a delivery and acks it. While the journal cannot be written nothing is acked, and nothing read.
async fn take(core: &Core, delivery: Delivery, source: Source) -> Result<(), AmqpError> {
    if let Some(defect) = &delivery.defect {
        let offset = match source {
            Source::Stream { offset, .. } => Some(offset),
            Source::Directed => None,
        };
        patiently(|| core.pass_over(defect, offset)).await;
    } else {
        let sealed = delivery.sealed();
        patiently(|| core.take(&sealed, source)).await;
    }
    delivery.settle.ack().await
}

async fn patiently<T>(mut work: impl FnMut() -> Result<T, JournalError>) -> T {
    loop {
        match work() {
            Ok(value) => return value,
            Err(problem) => {
                warn!(error = %problem, "the journal cannot be used; nothing is acked until it can");
                sleep(RETRY).await;
                info!("trying the journal again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::ids::RequestId;

    use super::*;

    #[test]
    fn the_first_delivery_tells_one_stream_from_another() {
        let id = RequestId::new();
        let saved = Some(StreamPlace { offset: 5, id: Some(id), epoch: None });
        assert_eq!(judge(None, 0, "x"), First::New);
        assert_eq!(judge(saved, 5, &id.to_string()), First::Known);
        assert_eq!(judge(saved, 5, &RequestId::new().to_string()), First::Recreated);
        assert_eq!(judge(saved, 0, &id.to_string()), First::Recreated);
        assert_eq!(judge(saved, 6, "x"), First::New);
        assert_eq!(judge(saved, 9, "x"), First::Gap(6, 8));
        let nameless = Some(StreamPlace { offset: 5, id: None, epoch: None });
        assert_eq!(judge(nameless, 5, "no id"), First::Known);
        assert_eq!(judge(nameless, 5, &id.to_string()), First::Recreated);
        assert_eq!(judge(nameless, 5, ""), First::Known, "what could not be read has no id");
    }
}
