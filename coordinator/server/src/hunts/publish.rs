//! Publishes requests that are on record, each once.
//!
//! A request is published under its [`PublishLock`], by the launch or by the loop that publishes what is unpublished. Each
//! confirm is recorded at once, per agent for directed queues, so that one full queue does not have the others published
//! again. Only a crash between confirm and record publishes twice; ids make that harmless.

use muster_broker::{Message, PublishError, Publisher};
use muster_protocol::topology::{REQUESTS, directed_queue};

use super::lists;
use muster_api::Route;

use crate::core::Core;
use crate::live::publish_locks::PublishLock;
use crate::store::{StoreError, Write};

/// A hunt never overtakes its list.
const LIST_FIRST: &str = "parts of the hunt's list of hashes go first";

/// Publishes what the broker has not confirmed of a request; `Ok` when it has confirmed everything.
pub async fn publish(
    core: &Core,
    publisher: &Publisher,
    lock: &PublishLock,
) -> Result<(), PublishError> {
    let id = lock.request;
    let known = core.read(move |reader| reader.request(&id)).await.map_err(away)?;
    // Re-read under the publish lock: a previous holder may already have published it. What was released has expired.
    let Some(request) = known.filter(|known| {
        !known.is_published && known.route != Route::Coordinator && !known.is_let_go()
    }) else {
        return Ok(());
    };
    let missing = {
        let request = request.clone();
        core.read(move |reader| lists::missing_parts(reader, &request)).await.map_err(away)?
    };
    if request.route == Route::Directed {
        let left = request.not_after.since_ms(core.clock.now());
        let mut refused = None;
        for agent in core.read(move |reader| reader.unsent(&id)).await.map_err(away)? {
            if missing.agents.contains(&agent) {
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
    } else if missing.is_stream {
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
