//! What the coordinator knows of the broker beside its own link: whether it blocks publishers, and how its queues are.
//!
//! A blocked broker has two signals. The coordinator's own connection is told at once, but only after it has published;
//! the management API always knows, a few seconds late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{
    BROKER_ALARMS_LOOK_MS, BROKER_LOOK_WAIT_MS_MAX, BROKER_QUEUES_LOOK_MS, BROKER_SETTINGS_LOOK_MS,
    QUEUE_GROWTH_MESSAGES, SILENT_MS_MAX,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::alarms;
use super::queues::{Queues, queues};
use super::settings::{self, Advice};
use crate::core::Core;

/// A look at the queues that is not older is good enough for the next caller.
const FRESH_MS: i64 = 1_000;

/// A time in which the broker takes no messages from anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blockage {
    /// Why: `low on disk`, `low on memory`.
    pub reason: String,
    /// When it was first seen; `None` when it was there at the first look.
    pub since: Option<Timestamp>,
    /// When it was seen to be over.
    pub until: Option<Timestamp>,
}

impl Blockage {
    /// Returns whether it explains that an agent last heard of at `heard` is silent at `now`: the agent was heard of
    /// until the blockage began, and has not had the time to speak since it ended.
    pub fn explains(&self, heard: Timestamp, now: Timestamp) -> bool {
        self.since.is_none_or(|since| since.since_ms(heard) <= SILENT_MS_MAX)
            && self.until.is_none_or(|until| now.since_ms(until) <= SILENT_MS_MAX)
    }

    /// Words it for people.
    pub fn sentence(&self) -> String {
        alarms::sentence(&self.reason)
    }
}

/// The queues as they were at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// When the look began.
    pub at: Timestamp,
    /// What was found, or why nothing was.
    pub found: Result<Queues, String>,
    /// Queues in which ever more results wait.
    pub growing: Vec<String>,
}

/// What is known now.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    looking: tokio::sync::Mutex<Option<Arc<Look>>>,
}

#[derive(Debug, Default)]
struct State {
    /// What our own connection was told.
    told: Option<String>,
    /// What the management API says.
    alarms: Option<String>,
    has_looked: bool,
    blockage: Option<Blockage>,
    /// Lines that the broker's configuration lacks; `None` until it was looked at.
    settings: Option<Vec<Advice>>,
    /// Messages that waited at the last periodic look.
    waited: BTreeMap<String, u64>,
}

impl Health {
    /// Takes what the connection was told; `None` when it may publish, or is gone.
    pub fn told(&self, reason: Option<String>, now: Timestamp) {
        let mut state = self.state();
        state.told = reason;
        state.settle(now);
    }

    /// Takes what the management API says.
    pub fn alarms(&self, reason: Option<String>, now: Timestamp) {
        let mut state = self.state();
        state.alarms = reason;
        state.settle(now);
        state.has_looked = true;
    }

    /// Forgets everything: the broker is away, and that is the news.
    pub fn away(&self, now: Timestamp) {
        let mut state = self.state();
        (state.told, state.alarms) = (None, None);
        state.settle(now);
    }

    /// Returns the latest blockage, whether or not it is over.
    pub fn blockage(&self) -> Option<Blockage> {
        self.state().blockage.clone()
    }

    /// Returns why publishers are blocked now.
    pub fn blocked(&self) -> Option<String> {
        self.blockage().filter(|blockage| blockage.until.is_none()).map(|blockage| blockage.reason)
    }

    /// Returns the lines that the broker's configuration lacks; `None` until it was looked at.
    pub fn settings(&self) -> Option<Vec<Advice>> {
        self.state().settings.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn settle(&mut self, now: Timestamp) {
        // The API names the nodes.
        let reason = self.alarms.clone().or_else(|| self.told.clone());
        match (&mut self.blockage, reason) {
            (Some(open), Some(reason)) if open.until.is_none() => open.reason = reason,
            (_, Some(reason)) => {
                warn!(%reason, "the broker blocks publishers");
                let since = self.has_looked.then_some(now);
                self.blockage = Some(Blockage { reason, since, until: None });
            }
            (Some(open), None) if open.until.is_none() => {
                info!("the broker takes messages again");
                open.until = Some(now);
            }
            (_, None) => {}
        }
    }
}

/// Looks at alarms and queues in their rhythms until it is told to stop.
pub async fn run(core: &Core, stop: &CancellationToken) {
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
pub async fn look(core: &Core) -> Arc<Look> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Timestamp = Timestamp(1_000_000);

    fn at(ms: i64) -> Timestamp {
        BEGAN.plus_ms(ms)
    }

    #[test]
    fn either_signal_blocks_and_both_must_go() {
        let health = Health::default();
        health.alarms(None, at(-1));
        health.told(Some("low on disk".into()), BEGAN);
        assert_eq!(health.blocked().as_deref(), Some("low on disk"));
        health.alarms(Some("low on disk on a".into()), at(5));
        assert_eq!(health.blocked().as_deref(), Some("low on disk on a"));
        health.told(None, at(6));
        assert!(health.blocked().is_some());
        health.alarms(None, at(7));
        let over = health.blockage().unwrap();
        assert_eq!((over.since, over.until, health.blocked()), (Some(BEGAN), Some(at(7)), None));
    }

    #[test]
    fn only_agents_that_spoke_until_it_began_are_silenced_by_it() {
        let open = Blockage { reason: "x".into(), since: Some(BEGAN), until: None };
        assert!(open.explains(at(-1_000), at(100_000)));
        assert!(open.explains(at(1_000), at(100_000)));
        assert!(!open.explains(at(-SILENT_MS_MAX - 1), at(1)));
        let over = Blockage { until: Some(at(60_000)), ..open };
        assert!(over.explains(BEGAN, at(60_000 + SILENT_MS_MAX)));
        assert!(!over.explains(BEGAN, at(60_001 + SILENT_MS_MAX)));
    }

    #[test]
    fn an_alarm_that_the_first_look_finds_has_no_beginning() {
        let health = Health::default();
        health.alarms(Some("low on memory".into()), BEGAN);
        assert_eq!(health.blockage().unwrap().since, None);
        health.away(at(1));
        assert_eq!(health.blocked(), None);
    }
}
