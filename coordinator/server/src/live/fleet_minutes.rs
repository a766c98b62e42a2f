//! The fleet's last minutes, which are not condensed yet: each is made of the samples once, when somebody first asks for it.
//!
//! A minute of ten thousand agents takes ten thousand looks into their curves. What comes late for a minute is seen when it
//! is condensed, a quarter of an hour later.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::{FLEET_MINUTE_WAIT_MS, TELEMETRY_LATE_MS_MAX};

use crate::curves::fleet::FleetRolled;
use crate::curves::{Step, settled};
use crate::store::{Reader, StoreError};

/// Minutes by their beginning; nothing where no agent was heard of.
#[derive(Debug, Default)]
pub struct FleetMinutes {
    made: Mutex<BTreeMap<Timestamp, Option<FleetRolled>>>,
}

impl FleetMinutes {
    /// Returns the minutes of a span that are over and not condensed yet, the oldest first. Who asks meanwhile waits.
    pub fn read(
        &self,
        reader: &Reader,
        (since, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<(Timestamp, FleetRolled)>, StoreError> {
        let condensed = reader.condensed(Step::Minute)?;
        // Where nothing was condensed for long, what is much older waits for that: an answer reads half an hour at most.
        let oldest = settled(Step::Minute, now).plus_ms(-TELEMETRY_LATE_MS_MAX);
        let from = condensed.max(oldest).max(since);
        let end = Step::Minute.floor(now.plus_ms(-FLEET_MINUTE_WAIT_MS)).min(until);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|at, _| *at >= condensed);
        let mut points = Vec::new();
        let mut at = Step::Minute.floor(from.plus_ms(Step::Minute.ms() - 1));
        while at < end {
            let point = match made.get(&at) {
                Some(point) => *point,
                None => *made.entry(at).or_insert(reader.fleet_minute(at)?),
            };
            points.extend(point.map(|point| (at, point)));
            at = at.plus_ms(Step::Minute.ms());
        }
        Ok(points)
    }
}
