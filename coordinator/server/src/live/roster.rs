//! The roster in memory: every agent as the store has it, with its latest sample and its labels parsed once.
//!
//! It is read whole at the start. From then on the store's writer names the agents that a commit has changed, and each is read
//! again by its key: what is shown is what is stored, never more, and a rebuild gives the same. No history is kept: of each
//! agent one sample, whose size is bounded where it comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::request::target::Facts;
use muster_protocol::result::Telemetry;

use crate::instances::Fault;
use crate::store::{Reader, StoreError, StoredAgent};

/// One agent as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What the roster and its latest sample say.
    pub agent: StoredAgent,
    /// What a target expression can ask of it.
    pub facts: Facts,
    /// What is or was wrong with its identity.
    pub faults: Vec<Fault>,
    /// What a search looks through, in lower case.
    text: String,
}

/// Between two texts that a search looks through: no id, name or host holds it.
const BETWEEN: char = '\0';

impl Known {
    /// Takes an agent and what is wrong with its identity.
    pub fn new(agent: StoredAgent, faults: Vec<Fault>) -> Self {
        let facts = agent.facts();
        let mut text = String::new();
        let labels = facts.labels.iter().map(|(key, value)| format!("{key}={value}"));
        for part in [&facts.id, &agent.name, &facts.host].into_iter().cloned().chain(labels) {
            text.extend(part.chars().flat_map(char::to_lowercase));
            text.push(BETWEEN);
        }
        text.shrink_to_fit();
        Self { agent, facts, faults, text }
    }

    /// Returns whether its id, name, host or one of its labels (`key=value`) holds a text, which is in lower case.
    pub fn holds(&self, lower: &str) -> bool {
        self.text.contains(lower)
    }

    /// Returns its latest sample.
    pub fn said(&self) -> Option<&Telemetry> {
        self.agent.heard.as_ref().map(|(_, said)| said)
    }
}

/// What an id, or its beginning, stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// This one agent.
    One(Arc<Known>),
    /// None.
    None,
    /// So many, and the first of them.
    Many(usize, AgentId),
}

/// Every agent of the fleet.
#[derive(Debug, Default)]
pub struct Roster {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    agents: BTreeMap<AgentId, Arc<Known>>,
    /// The coordinator's own latest sample, and when it was stored.
    own: Option<(Timestamp, Telemetry)>,
    /// Grows with each commit that has changed an agent.
    change: u64,
    /// The change that each agent was last read again with.
    changes: BTreeMap<AgentId, u64>,
}

impl Roster {
    /// Reads the roster whole.
    pub fn load(reader: &Reader) -> Result<Self, StoreError> {
        let mut faults = reader.faults()?;
        let agents = reader.agents()?.into_iter().map(|agent| {
            let faults = faults.remove(&agent.id).unwrap_or_default();
            (agent.id.clone(), Arc::new(Known::new(agent, faults)))
        });
        let agents = agents.collect();
        let own = reader.heard(&AgentId::coordinator())?;
        Ok(Self { state: RwLock::new(State { agents, own, ..State::default() }) })
    }

    /// Reads agents again that a commit has changed; all of them are shown at once.
    pub fn reload(&self, reader: &Reader, ids: &BTreeSet<AgentId>) -> Result<(), StoreError> {
        let mut changed = Vec::with_capacity(ids.len());
        let mut own = None;
        for id in ids {
            if *id == AgentId::coordinator() {
                own = Some(reader.heard(id)?);
            }
            let known = match reader.agent(id)? {
                Some(agent) => Some(Arc::new(Known::new(agent, reader.faults_of(id)?))),
                None => None,
            };
            changed.push((id.clone(), known));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let change = state.change.saturating_add(1);
        if changed.iter().any(|(id, _)| *id != AgentId::coordinator()) {
            state.change = change;
        }
        for (id, known) in changed {
            state.changes.insert(id.clone(), change);
            match known {
                Some(known) => drop(state.agents.insert(id, known)),
                None => drop(state.agents.remove(&id)),
            }
        }
        if let Some(own) = own {
            state.own = own;
        }
        Ok(())
    }

    /// Returns every agent, by id.
    pub fn all(&self) -> Vec<Arc<Known>> {
        self.state().agents.values().cloned().collect()
    }

    /// Returns one agent.
    pub fn get(&self, id: &AgentId) -> Option<Arc<Known>> {
        self.state().agents.get(id).cloned()
    }

    /// Finds the one agent whose id is, or begins with, `prefix`.
    pub fn find(&self, prefix: &str) -> Named {
        let Ok(from) = AgentId::new(prefix) else { return Named::None };
        let state = self.state();
        if let Some(exact) = state.agents.get(&from) {
            return Named::One(Arc::clone(exact));
        }
        let mut found =
            state.agents.range(from..).take_while(|(id, _)| id.as_str().starts_with(prefix));
        match (found.next(), found.count()) {
            (None, _) => Named::None,
            (Some((_, one)), 0) => Named::One(Arc::clone(one)),
            (Some((first, _)), others) => Named::Many(others.saturating_add(1), first.clone()),
        }
    }

    /// Returns a number that grows with each change of an agent, from the start of the coordinator on.
    pub fn change(&self) -> u64 {
        self.state().change
    }

    /// Returns the same of one agent.
    pub fn change_of(&self, id: &AgentId) -> u64 {
        self.state().changes.get(id).copied().unwrap_or(0)
    }

    /// Returns the coordinator's own latest sample, and when it was stored.
    pub fn own(&self) -> Option<(Timestamp, Telemetry)> {
        self.state().own.clone()
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests;
