//! What hunts and profiles came to when they were last counted: until something of them changes it is not counted again.
//!
//! Most of a long list is over and costs nothing; of the rest only the parts that are not settled are read.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::TALLIES_MAX;

use crate::store::summaries::totals::Tallying;
use crate::store::{News, Reader, StoreError, Summary, Tally};

/// The tallies that are remembered.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<BTreeMap<RequestId, Counted>>);

/// One tally, and as long as what it is good.
#[derive(Debug, Clone)]
struct Counted {
    change: u64,
    sampled: u64,
    at: Timestamp,
    tally: Tally,
}

impl Tallies {
    /// Returns what a request has come to. `summary` is of the moment that the reader shows.
    pub fn of(
        &self,
        reader: &Reader,
        news: &News,
        summary: &Summary,
        now: Timestamp,
    ) -> Result<Tally, StoreError> {
        let sampled = news.sampled(&summary.id);
        if let Some(tally) = self.held(summary, sampled, now) {
            return Ok(tally);
        }
        let open = reader.open_collections(&summary.id)?;
        let mut tallying = Tallying::new(summary, now);
        {
            let fleet = news.fleet();
            for part in &open {
                let known = fleet.get(&part.agent);
                tallying.add(part, known.and_then(|known| known.sample(&summary.id)));
            }
        }
        let tally = tallying.tally();
        let counted = Counted { change: summary.change, sampled, at: now, tally: tally.clone() };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= TALLIES_MAX {
            held.clear();
        }
        held.insert(summary.id, counted);
        Ok(tally)
    }

    fn held(&self, summary: &Summary, sampled: u64, now: Timestamp) -> Option<Tally> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = held.get(&summary.id)?;
        let is_same = counted.change == summary.change && counted.sampled == sampled;
        let holds = now >= counted.at && counted.tally.changes_at.is_none_or(|at| now < at);
        (is_same && holds).then(|| counted.tally.clone())
    }
}
