//! One run of a request on one agent: what it said, and which of its chunks are stored.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use common::clock::Timestamp;
use common::limits;
use common::result::{Footer, State as Said, Status};

use super::Phase;

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

    pub(super) fn phase(&self, now: Timestamp) -> Phase {
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

    pub(super) fn apply(&mut self, status: &Status) {
        let slot = if status.state.is_final() { &mut self.last } else { &mut self.latest };
        // The later one counts; of two at one moment the one that is further on. An agent says one final status a
        // run, so for that slot the rule only makes a liar's order irrelevant.
        if slot.as_ref().is_none_or(|held| replaces(status, held)) {
            *slot = Some(status.clone());
        }
    }
}

/// Tells which of two statuses of one run stays, whichever came first.
pub fn replaces(new: &Status, held: &Status) -> bool {
    let order = |status: &Status| (status.at, status.state, status.chunks);
    match order(new).cmp(&order(held)) {
        Ordering::Equal => {
            // Two that say different things of one moment: a liar's, and its order must not matter either.
            let bytes = |status: &Status| common::wire::encode(status).unwrap_or_default();
            bytes(new) > bytes(held)
        }
        order => order == Ordering::Greater,
    }
}
