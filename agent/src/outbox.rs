//! Publishes what the journal holds, and deletes only what the broker confirmed and did not return.
//!
//! Statuses have a worker of their own, so that they never wait behind chunks; chunks have
//! [`CHUNKS_IN_FLIGHT_MAX`], so that on a thin line a status is not stuck behind many of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use muster_broker::{AmqpError, Message, PublishError, Publisher};
use muster_protocol::limits::CHUNKS_IN_FLIGHT_MAX;
use muster_protocol::topology::RESULTS;
use muster_runtime::retry::{self, Retry};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::core::{Core, lock};
use crate::journal::Outgoing;

/// Pause before a message is tried again that the broker denied.
const DENIED: Duration = Duration::from_mins(5);

/// Messages that must not be taken up now.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    in_flight: BTreeSet<i64>,
    denied: BTreeMap<i64, Instant>,
}

/// Publishes until the connection is gone.
pub(crate) async fn publish(core: &Core, publisher: &Publisher) -> AmqpError {
    const { assert!(CHUNKS_IN_FLIGHT_MAX == 4, "one worker for each chunk in flight") };
    // What was in flight on an earlier connection has an unknown outcome: again.
    lock(&core.held).in_flight.clear();
    let held = &core.held;
    tokio::select! {
        error = worker(core, publisher, held, false) => error,
        error = worker(core, publisher, held, true) => error,
        error = worker(core, publisher, held, true) => error,
        error = worker(core, publisher, held, true) => error,
        error = worker(core, publisher, held, true) => error,
    }
}

async fn worker(
    core: &Core,
    publisher: &Publisher,
    held: &Mutex<InFlight>,
    is_chunks: bool,
) -> AmqpError {
    let mut changes = core.journal.outbox_changes();
    let mut retry = Retry::new(retry::PUBLISH);
    let mut has_sent_chunks = false;
    loop {
        changes.borrow_and_update();
        let Some(message) = next(core, held, is_chunks) else {
            if std::mem::take(&mut has_sent_chunks) && lock(&core.runs).is_empty() {
                crate::memory::give_back();
            }
            // The sleep is for what was denied or could not be read.
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return gone("the journal is closed") },
                () = sleep(DENIED / 2) => {}
            }
            continue;
        };
        match publisher.publish(wire(&message)).await {
            Ok(()) => {
                retry.reset();
                has_sent_chunks = is_chunks;
                delete(core, &message).await;
            }
            Err(PublishError::Refused(why)) => {
                warn!(key = message.routing_key, error = why, "not taken; trying again");
                sleep(retry.pause()).await;
            }
            Err(PublishError::Denied(why)) => {
                error!(key = message.routing_key, error = why, "the broker denies this message");
                lock(held).denied.insert(message.key, Instant::now());
                return AmqpError::Denied(why);
            }
            Err(PublishError::Gone(why)) => return gone(&why),
        }
        lock(held).in_flight.remove(&message.key);
    }
}

fn gone(why: &str) -> AmqpError {
    AmqpError::Gone(why.to_owned())
}

/// Takes the next message up, so that no other worker does.
fn next(core: &Core, held: &Mutex<InFlight>, is_chunks: bool) -> Option<Outgoing> {
    let mut held = lock(held);
    held.denied.retain(|_, since| since.elapsed() < DENIED);
    let except = held.in_flight.iter().chain(held.denied.keys()).copied().collect();
    match core.journal.outbox_next(is_chunks, &except) {
        Ok(found) => {
            held.in_flight.extend(found.as_ref().map(|message| message.key));
            found
        }
        Err(problem) => {
            error!(error = %problem, "the outbox cannot be read");
            None
        }
    }
}

/// Deletes a confirmed message; while the journal cannot be written, tries again and publishes nothing twice.
async fn delete(core: &Core, message: &Outgoing) {
    let mut retry = Retry::new(retry::JOURNAL);
    while let Err(problem) = core.journal.outbox_confirmed(message) {
        warn!(error = %problem, "a confirmed message cannot be deleted; trying again");
        sleep(retry.pause()).await;
    }
}

fn wire(message: &Outgoing) -> Message {
    Message {
        exchange: RESULTS.to_owned(),
        routing_key: message.routing_key.clone(),
        kind: message.kind.clone(),
        id: message.key.to_string(),
        headers: Vec::new(),
        body: message.body.clone(),
        expiration_ms: None,
        persistent: true,
    }
}
