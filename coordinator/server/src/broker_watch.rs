//! Watches the broker beside the links: its alarms, its queues, its settings.

use std::sync::Arc;
use std::time::Duration;

use muster_protocol::limits::{
    BROKER_ALARMS_LOOK_MS, BROKER_LOOK_WAIT_MS_MAX, BROKER_QUEUES_LOOK_MS, BROKER_SETTINGS_LOOK_MS,
    QUEUE_GROWTH_MESSAGES,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::broker::alarms;
use crate::broker::queues::{Queues, queues};
use crate::broker::settings;
use crate::core::Core;
use crate::live::broker_health::Look;

/// A look at the queues that is not older is good enough for the next caller.
const FRESH_MS: i64 = 1_000;

/// Looks at alarms and queues in their rhythms until it is told to stop.
pub(crate) async fn run(core: &Core, stop: &CancellationToken) {
    let watch = async {
        let (mut next_look_ms, mut next_settings_ms) = (0, 0);
        loop {
            look_at_alarms(core).await;
            if next_look_ms == 0 {
                let look = look(core).await;
                remember(core, &look);
                next_look_ms = BROKER_QUEUES_LOOK_MS;
            }
            // A blocked broker does not answer to a message of any size.
            let can_try = core.health().connected && core.broker.blocked().is_none();
            if next_settings_ms == 0 && can_try && look_at_settings(core).await {
                next_settings_ms = BROKER_SETTINGS_LOOK_MS;
            }
            next_look_ms = next_look_ms.saturating_sub(BROKER_ALARMS_LOOK_MS);
            next_settings_ms = next_settings_ms.saturating_sub(BROKER_ALARMS_LOOK_MS);
            tokio::time::sleep(Duration::from_millis(BROKER_ALARMS_LOOK_MS)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watch => {}
    }
}

async fn look_at_alarms(core: &Core) {
    let management = core.management.hurried();
    let asked = tokio::task::spawn_blocking(move || alarms::blocks(&management)).await;
    match asked {
        Ok(Ok(reason)) => core.broker.alarms(reason, core.clock.now()),
        // What was known stays: an API that is slow for a moment ends no alarm.
        Ok(Err(error)) => debug!(%error, "cannot look at the broker's alarms"),
        Err(error) => warn!(%error, "a look at the broker's alarms died"),
    }
}

/// Looks at what the API cannot set, on a connection of its own; returns whether there was an answer.
async fn look_at_settings(core: &Core) -> bool {
    let config = core.config.file.broker.link(&core.config.folder, "muster settings");
    let agents = core.read(crate::store::Reader::agent_ids).await;
    let (Ok(config), Ok(agents)) = (config, agents) else { return false };
    let agents = agents.iter().filter(|(_, is_revoked)| !is_revoked).count() as u64;
    match Box::pin(settings::check(core.management.hurried(), config, agents)).await {
        Ok(advice) => {
            core.broker.state().settings = Some(advice);
            true
        }
        Err(error) => {
            debug!(%error, "cannot look at the broker's settings");
            false
        }
    }
}

/// Looks at the queues, unless another caller has just done so.
pub(crate) async fn look(core: &Core) -> Arc<Look> {
    let mut last = core.broker.looking.lock().await;
    let at = core.clock.now();
    if let Some(last) = last.as_ref().filter(|last| at.since_ms(last.at).abs() < FRESH_MS) {
        return Arc::clone(last);
    }
    let management = core.management.hurried();
    let asked = tokio::task::spawn_blocking(move || queues(&management));
    let wait = Duration::from_millis(BROKER_LOOK_WAIT_MS_MAX);
    let found = match tokio::time::timeout(wait, asked).await {
        Ok(Ok(Ok(queues))) => Ok(queues),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(died)) => Err(died.to_string()),
        Err(_) => Err(format!("no answer within {BROKER_LOOK_WAIT_MS_MAX} ms")),
    };
    let growing = found.as_ref().map(|found| growing(core, found)).unwrap_or_default();
    let look = Arc::new(Look { at, found, growing });
    *last = Some(Arc::clone(&look));
    core.broker.state().look = Some(Arc::clone(&look));
    look
}

fn growing(core: &Core, found: &Queues) -> Vec<String> {
    let state = core.broker.state();
    let grows = found.results().filter(|queue| {
        let before = state.waited.get(&queue.id).copied();
        queue.ready > QUEUE_GROWTH_MESSAGES && before.is_some_and(|before| queue.ready > before)
    });
    grows.map(|queue| queue.id.clone()).collect()
}

fn remember(core: &Core, look: &Look) {
    if let Ok(found) = &look.found {
        let waits = found.results().map(|queue| (queue.id.clone(), queue.ready)).collect();
        core.broker.state().waited = waits;
    }
}
