//! Which agents' results are set aside: those in quarantine, and those over their share.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_protocol::ids::AgentId;
use muster_protocol::limits::HELD_MS_MIN;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is known of agents that are not treated as the others.
#[derive(Debug, Default)]
pub struct Held {
    agents: Mutex<BTreeMap<AgentId, Aside>>,
    /// Told when there is something to bar or to take back.
    pub changed: Notify,
    /// Held while queues are declared and filled, or found empty and deleted.
    pub(crate) queues: tokio::sync::Mutex<()>,
    /// Held while an agent's rights at the broker are changed.
    pub rights: tokio::sync::Mutex<()>,
}

/// One agent.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent states of one agent")]
struct Aside {
    is_quarantined: bool,
    /// Its rights were taken since its last result came.
    is_barred: bool,
    /// It was released, and what was set aside before is being taken back.
    is_pardoned: bool,
    /// There is a queue for what is set aside.
    has_queue: bool,
    /// When its last result was set aside.
    last: Option<Instant>,
}

impl Held {
    /// Takes over what the store knows.
    pub fn load(&self, quarantined: impl Iterator<Item = AgentId>, held: Vec<AgentId>) {
        let mut agents = self.lock();
        for agent in quarantined {
            agents.entry(agent).or_default().is_quarantined = true;
        }
        for agent in held {
            let aside = agents.entry(agent).or_default();
            (aside.has_queue, aside.is_pardoned) = (true, !aside.is_quarantined);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentId, Aside>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an agent is in quarantine.
    pub fn is_quarantined(&self, agent: &AgentId) -> bool {
        self.lock().get(agent).is_some_and(|aside| aside.is_quarantined)
    }

    /// Returns whether an agent's misdeeds may be those that it is or was in quarantine for.
    pub fn is_excused(&self, agent: &AgentId) -> bool {
        self.lock().get(agent).is_some_and(|aside| aside.is_quarantined || aside.is_pardoned)
    }

    /// Puts an agent into quarantine.
    pub fn impose(&self, agent: &AgentId) {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        (aside.is_quarantined, aside.is_barred, aside.is_pardoned) = (true, false, false);
        self.changed.notify_waiters();
    }

    /// Takes an agent out of quarantine.
    pub fn lift(&self, agent: &AgentId) {
        let mut agents = self.lock();
        if let Some(aside) = agents.get_mut(agent) {
            *aside = Aside { is_pardoned: true, has_queue: aside.has_queue, ..Aside::default() };
            if !aside.has_queue {
                agents.remove(agent);
            }
        }
        self.changed.notify_waiters();
    }

    /// Returns the agents whose rights are to be taken; more of them may have come since it was last done.
    pub fn to_bar(&self) -> Vec<AgentId> {
        let agents = self.lock();
        let open = agents.iter().filter(|(_, aside)| aside.is_quarantined && !aside.is_barred);
        open.map(|(agent, _)| agent.clone()).collect()
    }

    /// Notes that an agent's rights were taken.
    pub fn barred(&self, agent: &AgentId) {
        if let Some(aside) = self.lock().get_mut(agent) {
            aside.is_barred = true;
        }
    }

    /// Returns the agents whose results are to be taken back.
    pub(crate) fn to_take_back(&self) -> Vec<AgentId> {
        let agents = self.lock();
        let rested = Duration::from_millis(HELD_MS_MIN);
        let due = agents.iter().filter(|(_, aside)| {
            aside.has_queue
                && !aside.is_quarantined
                && aside.last.is_none_or(|last| last.elapsed() >= rested)
        });
        due.map(|(agent, _)| agent.clone()).collect()
    }

    /// Notes that a result of an agent is set aside; returns whether its queue is there, as far as is known.
    pub(crate) fn note(&self, agent: &AgentId) -> bool {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        aside.last = Some(Instant::now());
        aside.is_barred = false;
        aside.has_queue
    }

    pub(crate) fn set_queue(&self, agent: &AgentId, has_queue: bool) {
        let mut agents = self.lock();
        let aside = agents.entry(agent.clone()).or_default();
        aside.has_queue = has_queue;
        if !has_queue && !aside.is_quarantined {
            agents.remove(agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_taken_back_when_the_quarantine_is_lifted() {
        let held = Held::default();
        let agent = AgentId::new("a-1").unwrap();
        held.load(std::iter::once(agent.clone()), vec![agent.clone()]);
        assert!(held.is_quarantined(&agent) && held.is_excused(&agent));
        assert_eq!(held.to_bar(), std::slice::from_ref(&agent));
        held.barred(&agent);
        assert!(held.to_bar().is_empty() && held.to_take_back().is_empty());
        // It got in once more: its rights are taken again.
        assert!(held.note(&agent));
        assert_eq!(held.to_bar(), std::slice::from_ref(&agent));
        held.lift(&agent);
        assert!(!held.is_quarantined(&agent) && held.is_excused(&agent));
        assert_eq!(held.to_take_back(), std::slice::from_ref(&agent));
        held.set_queue(&agent, false);
        assert!(!held.is_excused(&agent) && held.to_take_back().is_empty());
    }
}
