//! What became of one request on each agent: a pure fold of events, without I/O and without a clock of its own.
//!
//! The same events in any order, with any of them repeated, give the same state: results travel on several queues
//! and are delivered at least once. Counters are derived here from what is stored and are kept nowhere else.
//!
//! * [`attempt`]: one attempt at the request, from its statuses and [`chunks`].
//! * [`collection`]: one agent's collection, from its attempts, its receipts and its samples.
//! * [`standing`]: what of that is stored, and what time and telemetry make of it. [`done`]: its figures.

pub mod attempt;
pub mod chunks;
pub mod collection;
pub mod done;
pub mod standing;

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::{AgentId, Attempt};
use muster_protocol::result::Status;

pub use attempt::{AttemptState, Fault, Heard, is_whole, replaces};
pub use chunks::Chunks;
pub use collection::{Collection, Phase};
pub use done::Done;
pub use standing::{Class, Standing};

use muster_api::States;

/// Something that is known about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent was on the roster at launch and matched the target, or joined since.
    Expected(AgentId),
    /// The agent's receipt covers the request.
    Seen(AgentId),
    /// The agent has read the request, holds nothing of it and owes nothing: since when, by the coordinator's clock.
    Passed {
        /// Which.
        agent: AgentId,
        /// Since when.
        at: Timestamp,
    },
    /// The agent was taken out of the fleet.
    Revoked(AgentId),
    /// The agent's telemetry shows the collection, waiting or running.
    Sampled {
        /// Whose.
        agent: AgentId,
        /// When the sample came, by the coordinator's clock.
        at: Timestamp,
        /// Whether it has left the queue.
        is_running: bool,
    },
    /// A status is stored.
    Status {
        /// What the agent said.
        status: Box<Status>,
        /// When it came, by the coordinator's clock.
        received: Timestamp,
    },
    /// A chunk is stored.
    Chunk {
        /// Of whom.
        agent: AgentId,
        /// Of which run.
        attempt: Attempt,
        /// Its position.
        seq: u64,
    },
    /// Two different chunks claim one position.
    Conflict {
        /// Of whom.
        agent: AgentId,
        /// Of which run.
        attempt: Attempt,
    },
    /// The coordinator has failed a run.
    Fault {
        /// Of whom.
        agent: AgentId,
        /// Which.
        attempt: Attempt,
        /// Why.
        fault: Fault,
    },
}

/// Everything that is known about one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collections {
    /// By agent.
    pub parts: BTreeMap<AgentId, Collection>,
}

impl Collections {
    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Expected(agent) => self.part(agent).is_expected = true,
            Event::Seen(agent) => self.part(agent).is_seen = true,
            Event::Passed { agent, at } => {
                let part = self.part(agent);
                part.passed = Some(part.passed.map_or(*at, |held| held.min(*at)));
                part.is_seen = true;
            }
            Event::Revoked(agent) => self.part(agent).is_revoked = true,
            Event::Sampled { agent, at, is_running } => {
                let part = self.part(agent);
                part.sampled = part.sampled.max(Some((*at, *is_running)));
                part.is_seen = true;
            }
            Event::Status { status, received } => {
                let part = self.part(&status.agent);
                part.is_seen = true;
                part.runs.entry(status.attempt).or_default().apply(status, *received);
            }
            Event::Chunk { agent, attempt, seq } => {
                let part = self.part(agent);
                part.is_seen = true;
                part.runs.entry(*attempt).or_default().stored.insert(*seq);
            }
            Event::Conflict { agent, attempt } => {
                self.part(agent).runs.entry(*attempt).or_default().has_conflict = true;
            }
            Event::Fault { agent, attempt, fault } => {
                let part = self.part(agent);
                part.is_seen = true;
                part.runs.entry(*attempt).or_default().fail(fault);
            }
        }
    }

    /// Returns the part of an agent; one of which nothing is known is made.
    pub fn part(&mut self, agent: &AgentId) -> &mut Collection {
        self.parts.entry(agent.clone()).or_default()
    }

    /// Returns the parts that count: of agents that are expected, or have joined by answering.
    pub fn counted(&self) -> impl Iterator<Item = (&AgentId, &Collection)> {
        self.parts.iter().filter(|(_, part)| part.is_expected || !part.runs.is_empty())
    }
}

/// Counts the parts in each state.
pub fn count(phases: impl Iterator<Item = Phase>) -> States {
    let mut states = States::default();
    for phase in phases {
        *counter(&mut states, phase) += 1;
    }
    states
}

/// Returns the counter of a state.
pub const fn counter(states: &mut States, phase: Phase) -> &mut u64 {
    match phase {
        Phase::Silent => &mut states.silent,
        Phase::Seen => &mut states.seen,
        Phase::Queued => &mut states.queued,
        Phase::Running => &mut states.running,
        Phase::Paused => &mut states.paused,
        Phase::Finishing => &mut states.finishing,
        Phase::Finished => &mut states.finished,
        Phase::Failed => &mut states.failed,
        Phase::Cancelled => &mut states.cancelled,
        Phase::Declined => &mut states.declined,
        Phase::Expired => &mut states.expired,
        Phase::Incomplete => &mut states.incomplete,
    }
}

#[cfg(test)]
mod tests;
