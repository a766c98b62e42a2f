//! Looking at what streams of events follow: each topic in one task, for as long as somebody follows it.
//!
//! A look is made after a commit, at most once a second, and now and then for what only time changes. Hunts are not looked at
//! here: what [`watch`] shows of them is passed on.

use std::sync::Arc;
use std::time::Duration;

use muster_protocol::ids::RequestId;
use muster_protocol::limits::{EVENTS_LOOK_MS_MAX, EVENTS_PACE_MS};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;
use tracing::debug;

use super::error::ApiError;
use super::events::Topic;
use super::{overview, profiles};
use crate::core::Core;
use crate::hunts::watch::watch;
use crate::live::changes::Changes;
use crate::live::watched::{HuntWatch, Parts};
use crate::roster;
use muster_api::{Page, Time};

/// Begins to look at a topic that nobody looked at.
pub fn begin(core: &Arc<Core>, topic: Topic) {
    // Before the first look: what is committed after it must lead to another.
    let changes = Changes::new(
        core.writer.commits(),
        Duration::from_millis(EVENTS_PACE_MS),
        Duration::from_millis(EVENTS_LOOK_MS_MAX),
    );
    let shared = Arc::clone(core);
    core.tasks.spawn("topic", async move {
        let stop = shared.tasks.stop_signal();
        tokio::select! {
            () = stop.cancelled() => {}
            () = feed(&shared, &topic, changes) => {}
        }
    });
}

async fn feed(core: &Arc<Core>, topic: &Topic, changes: Changes) {
    let name = topic.name();
    match topic {
        Topic::Hunt(hunt) => follow_hunt(core, *hunt, &name).await,
        Topic::HuntAgents(hunt) => follow_parts(core, *hunt, &name).await,
        _ => keep_looking(core, topic, &name, changes).await,
    }
}

/// Looks until nobody follows the topic any more.
async fn keep_looking(core: &Arc<Core>, topic: &Topic, name: &str, mut changes: Changes) {
    while core.topics.is_watched(name) {
        if let Err(error) = look(core, topic, name).await {
            // The next look may succeed, and nothing is missed: it is compared with the last one that did.
            debug!(topic = name, ?error, "a look at a topic failed");
        }
        changes.next().await;
    }
}

async fn look(core: &Arc<Core>, topic: &Topic, name: &str) -> Result<(), ApiError> {
    match topic {
        Topic::Overview => {
            let made = overview::made(core).await?;
            core.topics.document(name, &made.json, made.compared.clone());
        }
        Topic::Agents => {
            core.topics.mark(name, roster::mark(&core.roster, core.clock.now()));
        }
        Topic::Agent(agent) => {
            core.topics.mark(name, roster::mark_of(&core.roster, agent, core.clock.now()));
        }
        Topic::Profiles => {
            let page = profiles::first(core).await?;
            let compared = written(&Page { as_of: Time::default(), ..page.clone() })?;
            core.topics.document(name, &written(&page)?, compared);
        }
        Topic::Hunt(_) | Topic::HuntAgents(_) => {}
    }
    Ok(())
}

/// Writes a document of ours.
pub(super) fn written<T: Serialize>(document: &T) -> Result<String, ApiError> {
    serde_json::to_string(document).map_err(|error| ApiError::bug(error.to_string()))
}

/// Waits until the topic is to be followed on: the hunt is done, or cannot be read. Returns whether it is.
async fn rest(core: &Arc<Core>, name: &str) -> bool {
    sleep(Duration::from_millis(EVENTS_LOOK_MS_MAX)).await;
    core.topics.is_watched(name)
}

async fn watched(core: &Arc<Core>, hunt: RequestId) -> Option<HuntWatch> {
    match watch(core, hunt).await {
        Ok(watching) => watching,
        Err(error) => {
            debug!(%hunt, %error, "a hunt cannot be watched");
            None
        }
    }
}

/// Passes on what is shown of a hunt.
async fn follow_hunt(core: &Arc<Core>, hunt: RequestId, name: &str) {
    loop {
        if let Some(mut watching) = watched(core, hunt).await {
            loop {
                let shown = Arc::clone(&watching.views.borrow_and_update());
                // Watching a hunt that is done ends, and begins again: only its moment is another then.
                if !core.topics.document(name, &shown.json, shown.timeless.clone()) {
                    return;
                }
                let is_over = tokio::select! {
                    changed = watching.views.changed() => changed.is_err(),
                    () = sleep(Duration::from_millis(EVENTS_LOOK_MS_MAX)) => false,
                };
                if is_over {
                    break;
                }
            }
        }
        if !rest(core, name).await {
            return;
        }
    }
}

/// Passes on which parts of a hunt have changed.
async fn follow_parts(core: &Arc<Core>, hunt: RequestId, name: &str) {
    let change = |watching: &HuntWatch| watching.views.borrow().change;
    let mut last = None;
    loop {
        if let Some(mut watching) = watched(core, hunt).await {
            // Watching a hunt that is done ends, and begins again: something may have changed between.
            let now = change(&watching);
            let mut goes_on = last.is_none_or(|last| last == now) || core.topics.parts(name, None);
            while goes_on {
                let received = tokio::select! {
                    received = watching.parts.recv() => Some(received),
                    () = sleep(Duration::from_millis(EVENTS_LOOK_MS_MAX)) => None,
                };
                goes_on = match received {
                    None => core.topics.is_watched(name),
                    Some(Ok(Parts::Changed(parts))) => core.topics.parts(name, Some(&parts)),
                    Some(Ok(Parts::Resync) | Err(RecvError::Lagged(_))) => {
                        core.topics.parts(name, None)
                    }
                    Some(Err(RecvError::Closed)) => break,
                };
            }
            if !goes_on {
                return;
            }
            last = Some(change(&watching));
        }
        if !rest(core, name).await {
            return;
        }
    }
}
