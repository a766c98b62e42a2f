//! How far one agent's collection is by what is stored of it, and what time, telemetry and the roster make of that.
//!
//! [`Standing`] is what a read model keeps: it changes only with what is stored. [`Standing::phase`] is the one place where the
//! rest comes in.

use muster_protocol::clock::Timestamp;
use muster_protocol::limits;

use super::Phase;

/// How far the attempt that counts is, by what is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing was heard of any attempt.
    #[default]
    Unanswered,
    /// Waits for a lane.
    Queued,
    /// Runs.
    Running,
    /// Stands still by an operator's word.
    Paused,
    /// Has ended; chunks are missing.
    Awaiting,
    /// Has ended and all chunks are stored; the blobs that they are pieces of are not put together yet.
    Assembling,
    /// Has ended well and everything is stored.
    Finished,
    /// Ended by an error.
    Failed,
    /// Ended by the operator.
    Cancelled,
    /// Refused by the agent.
    Declined,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Unanswered,
        Self::Queued,
        Self::Running,
        Self::Paused,
        Self::Awaiting,
        Self::Assembling,
        Self::Finished,
        Self::Failed,
        Self::Cancelled,
        Self::Declined,
    ];

    /// Returns the word under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Awaiting => "awaiting",
            Self::Assembling => "assembling",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
        }
    }
}

/// How far a collection is, as far as only what is stored changes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The agent has the request.
    pub is_seen: bool,
    /// Since when the agent has read the request and has nothing to do with it.
    pub passed: Option<Timestamp>,
    /// The agent was taken out of the fleet.
    pub is_revoked: bool,
    /// How far the attempt that counts is.
    pub class: Class,
    /// Until when what is missing is waited for, where something is.
    pub until: Option<Timestamp>,
}

impl Standing {
    /// Returns the state at `now` of a request that may begin until `not_after`. `sampled` is what telemetry last showed of the
    /// collection: nothing, waiting (`false`) or running (`true`).
    pub fn phase(&self, now: Timestamp, not_after: Timestamp, sampled: Option<bool>) -> Phase {
        match (self.told(now, not_after, sampled), self.class) {
            (phase, Class::Assembling) => phase,
            // Nobody waits for an agent that was revoked; what it had handed to the broker before still counts.
            (Phase::Silent | Phase::Seen | Phase::Queued, _) if self.is_revoked => Phase::Expired,
            (Phase::Running | Phase::Paused | Phase::Finishing, _) if self.is_revoked => {
                Phase::Incomplete
            }
            (phase, _) => phase,
        }
    }

    /// Returns whether the agent has read the request and, by its silence, declined it.
    pub fn is_unmatched(&self, now: Timestamp, sampled: Option<bool>) -> bool {
        let is_silent = self.class == Class::Unanswered && sampled.is_none();
        let since = self.passed.filter(|_| is_silent);
        since.is_some_and(|since| now.since_ms(since) > limits::NOT_MATCHED_MS_MIN)
    }

    /// Returns whether neither time nor telemetry can change the state any more.
    pub fn is_settled(&self) -> bool {
        match self.class {
            Class::Finished | Class::Failed | Class::Cancelled | Class::Declined => true,
            Class::Awaiting => self.is_revoked,
            Class::Unanswered
            | Class::Queued
            | Class::Running
            | Class::Paused
            | Class::Assembling => false,
        }
    }

    /// Returns the next moment after `now` at which time alone changes the state.
    pub fn changes_at(&self, now: Timestamp, not_after: Timestamp) -> Option<Timestamp> {
        let unanswered = (self.class == Class::Unanswered).then(|| {
            let unmatched = self.passed.map(|since| since.plus_ms(limits::NOT_MATCHED_MS_MIN));
            [unmatched, Some(not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX))]
        });
        let moments = unanswered.into_iter().flatten().chain([self.until]).flatten();
        // A state holds up to its moment, that included.
        moments.map(|at| at.plus_ms(1)).filter(|at| *at > now).min()
    }

    /// Returns when time alone ends it, where that is how it ends: the wait for an answer, or for what is missing.
    pub fn timed_out_at(&self, not_after: Timestamp) -> Option<Timestamp> {
        match self.class {
            Class::Unanswered => {
                let unmatched = self.passed.map(|since| since.plus_ms(limits::NOT_MATCHED_MS_MIN));
                let expired = not_after.plus_ms(limits::CLOCK_SKEW_MS_MAX);
                Some(unmatched.map_or(expired, |at| at.min(expired)))
            }
            Class::Awaiting | Class::Assembling => self.until,
            _ => None,
        }
    }

    fn told(&self, now: Timestamp, not_after: Timestamp, sampled: Option<bool>) -> Phase {
        match self.class {
            Class::Unanswered => {}
            // Telemetry may know sooner than a status that the collection has left the queue.
            Class::Queued if sampled == Some(true) => return Phase::Running,
            Class::Queued => return Phase::Queued,
            Class::Running => return Phase::Running,
            Class::Paused => return Phase::Paused,
            Class::Awaiting | Class::Assembling => {
                let is_over = self.until.is_none_or(|until| now > until);
                return if is_over { Phase::Incomplete } else { Phase::Finishing };
            }
            Class::Finished => return Phase::Finished,
            Class::Failed => return Phase::Failed,
            Class::Cancelled => return Phase::Cancelled,
            Class::Declined => return Phase::Declined,
        }
        match sampled {
            Some(true) => return Phase::Running,
            Some(false) => return Phase::Queued,
            None => {}
        }
        if self.is_unmatched(now, sampled) {
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
