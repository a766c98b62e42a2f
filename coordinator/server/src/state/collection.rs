//! One agent's collection for a request, and the closed list of states that it can be in.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::Attempt;

use super::{AttemptState, Standing};

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
    /// Stands still by an operator's word.
    Paused,
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
            Self::Paused => "paused",
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

impl Phase {
    /// Returns whether nothing more is to come of a part in this state by itself.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Finished
                | Self::Failed
                | Self::Cancelled
                | Self::Declined
                | Self::Expired
                | Self::Incomplete
        )
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

    /// Returns how far it is by what is stored. `is_whole`: whether the blobs that the footer of the attempt that counts names are
    /// put together.
    pub fn standing(&self, is_whole: bool) -> Standing {
        let counting = self.counting();
        let (class, until) = counting.map(|(_, run)| run.class(is_whole)).unwrap_or_default();
        Standing {
            is_seen: self.is_seen,
            passed: self.passed,
            is_revoked: self.is_revoked,
            class,
            until,
        }
    }

    /// Returns what telemetry last showed of it: nothing, waiting or running.
    pub fn shown(&self) -> Option<bool> {
        self.sampled.map(|(_, is_running)| is_running)
    }

    /// Returns the state at `now` of a request that may begin until `not_after`, of a part whose blobs are put together.
    pub fn phase(&self, now: Timestamp, not_after: Timestamp) -> Phase {
        self.standing(true).phase(now, not_after, self.shown())
    }
}
