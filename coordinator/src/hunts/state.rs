//! What became of one request on each agent: a pure fold of events, without I/O and without a clock of its own.
//!
//! The same events in any order, with any of them repeated, give the same state: results travel on several queues
//! and are delivered at least once. Counters are derived here from what is stored and are kept nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::ids::{AgentId, Attempt};
use common::limits;
use common::result::{Footer, State as Said, Status};

use crate::api::types::States;

/// Something that is known about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent was on the roster at launch and matched the target, or joined since.
    Expected(AgentId),
    /// The agent's receipt covers the request.
    Seen(AgentId),
    /// The agent's telemetry shows the collection, waiting or running.
    Sampled {
        /// Whose.
        agent: AgentId,
        /// When, by the agent's clock.
        at: Timestamp,
        /// Whether it has left the queue.
        is_running: bool,
    },
    /// A status is stored.
    Status(Box<Status>),
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
}

/// The state of one agent's part: the closed list that every output shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is known to have reached the agent.
    Silent,
    /// The agent has the request.
    Seen,
    /// Waits for a lane.
    Queued,
    /// Runs.
    Running,
    /// Has ended; chunks are still missing.
    Finishing,
    /// Has ended well and everything is stored.
    Finished,
    /// Ended by an error.
    Failed,
    /// Ended by the operator.
    Cancelled,
    /// Refused by the agent.
    Declined,
    /// Never began, and now may not.
    Expired,
    /// Ended, and chunks have been missing for too long.
    Incomplete,
}

impl Phase {
    /// Returns the word in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Seen => "seen",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One run of the request on one agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The latest status that is not final.
    pub latest: Option<Status>,
    /// The final status.
    pub last: Option<Status>,
    /// Which chunks are stored.
    pub stored: BTreeSet<u64>,
    /// Two different chunks claimed one position.
    pub has_conflict: bool,
}

impl Run {
    /// Returns how many chunks the run has in all, once that is known.
    pub fn chunks(&self) -> Option<u64> {
        self.last.as_ref().map(|status| status.chunks.unwrap_or(0))
    }

    /// Tells whether the run has ended and each of its chunks is stored.
    pub fn is_complete(&self) -> bool {
        self.chunks().is_some_and(|chunks| {
            // Chunks are distinct and counted from 0, so a count of those below the end is enough.
            self.stored.range(..chunks).count() as u64 == chunks
        })
    }

    /// Returns the best figures that are known.
    pub fn footer(&self) -> Option<&Footer> {
        let status = self.last.as_ref().or(self.latest.as_ref())?;
        status.footer.as_ref()
    }

    fn phase(&self, now: Timestamp) -> Phase {
        if self.has_conflict {
            return Phase::Failed;
        }
        let Some(last) = &self.last else {
            let is_queued = self.latest.as_ref().is_some_and(|status| status.state == Said::Queued);
            return if is_queued && self.stored.is_empty() {
                Phase::Queued
            } else {
                Phase::Running
            };
        };
        if !self.is_complete() {
            let waited = now.since_ms(last.at);
            return if waited > limits::FINISHING_MS_MAX {
                Phase::Incomplete
            } else {
                Phase::Finishing
            };
        }
        match last.state {
            Said::Declined => Phase::Declined,
            Said::Failed => Phase::Failed,
            Said::Cancelled => Phase::Cancelled,
            Said::Finished | Said::Queued | Said::Started | Said::Progress => Phase::Finished,
        }
    }

    fn apply(&mut self, status: &Status) {
        let slot = if status.state.is_final() { &mut self.last } else { &mut self.latest };
        // The later one counts; of two at one moment the one that is further on. An agent says one final status a
        // run, so for that slot the rule only makes a liar's order irrelevant.
        let is_newer = slot.as_ref().is_none_or(|held| order(held) < order(status));
        if is_newer {
            *slot = Some(status.clone());
        }
    }
}

/// A total order on statuses that has nothing to do with their arrival.
fn order(status: &Status) -> (Timestamp, Said, Option<u64>, &str, &str) {
    (status.at, status.state, status.chunks, &status.code, &status.reason)
}

