//! The roster in memory: every agent as the store has it, with its latest sample and its labels parsed once.
//!
//! It is read whole once, when the store's writer starts. From then on it follows the commits: it takes the samples that were stored
//! as they are, and reads other agents that a commit has changed again by their key. What is shown is what is stored, never more, and
//! a rebuild gives the same. No history is kept: of each agent one sample, whose size is bounded where it comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::target::Facts;
use muster_protocol::result::{CollectionSample, Telemetry};

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

    /// Returns when its latest sample came, by the coordinator's clock.
    pub fn heard(&self) -> Option<Timestamp> {
        self.agent.heard.as_ref().map(|(at, _)| *at)
    }

    /// Returns what its latest sample shows of a request.
    pub fn sample(&self, request: &RequestId) -> Option<&CollectionSample> {
        self.said()?.collections.iter().find(|sample| sample.request == *request)
    }

    /// Returns the same agent with a later sample.
    fn reporting(&self, at: Timestamp, said: &Telemetry) -> Self {
        let StoredAgent { id, name, labels, enrolled, revoked, quarantine, heard: _ } = &self.agent;
        let agent = StoredAgent {
            id: id.clone(),
            name: name.clone(),
            labels: labels.clone(),
            enrolled: *enrolled,
            revoked: *revoked,
            quarantine: quarantine.clone(),
            heard: Some((at, stored(said))),
        };
        Self::new(agent, self.faults.clone())
    }
}

/// Returns a sample as it is stored: the policy is kept apart from the samples.
fn stored(said: &Telemetry) -> Telemetry {
    Telemetry { policy: None, ..said.clone() }
}

/// Every agent, by id.
pub type Fleet = BTreeMap<AgentId, Arc<Known>>;

/// A sample of an agent that has become its latest one.
#[derive(Debug)]
pub struct Reported {
    /// The agent before it.
    pub before: Option<Arc<Known>>,
    /// The agent with it.
    pub after: Arc<Known>,
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
    agents: Fleet,
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

    /// Follows a commit: takes the samples that it has stored, and reads agents again of which it has changed something else. All of it
    /// is shown at once; after an error nothing is. Returns the agents that have another sample than before.
    pub fn follow(
        &self,
        reader: &Reader,
        mut again: BTreeSet<AgentId>,
        samples: &[&Telemetry],
        at: Timestamp,
    ) -> Result<Vec<Reported>, StoreError> {
        // The latest sample is the one of the latest moment: after the clock was set back that may be an older one.
        let is_late = |sample: &&Telemetry| self.heard(&sample.agent).is_some_and(|held| held > at);
        let late = samples.iter().copied().filter(is_late).map(|sample| sample.agent.clone());
        again.extend(late);
        let mut own = None;
        let mut changed = BTreeMap::new();
        for id in &again {
            if *id == AgentId::coordinator() {
                own = reader.heard(id)?;
            }
            changed.insert(id.clone(), read(reader, id)?);
        }
        for sample in samples.iter().filter(|sample| !again.contains(&sample.agent)) {
            if sample.agent == AgentId::coordinator() {
                own = Some((at, stored(sample)));
            }
            let known = changed.remove(&sample.agent).unwrap_or_else(|| self.get(&sample.agent));
            let known = known.map(|known| Arc::new(known.reporting(at, sample)));
            changed.insert(sample.agent.clone(), known);
        }
        Ok(self.show(changed, own))
    }

    /// Shows agents as they are now.
    fn show(
        &self,
        changed: BTreeMap<AgentId, Option<Arc<Known>>>,
        own: Option<(Timestamp, Telemetry)>,
    ) -> Vec<Reported> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let change = state.change.saturating_add(1);
        if changed.keys().any(|id| *id != AgentId::coordinator()) {
            state.change = change;
        }
        let mut reported = Vec::new();
        for (id, known) in changed {
            state.changes.insert(id.clone(), change);
            let Some(after) = known else {
                state.agents.remove(&id);
                continue;
            };
            let before = state.agents.insert(id, Arc::clone(&after));
            if before.as_ref().is_none_or(|before| before.agent.heard != after.agent.heard) {
                reported.push(Reported { before, after });
            }
        }
        state.own = own.or(state.own.take());
        reported
    }

    /// Returns when the latest sample of an agent, or of the coordinator itself, came.
    fn heard(&self, id: &AgentId) -> Option<Timestamp> {
        let state = self.state();
        if *id == AgentId::coordinator() {
            return state.own.as_ref().map(|(at, _)| *at);
        }
        state.agents.get(id)?.heard()
    }

    /// Returns every agent, by id. Nothing is committed while it is held: keep it for milliseconds.
    pub fn fleet(&self) -> impl Deref<Target = Fleet> {
        Held(self.state())
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

struct Held<'a>(RwLockReadGuard<'a, State>);

impl Deref for Held<'_> {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.0.agents
    }
}

/// Reads an agent as it is stored.
fn read(reader: &Reader, id: &AgentId) -> Result<Option<Arc<Known>>, StoreError> {
    let Some(agent) = reader.agent(id)? else { return Ok(None) };
    Ok(Some(Arc::new(Known::new(agent, reader.faults_of(id)?))))
}

#[cfg(test)]
pub(crate) mod tests;
