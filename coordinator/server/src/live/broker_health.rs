//! What the coordinator knows of the broker beside its own links: whether it blocks publishers, and how its queues are.
//!
//! A blocked broker has two signals. The coordinator's own connection is told at once, but only after it has published;
//! the management API always knows, a few seconds late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::SILENT_MS_MAX;
use tracing::{info, warn};

use crate::broker::alarms;
use crate::broker::queues::Queues;
use crate::broker::settings::Advice;
use muster_api::QueueView;

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

/// What the page about the broker shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// When the broker was last asked.
    pub asked: Timestamp,
    /// When it last answered.
    pub at: Option<Timestamp>,
    /// Its version; empty until it has answered.
    pub version: String,
    /// The shared queues.
    pub queues: Vec<QueueView>,
    /// Why they are old, or not all there; empty where they are.
    pub trouble: String,
}

/// What is known now.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
    pub(crate) shown: tokio::sync::Mutex<Option<Arc<Shown>>>,
    pub(crate) looking: tokio::sync::Mutex<Option<Arc<Look>>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What our own connection was told.
    told: Option<String>,
    /// What the management API says.
    alarms: Option<String>,
    has_looked: bool,
    blockage: Option<Blockage>,
    /// Lines that the broker's configuration lacks; `None` until it was looked at.
    pub(crate) settings: Option<Vec<Advice>>,
    /// Messages that waited at the last periodic look.
    pub(crate) waited: BTreeMap<String, u64>,
    /// The last look.
    pub(crate) look: Option<Arc<Look>>,
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

    /// Returns the last look at the queues, without making one.
    pub fn last_look(&self) -> Option<Arc<Look>> {
        self.state().look.clone()
    }

    /// Returns the lines that the broker's configuration lacks; `None` until it was looked at.
    pub fn settings(&self) -> Option<Vec<Advice>> {
        self.state().settings.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
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
