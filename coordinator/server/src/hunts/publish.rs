//! Hands requests that are on record to the broker: each once, as far as anybody can tell.
//!
//! A request is published by whoever holds its [`Turn`]: the launch, or the search for what is owed. What the broker has
//! confirmed is recorded at once, for each agent's own queue by itself, so that a full queue does not have the others
//! asked again and again. Only a death between confirm and record publishes twice; ids make that harmless.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use muster_broker::{Message, PublishError, Publisher};
use muster_protocol::ids::RequestId;
use muster_protocol::topology::{REQUESTS, directed_queue};

use super::launch::{DIRECTED, OWN};
use super::lists;
use crate::core::Core;
use crate::store::{StoreError, Write};

/// A hunt never overtakes its list.
const LIST_FIRST: &str = "parts of the hunt's list of hashes go first";

/// The requests that are being published. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    held: Arc<Mutex<BTreeSet<RequestId>>>,
}

/// The right to publish one request, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    request: RequestId,
}

impl Turns {
    /// Takes the turn of a request; `None` while somebody else has it.
    pub fn take(&self, request: RequestId) -> Option<Turn> {
        let is_free = self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(request);
        is_free.then(|| Turn { turns: self.clone(), request })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

/// Publishes what the broker has not confirmed of a request; `Ok` when it has confirmed everything.
pub async fn publish(core: &Core, publisher: &Publisher, turn: &Turn) -> Result<(), PublishError> {
    let id = turn.request;
    let known = core.read(move |reader| reader.request(&id)).await.map_err(away)?;
    // Read with the turn in hand: whoever had it before may have done the work. What was let go has expired.
    let Some(request) =
        known.filter(|known| !known.is_published && known.route != OWN && !known.is_let_go())
    else {
        return Ok(());
    };
    let behind = {
        let request = request.clone();
        core.read(move |reader| lists::behind(reader, &request)).await.map_err(away)?
    };
    if request.route == DIRECTED {
        let left = request.not_after.since_ms(core.clock.now());
        let mut refused = None;
        for agent in core.read(move |reader| reader.unsent(&id)).await.map_err(away)? {
            if behind.agents.contains(&agent) {
                refused = Some(PublishError::Refused(format!("{agent}: {LIST_FIRST}")));
                continue;
            }
            let mut message = Message::request(&request.sealed, &directed_queue(&agent));
            // What nobody fetched while it was valid is of no use later.
            message.expiration_ms = Some(u64::try_from(left).unwrap_or(0).max(1));
            match publisher.publish(message).await {
                Ok(()) => core.writer.write(Write::Sent(id, agent)).await.map_err(away)?,
                // This queue is full or gone; the others are not.
                Err(PublishError::Refused(why)) => {
                    refused = Some(PublishError::Refused(format!("{agent}: {why}")));
                    continue;
                }
                Err(problem) => return Err(problem),
            };
        }
        if let Some(problem) = refused {
            return Err(problem);
        }
    } else if behind.is_stream {
        return Err(PublishError::Refused(LIST_FIRST.to_owned()));
    } else {
        publisher.publish(Message::request(&request.sealed, REQUESTS)).await?;
    }
    core.writer.write(Write::Published(id)).await.map(drop).map_err(away)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn away(error: StoreError) -> PublishError {
    PublishError::Gone(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_turn_a_request() {
        let turns = Turns::default();
        let (one, two) = (RequestId::new(), RequestId::new());
        let held = turns.take(one).unwrap();
        assert!(turns.take(one).is_none());
        assert!(turns.take(two).is_some());
        drop(held);
        assert!(turns.take(one).is_some());
    }
}
