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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Write;
    use crate::store::fleet_curve::tests::{MINUTE, START, store};

    #[tokio::test]
    async fn minutes_are_made_of_samples_until_they_are_condensed() {
        let folder = tempfile::tempdir().unwrap();
        let (place, writer, clock) = store(folder.path()).await;
        let (reader, now) = (place.reader().unwrap(), clock.now());
        let minutes = FleetMinutes::default();
        let read = |back: i64| {
            let since = Timestamp(START + 120 * MINUTE - back * MINUTE);
            minutes.read(&reader, (since, now), now).unwrap()
        };
        // The last one is over by a moment, and what came of it may not be all.
        let shown = read(20);
        let times: Vec<_> = shown.iter().map(|(at, _)| (at.0 - START) / MINUTE).collect();
        assert_eq!(times, (100..119).collect::<Vec<_>>());
        for (at, point) in &shown {
            assert_eq!(reader.fleet_minute(*at).unwrap().as_ref(), Some(point));
        }
        // Half an hour at most, and each once.
        assert_eq!(read(120).len(), 29);
        assert_eq!(minutes.made.lock().unwrap().len(), 29);
        writer.write(Write::Condense).await.unwrap();
        let condensed = reader.condensed(Step::Minute).unwrap();
        let left: Vec<_> = shown.into_iter().filter(|(at, _)| *at >= condensed).collect();
        assert_eq!(left.len(), 14);
        assert_eq!(read(120), left);
        assert_eq!(minutes.made.lock().unwrap().len(), 14);
    }
}
