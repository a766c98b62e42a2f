//! Which machine an attempt ran on, and whether it was the only one under its agent's id.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::CLONE_SHOWN_MS_MAX;

use super::RequestSnapshot;
use crate::instances::{Fault, FaultKind};
use crate::state::{AttemptState, Collection};

/// Agents that the notes of one hunt name.
const NAMED_MAX: usize = 5;

impl RequestSnapshot {
    /// Returns the name of the machine that a run reported; of one that reported none, the agent's present one.
    pub(super) fn host(&self, agent: &AgentId, run: Option<&AttemptState>) -> String {
        if let Some(host) = run.and_then(AttemptState::host) {
            return host.to_owned();
        }
        self.agents.get(agent).map(|known| known.facts.host.clone()).unwrap_or_default()
    }

    /// Returns the clone that an agent was while its part could run, if it was one.
    fn clone_of(&self, agent: &AgentId, part: &Collection) -> Option<&Fault> {
        let ended = part.counting().and_then(|(_, run)| run.last.as_ref()).map(|last| last.at);
        clone_among(self.faults.get(agent)?, self.request.issued, ended.unwrap_or(self.now))
    }

    /// Returns whether two machines could have answered for an agent.
    pub fn is_clone(&self, agent: &AgentId) -> bool {
        let part = self.collections.parts.get(agent);
        part.is_some_and(|part| self.clone_of(agent, part).is_some())
    }

    /// Returns what is to be known of the hunt as a whole.
    pub(super) fn identity_notes(&self) -> Vec<String> {
        let clones =
            self.parts().filter_map(|(agent, part)| Some((agent, self.clone_of(agent, part)?)));
        notes(&clones.collect::<Vec<_>>())
    }
}

/// Returns the clone that an agent was between a request's launch and the end of its part there, if it was one.
pub(in crate::hunts) fn clone_among(
    faults: &[Fault],
    issued: Timestamp,
    end: Timestamp,
) -> Option<&Fault> {
    faults.iter().rev().find(|fault| {
        fault.kind == FaultKind::Clone
            && fault.since <= end
            && fault.until.plus_ms(CLONE_SHOWN_MS_MAX) >= issued
    })
}

/// Names the agents of a hunt that are clones.
pub(in crate::hunts) fn notes(clones: &[(&AgentId, &Fault)]) -> Vec<String> {
    let named = clones.iter().take(NAMED_MAX);
    let mut notes: Vec<_> = named
        .map(|(agent, fault)| {
            format!("{agent} is a clone: {}; its rows are of one of them", fault.text())
        })
        .collect();
    if clones.len() > NAMED_MAX {
        notes.push(format!("{} more agents are clones", clones.len() - NAMED_MAX));
    }
    notes
}