/// One agent's part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The agent counts among the targeted.
    pub is_expected: bool,
    /// The agent has the request.
    pub is_seen: bool,
    /// The last telemetry that showed the collection: when, and whether it ran.
    pub sampled: Option<(Timestamp, bool)>,
    /// Every run that is known.
    pub runs: BTreeMap<Attempt, Run>,
}

impl Part {
    /// Returns the run that counts: the first complete one, else the one that was last heard of.
    pub fn counting(&self) -> Option<(&Attempt, &Run)> {
        let complete = self.runs.iter().filter(|(_, run)| run.is_complete() && !run.has_conflict);
        let first =
            complete.min_by_key(|(attempt, run)| (run.last.as_ref().map(|s| s.at), **attempt));
        first.or_else(|| {
            let heard = |run: &Run| run.last.as_ref().max_by_at(run.latest.as_ref());
            self.runs.iter().max_by_key(|(attempt, run)| (heard(run), **attempt))
        })
    }

    /// Returns the state at `now` of a request that may begin until `not_after`.
    pub fn phase(&self, now: Timestamp, not_after: Timestamp) -> Phase {
        if let Some((_, run)) = self.counting() {
            let phase = run.phase(now);
            // Telemetry may know sooner than a status that the collection has left the queue.
            let runs = self.sampled.is_some_and(|(_, is_running)| is_running);
            return if phase == Phase::Queued && runs { Phase::Running } else { phase };
        }
        match self.sampled {
            Some((_, true)) => return Phase::Running,
            Some((_, false)) => return Phase::Queued,
            None => {}
        }
        if now > not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX) {
            Phase::Expired
        } else if self.is_seen {
            Phase::Seen
        } else {
            Phase::Silent
        }
    }
}

/// The later of two moments.
trait MaxByAt {
    fn max_by_at(self, other: Self) -> Option<Timestamp>;
}

impl MaxByAt for Option<&Status> {
    fn max_by_at(self, other: Self) -> Option<Timestamp> {
        self.map(|status| status.at).max(other.map(|status| status.at))
    }
}

/// Everything that is known about one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collections {
    /// By agent.
    pub parts: BTreeMap<AgentId, Part>,
}

impl Collections {
    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Expected(agent) => self.part(agent).is_expected = true,
            Event::Seen(agent) => self.part(agent).is_seen = true,
            Event::Sampled { agent, at, is_running } => {
                let part = self.part(agent);
                part.sampled = part.sampled.max(Some((*at, *is_running)));
                part.is_seen = true;
            }
            Event::Status(status) => {
                let part = self.part(&status.agent);
                part.is_seen = true;
                part.runs.entry(status.attempt).or_default().apply(status);
            }
            Event::Chunk { agent, attempt, seq } => {
                let part = self.part(agent);
                part.is_seen = true;
                part.runs.entry(*attempt).or_default().stored.insert(*seq);
            }
            Event::Conflict { agent, attempt } => {
                self.part(agent).runs.entry(*attempt).or_default().has_conflict = true;
            }
        }
    }

    fn part(&mut self, agent: &AgentId) -> &mut Part {
        self.parts.entry(agent.clone()).or_default()
    }

    /// Counts the agents that are expected, or have joined by answering, in each state.
    pub fn states(&self, now: Timestamp, not_after: Timestamp) -> States {
        let mut states = States::default();
        for part in self.parts.values().filter(|part| part.is_expected || !part.runs.is_empty()) {
            let count = match part.phase(now, not_after) {
                Phase::Silent => &mut states.silent,
                Phase::Seen => &mut states.seen,
                Phase::Queued => &mut states.queued,
                Phase::Running => &mut states.running,
                Phase::Finishing => &mut states.finishing,
                Phase::Finished => &mut states.finished,
                Phase::Failed => &mut states.failed,
                Phase::Cancelled => &mut states.cancelled,
                Phase::Declined => &mut states.declined,
                Phase::Expired => &mut states.expired,
                Phase::Incomplete => &mut states.incomplete,
            };
            *count += 1;
        }
        states
    }
}

#[cfg(test)]
mod tests;
