//! One agent's collection for a request, and the closed list of states that it can be in.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::Attempt;
use muster_protocol::limits;

use super::AttemptState;

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

/// One agent's part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collection {
    /// The agent counts among the targeted.
    pub is_expected: bool,
    /// The agent has the request.
    pub is_seen: bool,
    /// Since when the agent has read the request and has nothing to do with it.
    pub passed: Option<Timestamp>,
    /// The agent was taken out of the fleet.
    pub is_revoked: bool,
    /// The last telemetry that showed the collection: when, and whether it ran.
    pub sampled: Option<(Timestamp, bool)>,
    /// Every run that is known.
    pub runs: BTreeMap<Attempt, AttemptState>,
}

impl Collection {
    /// Returns the run that counts: the first complete one, else the one that was last heard of, by the coordinator's
    /// clock.
    pub fn counting(&self) -> Option<(&Attempt, &AttemptState)> {
        let complete = self.runs.iter().filter(|(_, run)| run.is_complete() && !run.is_spoilt());
        let ended = |run: &AttemptState| run.last.as_ref().map(|last| last.received);
        let first = complete.min_by_key(|(attempt, run)| (ended(run), **attempt));
        let latest = |(attempt, run): &(&Attempt, &AttemptState)| (run.received(), **attempt);
        first.or_else(|| self.runs.iter().max_by_key(latest))
    }

    /// Returns the state at `now` of a request that may begin until `not_after`.
    pub fn phase(&self, now: Timestamp, not_after: Timestamp) -> Phase {
        match self.told(now, not_after) {
            // Nobody waits for an agent that was revoked; what it had handed to the broker before still counts.
            Phase::Silent | Phase::Seen | Phase::Queued if self.is_revoked => Phase::Expired,
            Phase::Running | Phase::Finishing if self.is_revoked => Phase::Incomplete,
            phase => phase,
        }
    }

    /// Returns whether the agent has read the request and, by its silence, declined it.
    pub fn is_unmatched(&self, now: Timestamp) -> bool {
        let since = self.passed.filter(|_| self.runs.is_empty() && self.sampled.is_none());
        since.is_some_and(|since| now.since_ms(since) > limits::NOT_MATCHED_MS_MIN)
    }

    fn told(&self, now: Timestamp, not_after: Timestamp) -> Phase {
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
        if self.is_unmatched(now) {
            Phase::Declined
        } else if now > not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX) {
            Phase::Expired
        } else if self.is_seen {
            Phase::Seen
        } else {
            Phase::Silent
        }
    }
}
